"""The widget works where the browser blocks third-party cookies and storage."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.journeys.conftest import launch_options
from tests.journeys.stack import Stack
from tests.journeys.test_story import chat_in, sign_in_at_bank

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SOON = 15_000


def test_the_chat_works_with_third_party_cookies_blocked(
    stack: Stack, playwright: Playwright, tmp_path: Path
) -> None:
    preferences = tmp_path / "profile" / "Default" / "Preferences"
    preferences.parent.mkdir(parents=True)
    blocked = {"profile": {"block_third_party_cookies": True, "cookie_controls_mode": 1}}
    preferences.write_text(json.dumps(blocked))
    person = stack.demo["customers"]["northmoor"][1]
    context = playwright.chromium.launch_persistent_context(
        tmp_path / "profile",
        viewport={"width": 390, "height": 844},
        locale="en-GB",
        **launch_options(),
    )
    try:
        page = context.new_page()
        page.goto(stack.bank_origin("northmoor"))
        sign_in_at_bank(page, person)
        chat = chat_in(page)
        expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)

        # What could have worked by a cookie does not: the frame can keep none.
        chat.evaluate("document.cookie = 'probe=1; SameSite=None; Secure'")
        assert "probe" not in chat.evaluate("document.cookie")
        chat.get_by_role("textbox").fill("Hello from a strict browser")
        chat.get_by_role("button", name="Send").click()

        expect(chat.get_by_role("log")).to_contain_text(
            "Hello from a strict browser", timeout=SOON
        )

        # The frame can store nothing either; the host page holds the draft, and cannot read it.
        chat.get_by_role("textbox").fill("Half a sentence")
        # Kept a moment after the last key; what was kept of the message before is gone by then.
        page.wait_for_timeout(1_500)
        page.wait_for_function(
            "Object.keys(sessionStorage).some(name => sessionStorage.getItem(name).length > 40)"
        )
        assert "Half" not in page.evaluate("JSON.stringify(sessionStorage)")
        page.reload()
        expect(chat_in(page).get_by_role("textbox")).to_have_value("Half a sentence", timeout=SOON)
    finally:
        context.close()
