"""What was bought, where it is, and what is left: a receipt, a parcel that moves on, a balance asked for anew."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.stack import Stack
from tests.journeys.test_story import SOON, chat_in, thaw

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SHOP = "Lanternfold Outfitters"


def test_a_purchase_shows_its_receipt_and_parcel_and_a_balance_is_asked_for_anew(
    stack: Stack, desk: Page
) -> None:
    customer = stack.demo["customers"]["northmoor"][0]
    thaw(stack, "northmoor", customer["login"])
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.goto(f"{stack.bank_origin('northmoor')}/phone?customer={customer['login']}")
    chat = chat_in(desk)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)

    order = {"amount": "23.40", "merchant": SHOP, "receipt": "now", "parcel": True}
    with stack.bank("northmoor") as bank:
        path = f"/customers/{customer['login']}/buy"
        bought = bank.post(path, json=order).raise_for_status().json()

    receipt = chat.get_by_role("group", name=f"Receipt from {SHOP}")
    expect(receipt.locator(".sum-whole dd")).to_have_text("£23.40", timeout=SOON)
    assert receipt.locator(".line").count() > 0
    row = chat.locator("li.row", has=chat.get_by_role("group", name=f"Parcel from {SHOP}"))
    here = row.locator("li[aria-current=step]")
    expect(row.locator(".parcel-status")).to_have_text("Ordered", timeout=SOON)
    expect(here).to_have_text("Ordered")
    its_id = row.get_attribute("data-id")

    parcel = f"shp-{bought['AccountId']}-{bought['TransactionId']}"
    with stack.bank("northmoor") as bank:
        bank.post(
            "/parcels/move", json={"parcel_id": parcel, "to": "in_transit"}
        ).raise_for_status()

    expect(row.locator(".parcel-status")).to_have_text("On its way", timeout=SOON)
    expect(here).to_have_text("On its way")
    assert (row.count(), row.get_attribute("data-id")) == (1, its_id)

    chat.get_by_role("textbox").fill("balance")
    chat.get_by_role("button", name="Send").click()
    balances = chat.locator("section.balances").last
    refresh = balances.get_by_role("button", name="Refresh")
    expect(refresh).to_have_attribute("aria-busy", "false", timeout=SOON)
    as_of = balances.locator("time").first
    before = as_of.get_attribute("datetime") or ""
    desk.wait_for_timeout(1_100)  # What was read within a second is not asked for again here.

    refresh.click()

    expect(as_of).not_to_have_attribute("datetime", re.compile(re.escape(before)), timeout=SOON)
    expect(balances.get_by_role("status")).to_have_text("Up to date", timeout=SOON)
    assert (as_of.get_attribute("datetime") or "") > before
