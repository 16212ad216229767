"""What the processes say of themselves while people use them: one trace to the screen, and nobody's data."""

import time

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.collector import Collector, Step
from tests.journeys.stack import Stack
from tests.journeys.test_story import chat_in, thaw

pytestmark = [pytest.mark.browser, pytest.mark.slow]
SOON = 15_000
SECRET = "My grandmother's maiden name is Quattrocchi"
OURS = ("web", "worker", "relay", "beat", "postgres", "valkey")


def bought_and_said(stack: Stack, desk: Page) -> None:
    customer = stack.demo["customers"]["northmoor"][0]
    thaw(stack, "northmoor", customer["login"])
    desk.goto(f"{stack.origin()}/?bank=northmoor")
    chat = chat_in(desk)
    expect(chat.get_by_role("log")).to_be_visible(timeout=SOON)
    before = chat.locator("section.alert").count()
    desk.get_by_role("button", name="Buy something suspicious").click()
    expect(chat.locator("section.alert")).to_have_count(before + 1, timeout=SOON)
    chat.get_by_role("textbox").fill(SECRET)
    chat.get_by_role("button", name="Send").click()
    expect(chat.get_by_role("log")).to_contain_text(SECRET, timeout=SOON)


def whole_trace(collector: Collector) -> list[Step]:
    """A trace that reached a screen; the processes tell of their steps a moment later."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for steps in collector.trace_of("hear partners.alert_raised"):
            if "show a stream" in {each.name for each in steps}:
                return steps
        time.sleep(0.2)
    return []


def test_one_trace_goes_from_the_banks_notification_to_the_socket(
    stack: Stack, desk: Page, collector: Collector
) -> None:
    bought_and_said(stack, desk)

    steps = {(each.process, each.name) for each in whole_trace(collector)}

    told = "POST api /open-banking/<slug:slug>/event-notifications"
    assert {
        ("web", told),
        ("worker", "read a feed"),
        ("worker", "GET bank"),
        ("relay", "hear partners.alert_raised"),
        ("web", "show a stream"),
    } <= steps


def private_words(stack: Stack) -> set[str]:
    """Every name, number, sign-in and merchant that the demonstration made up."""
    found = {SECRET}
    for slug in ("aurelia", "northmoor", "quillon"):
        with stack.bank(slug) as bank:
            people = bank.get("/customers").raise_for_status().json()["customers"]
            ledger = bank.get("/ledger").raise_for_status().json()
        for person in people:
            found |= {person["name"], person["login"], person["password"]}
        for each in ledger["accounts"]:
            found |= {
                str(value) for key, value in each.items() if key in {"identification", "name"}
            }
        for each in ledger["transactions"]:
            found |= {each["merchant_name"] or "", each["description"] or ""}
    # A number or word that is too short says nothing of anybody.
    return {each for each in found if len(each) >= 6}


def test_no_log_line_and_no_trace_says_anything_of_a_customer(
    stack: Stack, desk: Page, collector: Collector
) -> None:
    bought_and_said(stack, desk)
    words = private_words(stack)
    assert len(words) > 50

    said = {
        name: (stack.state / "log" / f"{name}.log").read_text(errors="replace") for name in OURS
    }
    said["traces"] = "\n".join(each.words for each in collector.steps)

    assert said["web"]
    assert said["worker"]
    # By place and length alone: what it was stays out of this one's words too.
    assert [
        (place, len(word)) for place, text in said.items() for word in words if word in text
    ] == []
