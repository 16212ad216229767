"""The alert that reaches a closed phone: a mail, a link, a sign-in at the bank, one tap, a frozen card."""

import re
import time

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.journeys.stack import Stack
from tests.journeys.test_story import SOON, cards_of, chat_in, thaw
from tests.mailbox import Mailbox, html_of, link_in, text_of

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def test_a_fraud_alert_reaches_a_closed_phone_and_not_me_freezes_the_card(
    stack: Stack, someone: BrowserContext, box: Mailbox
) -> None:
    person = stack.demo["customers"]["northmoor"][0]
    thaw(stack, "northmoor", person["login"])
    before = mails_when_quiet(box)

    # No page is open anywhere.
    with stack.bank("northmoor") as bank:
        order = {"suspicious": True}
        bought = bank.post(f"/customers/{person['login']}/buy", json=order).raise_for_status()
    purchase = bought.json()
    mail = box.wait_for(before + 1)

    assert box.recipients[-1] == person["email"]
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
    before = mails_when_quiet(box)

    with stack.bank("northmoor") as bank:
        bank.post(f"/customers/{person['login']}/buy", json={"suspicious": True})
    waiting = chat.locator("section.alert").last.get_by_role("button", name="Not me")
    expect(waiting).to_be_visible(timeout=SOON)
    page.wait_for_timeout(8_000)

    assert len(box.mails) == before


def mails_when_quiet(box: Mailbox) -> int:
    """How many there are once what earlier stories left untold has been told."""
    counted = -1
    while counted != len(box.mails):
        counted = len(box.mails)
        time.sleep(8)
    return counted


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
