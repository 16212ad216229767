"""Every page of a customer's, in two languages, on a phone and at a desk: for eyes, screen readers and keyboards."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.journeys.accessible import keep_picture, violations, wrong_by_keyboard
from tests.journeys.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.slow]
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
STICKS_OUT = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
NOBODYS_ALERT = "01936f2e-5b7a-7c3d-9e1f-0a2b4c6d8e90"


@contextmanager
def somebody(
    stack: Stack, chromium: Browser, language: str, size: dict[str, int], scheme: str
) -> Iterator[Page]:
    """The demonstration's customer of Banca Aurelia, in a window of theirs, who reads that language."""
    context = chromium.new_context(
        viewport=size,  # type: ignore[arg-type]  # Playwright's own type of it
        locale="it-IT" if language == "it" else "en-GB",
        color_scheme=scheme,  # type: ignore[arg-type]  # as above
        reduced_motion="reduce",
    )
    context.set_default_timeout(15_000)
    page = context.new_page()
    entrance = f"{stack.origin('chat')}/start/sharing?bank=aurelia&language="
    page.goto(entrance + language)
    try:
        yield page
    finally:
        # Other stories' customer reads English.
        page.goto(f"{entrance}en")
        context.close()


def stops(stack: Stack, page: Page) -> Iterator[str]:
    """Leads through their pages, one after the other, by the name of each."""
    chat = stack.origin("chat")
    yield "who-sees-what"
    # One of which something can be switched off: other stories leave some that name one thing alone.
    more = page.locator(".chip + .chip")
    card = page.locator("article.recipient").filter(has=more).first
    consent = f"{chat}/sharing/consents/{(card.get_attribute('id') or '')[len('consent-') :]}"
    card.locator("a[data-dialog]").click()
    expect(card.get_by_role("dialog")).to_be_visible()
    yield "ending-in-a-dialog"
    page.goto(f"{consent}/change")
    yield "change"
    page.locator("input[type=checkbox]").first.uncheck()
    page.locator("button[type=submit]").last.click()
    expect(page.locator(".effect")).to_be_visible()
    yield "change-effect"
    for name, address in {
        "end": f"{consent}/end",
        "verify": f"{chat}/sharing/check",
        "your-data": f"{chat}/records/",
        "erase": f"{chat}/records/erase",
        "reaching": f"{chat}/reaching/",
        "link": f"{chat}/link/begin",
    }.items():
        page.goto(address)
        yield name
    come_back_from_bank(stack, page)
    yield "link-choose"
    for box in page.locator("input[type=checkbox]").all():
        box.uncheck()
    page.locator("button[value=yes]").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    yield "link-wrong"
    page.locator("button[value=no]").click()
    expect(page.locator("form.sheet-card")).to_have_count(0)
    yield "link-declined"
    page.goto(f"{chat}/link/choose")
    yield "link-too-late"
    page.goto(f"{chat}/link/done")
    yield "linked"
    page.goto(f"{stack.origin()}/start/program?bank=aurelia")
    expect(page).to_have_url(f"{chat}/asking/")
    yield "asked"
    page.locator("button[value=yes]").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    yield "asked-wrong"
    page.goto(f"{stack.origin()}/start/program?bank=northmoor")
    yield "asked-by-a-stranger"
    page.goto(f"{chat}/oauth/authorize?client_id=nobody")
    yield "no-such-program"
    page.goto(f"{chat}/alerts/northmoor/{NOBODYS_ALERT}")
    yield "alert-link"
    page.context.clear_cookies()
    page.goto(f"{chat}/sharing/")
    yield "window-ended"


def come_back_from_bank(stack: Stack, page: Page) -> None:
    """On to the bank, which hears the customer's yes behind its counter; and back to choose."""
    person = stack.demo["customers"]["aurelia"][0]
    page.locator("form.sheet-card button[type=submit]").click()
    page.wait_for_url(re.compile(re.escape(stack.bank_origin("aurelia"))))
    asked = dict(parse_qsl(urlsplit(page.url).query))
    approval = {
        "consent_id": asked["openbanking_intent_id"],
        "login": person["login"],
        "all": True,
        "redirect_uri": asked["redirect_uri"],
        "code_challenge": asked["code_challenge"],
    }
    with stack.bank("aurelia") as bank:
        code = bank.post("/approve", json=approval).raise_for_status().json()["code"]
    page.goto(f"{asked['redirect_uri']}?state={asked['state']}&code={code}")
    expect(page.locator("input[name=accounts]").first).to_be_visible()


@pytest.mark.parametrize(
    ("language", "size", "scheme"),
    [
        ("en", DESK, "light"),
        ("it", DESK, "dark"),
        ("en", PHONE, "dark"),
        ("it", PHONE, "light"),
    ],
    ids=["en-desk", "it-desk-dark", "en-phone-dark", "it-phone"],
)
def test_customers_pages_are_for_everybody(
    stack: Stack, chromium: Browser, language: str, size: dict[str, int], scheme: str
) -> None:
    wrong: list[tuple[str, str]] = []
    with somebody(stack, chromium, language, size, scheme) as page:
        page.on("pageerror", lambda error: wrong.append((page.url, str(error))))
        for name in stops(stack, page):
            keep_picture(page, f"{name}-{language}-{size['width']}-{scheme}")
            wrong += [(name, each) for each in violations(page)]
            wrong += [(name, each) for each in wrong_by_keyboard(page)]
            if sticks_out := page.evaluate(STICKS_OUT):
                wrong.append((name, f"{sticks_out} px wider than the screen"))
            if page.locator("html").get_attribute("lang") != language:
                wrong.append((name, "says to be in another language"))

    assert wrong == []


def test_a_program_is_answered_by_the_keyboard_alone(stack: Stack, chromium: Browser) -> None:
    with somebody(stack, chromium, "en", DESK, "light") as page:
        page.goto(f"{stack.origin()}/start/program?bank=aurelia")
        for label in ("Conto Chiaro", "Your balances", "30 days", "Yes, allow it"):
            press_tab_until(page, label)
            page.keyboard.press("Enter" if label.startswith("Yes") else "Space")

        expect(page.get_by_role("heading", level=1)).to_have_text("You said yes")
        given = page.locator("[data-consent]").inner_text().rpartition("_")[2]

        # And taken back by it: the dialog opens on the harmless answer, and gives the focus back.
        page.goto(f"{stack.origin('chat')}/sharing/")
        mine = page.locator(f"#consent-{UUID(hex=given)}")
        mine.get_by_role("link", name="End this").focus()
        page.keyboard.press("Enter")
        expect(mine.get_by_role("button", name="Keep it")).to_be_focused()
        page.keyboard.press("Escape")
        expect(mine.get_by_role("link", name="End this")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        expect(mine.get_by_role("button", name="End it now")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_text("Ended. Nothing more is read.")).to_be_visible()


def press_tab_until(page: Page, label: str) -> None:
    """Tab on to what is called so."""
    here = "() => (document.activeElement.labels?.[0] ?? document.activeElement).innerText ?? ''"
    for _press in range(60):
        page.keyboard.press("Tab")
        said = page.evaluate(here)
        if re.search(re.escape(label), said):
            return
        # Of radio buttons Tab comes to the first alone; arrows go on.
        if re.search(r"\bdays?\b", said) and label.endswith("days"):
            page.keyboard.press("ArrowDown")
            if label in page.evaluate(here):
                return
    raise AssertionError(f"Tab never comes to {label}")
