"""The first story: something is bought, the customer is told, says no, and the bank freezes the card."""

import re
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from playwright.sync_api import BrowserContext, Frame, Page, expect

from tests.journeys.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SOON = 15_000


def cards_of(stack: Stack, slug: str, login: str) -> list[dict[str, Any]]:
    with stack.bank(slug) as bank:
        customers = bank.get("/customers").raise_for_status().json()["customers"]
    accounts = next(each["accounts"] for each in customers if each["login"] == login)
    return [card for account in accounts for card in account["cards"]]


def thaw(stack: Stack, slug: str, login: str) -> None:
    with stack.bank(slug) as bank:
        bank.post(f"/customers/{login}/cards", json={"frozen": False}).raise_for_status()


def chat_in(page: Page) -> Frame:
    """The chat's own frame, wherever it is embedded: the loader keeps it in a closed shadow root."""
    for _attempt in range(100):
        for frame in page.frames:
            if "/widget/frame" in frame.url:
                return frame
        page.wait_for_timeout(100)
    raise AssertionError("the chat did not open")


def test_a_suspicious_purchase_is_told_refused_and_frozen_by_the_bank(
    stack: Stack, desk: Page
) -> None:
    customer = stack.demo["customers"]["northmoor"][0]
    thaw(stack, "northmoor", customer["login"])
    desk.goto(f"{stack.origin()}/?bank=northmoor")
    chat = chat_in(desk)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)
    alerts = chat.locator("section.alert")
    before = alerts.count()

    desk.get_by_role("button", name="Buy something suspicious").click()

    # The new one: other stories have left theirs in the same conversation.
    expect(alerts).to_have_count(before + 1, timeout=SOON)
    alert = alerts.last
    expect(alert.get_by_role("button", name="Not me")).to_be_visible(timeout=SOON)
    assert not any(card["frozen"] for card in cards_of(stack, "northmoor", customer["login"]))
    alert.get_by_role("button", name="Not me").click()
    expect(alert).to_contain_text(re.compile(r"Frozen at \d\d:\d\d"), timeout=SOON)
    assert any(card["frozen"] for card in cards_of(stack, "northmoor", customer["login"]))
    expect(desk.locator("#ledger .timeline li").first).to_be_visible()


def test_one_click_on_who_sees_what_ends_it_at_once(stack: Stack, someone: BrowserContext) -> None:
    customer = stack.demo["customers"]["aurelia"][0]
    desk, sharing = someone.new_page(), someone.new_page()
    desk.goto(f"{stack.origin()}/?bank=aurelia")
    chat = chat_in(desk)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)
    with stack.bank("aurelia") as bank:
        bank.post(f"/customers/{customer['login']}/cards", json={"frozen": False})
    desk.get_by_role("button", name="Buy something suspicious").click()
    expect(chat.locator("section.alert").last).to_be_visible(timeout=SOON)
    sharing.goto(f"{stack.origin('chat')}/start/sharing?bank=aurelia")

    mine = sharing.locator("article", has_text="The chat of Banca Aurelia")
    mine.get_by_role("link", name="End this").click()
    mine.get_by_role("dialog").locator("button[type=submit]").last.click()

    expect(chat.locator(".card-withheld").last).to_contain_text("Not shared", timeout=SOON)
    expect(chat.locator("section.alert")).to_have_count(0)


def sign_in_as_staff(stack: Stack, page: Page, email: str) -> None:
    entry = next(each for each in stack.demo["sign_ins"] if each["login"] == email)
    secret = entry["note"].rpartition(" ")[2]
    page.goto(stack.origin("console"))
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(entry["password"])
    page.get_by_role("button", name="Sign in").click()
    counter = page.evaluate("Math.floor(Date.now() / 30000)")
    page.locator("input[name=code]").fill(format_hotp_value(hotp_value(secret, counter)))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def sign_in_at_bank(page: Page, person: dict[str, str]) -> None:
    """As a customer does on the bank's own site; then the chat is opened."""
    page.get_by_role("textbox", name="Login").fill(person["login"])
    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    # The launcher stands in a closed shadow root; this is what it calls.
    for _attempt in range(100):
        if page.evaluate("() => Boolean(window.BankChat)"):
            break
        page.wait_for_timeout(100)
    page.evaluate("() => window.BankChat.open()")


def test_staff_customer_and_bank_are_signed_in_at_once_in_one_browser(
    stack: Stack, someone: BrowserContext
) -> None:
    staff, customer = someone.new_page(), someone.new_page()
    person = stack.demo["customers"]["northmoor"][0]
    sign_in_as_staff(stack, staff, "owner@northmoor-bank.example")
    customer.goto(stack.bank_origin("northmoor"))
    sign_in_at_bank(customer, person)
    chat = chat_in(customer)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)

    chat.get_by_role("textbox").fill("Is my new card on its way?")
    chat.get_by_role("button", name="Send").click()

    expect(chat.get_by_role("log")).to_contain_text("Is my new card on its way?")
    staff.reload()
    expect(staff.get_by_text("Northmoor Bank").first).to_be_visible()
    names = {each["name"] for each in someone.cookies()}
    assert "console_session" in names
    assert not any("chat" in each for each in names)
