"""The alert that reaches a closed phone: a mail, a link, a sign-in at the bank, one tap, a frozen card."""

import json
import re
import time
from email.message import EmailMessage
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.journeys.stack import Stack
from tests.journeys.test_story import SOON, cards_of, chat_in, thaw
from tests.mailbox import Mailbox, html_of, link_in, text_of
from tests.messaging.notices.push_service import Browser, push_service

MAILED_WITHIN_SECONDS = 45
pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_fraud_alert_reaches_a_closed_phone_and_not_me_freezes_the_card(
    stack: Stack, someone: BrowserContext, box: Mailbox
) -> None:
    person = stack.demo["customers"]["northmoor"][0]
    thaw(stack, "northmoor", person["login"])
    before = mails_when_quiet(box, person["email"])

    # No page is open anywhere.
    with stack.bank("northmoor") as bank:
        order = {"suspicious": True}
        bought = bank.post(f"/customers/{person['login']}/buy", json=order).raise_for_status()
    purchase = bought.json()
    (mail,) = new_mails(box, person["email"], before)

    said = text_of(mail) + html_of(mail) + str(mail["Subject"])
    assert purchase["amount"]["amount"].lstrip("-") not in said
    assert purchase["merchant"] not in said

    page = someone.new_page()
    page.goto(link_in(mail))
    expect(page.get_by_role("heading", level=1)).to_contain_text("Sign in at your bank")
    page.get_by_role("link", name="Go to Northmoor Bank").click()
    expect(page).to_have_url(re.compile(re.escape(stack.bank_origin("northmoor"))))
    page.get_by_role("textbox", name="Login").fill(person["login"])
    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()

    chat = chat_in(page)
    alert = chat.locator(".row-wanted section.alert")
    expect(alert).to_contain_text(purchase["merchant"], timeout=SOON)
    expect(alert.get_by_role("button", name="Not me")).to_be_in_viewport(timeout=SOON)
    assert not any(card["frozen"] for card in cards_of(stack, "northmoor", person["login"]))
    alert.get_by_role("button", name="Not me").click()
    expect(alert).to_contain_text(re.compile(r"Frozen at \d\d:\d\d"), timeout=SOON)
    assert any(card["frozen"] for card in cards_of(stack, "northmoor", person["login"]))

    # Followed again, the link opens the same card as it is now.
    page.goto(link_in(mail))
    page.get_by_role("link", name="Go to Northmoor Bank").click()
    settled = chat_in(page).locator(".row-wanted section.alert")
    expect(settled).to_contain_text(re.compile(r"Frozen at \d\d:\d\d"), timeout=SOON)
    expect(settled.get_by_role("button", name="Not me")).to_have_count(0)
    assert [link_in(each) for each in box.mails].count(link_in(mail)) == 1


def test_an_alert_that_is_on_the_screen_goes_nowhere_else(
    stack: Stack, someone: BrowserContext, box: Mailbox
) -> None:
    person = stack.demo["customers"]["northmoor"][0]
    thaw(stack, "northmoor", person["login"])
    page = someone.new_page()
    page.goto(f"{stack.bank_origin('northmoor')}/phone?customer={person['login']}")
    chat = chat_in(page)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)
    before = mails_when_quiet(box, person["email"])

    with stack.bank("northmoor") as bank:
        bank.post(f"/customers/{person['login']}/buy", json={"suspicious": True})
    waiting = chat.locator("section.alert").last.get_by_role("button", name="Not me")
    expect(waiting).to_be_visible(timeout=SOON)
    page.wait_for_timeout(8_000)

    assert len(mails_to(box, person["email"])) == before


def mails_to(box: Mailbox, address: str) -> list[EmailMessage]:
    """What this customer was mailed: other stories' customers are told in their own time."""
    both = zip(tuple(box.recipients), tuple(box.mails), strict=False)
    return [mail for to, mail in both if to == address]


def mails_when_quiet(box: Mailbox, address: str) -> int:
    """How many there are once what earlier stories left untold has been told."""
    counted = -1
    while counted != len(mails_to(box, address)):
        counted = len(mails_to(box, address))
        time.sleep(8)
    return counted


def new_mails(box: Mailbox, address: str, before: int) -> list[EmailMessage]:
    """What came after so many, once something has."""
    give_up = time.monotonic() + MAILED_WITHIN_SECONDS
    while len(mails_to(box, address)) == before:
        assert time.monotonic() < give_up, "no mail came"
        time.sleep(0.1)
    return mails_to(box, address)[before:]


def test_somebody_elses_link_says_that_the_alert_is_not_here(
    stack: Stack, someone: BrowserContext
) -> None:
    other = stack.demo["customers"]["northmoor"][1]
    page = someone.new_page()
    page.goto(f"{stack.origin('chat')}/alerts/northmoor/01936f2e-5b7a-7c3d-9e1f-0a2b4c6d8e90")
    page.get_by_role("link", name="Go to Northmoor Bank").click()
    page.get_by_role("textbox", name="Login").fill(other["login"])
    page.get_by_label("Password").fill(other["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()

    expect(chat_in(page).locator(".notice")).to_contain_text(
        "The alert of this link is not here", timeout=SOON
    )


PUSH_SERVICE = """
({ endpoint, p256dh, auth, kept }) => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const made = (key) => ({
    endpoint,
    options: { applicationServerKey: key },
    getKey: (name) => bytes(name === "auth" ? auth : p256dh).buffer,
    unsubscribe: async () => true,
  });
  PushManager.prototype.subscribe = async ({ applicationServerKey }) => made(applicationServerKey);
  PushManager.prototype.getSubscription = async () => (kept ? made(new ArrayBuffer(0)) : null);
}
"""


def stand_in(page: Page, browser: Browser, *, kept: bool) -> None:
    """This Chromium has no push service: it gets ours, which then has to be satisfied."""
    given = json.dumps(browser.fields | {"kept": kept})
    page.add_init_script(f"({PUSH_SERVICE})({given})")


def test_a_notification_reaches_a_browser_and_leads_to_the_alert(
    stack: Stack, someone: BrowserContext
) -> None:
    person = stack.demo["customers"]["northmoor"][0]
    thaw(stack, "northmoor", person["login"])
    someone.grant_permissions(["notifications"], origin=stack.origin("chat"))
    with push_service() as service:
        browser = service.browser()
        page = someone.new_page()
        page.goto(f"{stack.bank_origin('northmoor')}/phone?customer={person['login']}")
        chat = chat_in(page)
        expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)
        chat.get_by_role("button", name="Menu").click()
        with someone.expect_page() as opened:
            chat.get_by_role("menuitem", name="How we reach you").click()
        window = opened.value
        expect(window.get_by_role("heading", level=1)).to_have_text("How we reach you")
        stand_in(window, browser, kept=False)
        window.reload()
        service.vapid = str(window.locator("[data-push]").get_attribute("data-key"))

        window.get_by_role("button", name="Notify me in this browser").click()
        expect(window.locator("[data-browser]")).to_have_count(1, timeout=SOON)
        stand_in(window, browser, kept=True)
        window.reload()
        expect(window.get_by_text("this browser", exact=True)).to_be_visible()

        page.close()
        with stack.bank("northmoor") as bank:
            order = {"suspicious": True}
            bank.post(f"/customers/{person['login']}/buy", json=order).raise_for_status()
        for _attempt in range(300):
            if browser.screen:
                break
            window.wait_for_timeout(100)
        (shown,) = browser.screen.values()

        shows = delivered_to_worker(someone, window, json.dumps(shown))
        assert shows == [["Northmoor Bank", shown["body"], shown["path"]]]

        window.goto(stack.origin("chat") + shown["path"])
        window.get_by_role("link", name="Go to Northmoor Bank").click()
        window.get_by_role("textbox", name="Login").fill(person["login"])
        window.get_by_label("Password").fill(person["password"])
        window.get_by_role("button", name="Sign in", exact=True).click()
        alert = chat_in(window).locator(".row-wanted section.alert")
        expect(alert.get_by_role("button", name="Not me")).to_be_visible(timeout=SOON)

        # Answered, so that no mail follows, and removed, so that the next story's mail waits for nothing.
        alert.get_by_role("button", name="It was me").click()
        expect(alert.get_by_role("button", name="Not me")).to_have_count(0, timeout=SOON)
        window.goto(f"{stack.origin('chat')}/reaching/")
        window.locator("[data-browser]").get_by_role("button", name="Remove").click()
        expect(window.locator("[data-browser]")).to_have_count(0, timeout=SOON)


def delivered_to_worker(someone: BrowserContext, page: Page, payload: str) -> Any:
    """What the page's real service worker shows of a push."""
    session = someone.new_cdp_session(page)
    found: list[dict[str, Any]] = []
    session.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda event: found.extend(event["registrations"]),
    )
    session.send("ServiceWorker.enable")
    page.wait_for_timeout(500)
    origin = page.evaluate("location.origin")
    mine = next(each for each in found if each["scopeURL"] == f"{origin}/reaching/")
    push = {"origin": origin, "registrationId": mine["registrationId"], "data": payload}
    page.evaluate(UNTIL_ACTIVE)
    for _try in range(5):
        # Chromium drops what comes while the worker is being started. Shown twice it is shown once: its tag.
        session.send("ServiceWorker.deliverPushMessage", push)
        shown = page.evaluate(SHOWN)
        if shown:
            return shown
    return []


UNTIL_ACTIVE = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/reaching/");
  for (let round = 0; round < 100 && registration.active?.state !== "activated"; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}"""
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.getRegistration("/reaching/");
  for (let round = 0; round < 30; round += 1) {
    const shown = await registration.getNotifications();
    if (shown.length) return shown.map((it) => [it.title, it.body, it.data.path]);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return [];
}"""
