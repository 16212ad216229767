"""A customer who has linked nothing goes from the chat to the bank and back, in a window of their own."""

import re

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.journeys.stack import Stack
from tests.journeys.test_story import SOON, chat_in

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_linking_begins_in_the_chat_and_ends_in_it(stack: Stack, someone: BrowserContext) -> None:
    person = stack.demo["customers"]["northmoor"][1]
    phone = someone.new_page()
    phone.goto(f"{stack.bank_origin('northmoor')}/phone?customer={person['login']}")
    chat = chat_in(phone)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)
    chat.get_by_role("button", name="Menu").click()
    with someone.expect_page() as opened:
        chat.get_by_role("menuitem").first.click()
    window = opened.value

    window.get_by_role("button", name="Continue to Northmoor Bank").click()
    expect(window).to_have_url(re.compile(re.escape(stack.bank_origin("northmoor"))))
    window.get_by_role("textbox", name="Login").fill(person["login"])
    window.get_by_label("Password").fill(person["password"])
    window.get_by_role("button", name="Continue", exact=True).click()
    window.get_by_role("button", name="Allow", exact=True).click()

    expect(window).to_have_url(f"{stack.origin('chat')}/link/choose", timeout=SOON)
    expect(window.locator("input[type=checkbox]:checked")).to_have_count(0)
    window.locator("input[name=accounts]").first.check()
    for label in ("Your balances", "Your payments and income", "Fraud suspected", "90 days"):
        window.get_by_label(label).check()
    window.get_by_role("button", name="Yes, allow it").click()

    expect(window).to_have_url(f"{stack.origin('chat')}/link/done", timeout=SOON)
    expect(window.locator(".rows__title")).to_have_count(1)
    expect(window.get_by_role("link", name="PDF")).to_be_visible()
    expect(chat.get_by_role("log")).to_contain_text("Your accounts are linked", timeout=SOON)
