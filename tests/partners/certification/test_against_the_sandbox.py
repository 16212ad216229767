"""The check of a good bank, and of one that misbehaves in each way that the sandbox knows."""

import json
import re
from typing import Any

import pytest
from django.conf import settings

from partners.certification.report import Conclusion, Verdict
from tests.partners.certification.conftest import (
    ACCOUNTS,
    LINKED,
    PAID,
    ROWS,
    check,
    codes,
    result,
)
from tests.sandbox_bank import CLIENT, SECRET, SandboxBank

pytestmark = pytest.mark.slow

REDIRECT = f"{settings.CHAT_ORIGIN}/link/callback"
ASKED_FIRST = ("discovery.document", "discovery.keys", "token.client")


def test_a_good_bank_is_ready(thawed: SandboxBank) -> None:
    report = check(thawed.origin)

    not_passed = {
        each.check.id: (each.verdict.value, each.reason)
        for each in report.results
        if each.verdict != Verdict.PASSED
    }
    assert sorted(not_passed) == ["limits.retry_after", "reach.https"]
    assert report.conclusion == Conclusion.READY
    assert report.exit_code == 0
    everything = json.dumps(report.as_json(), ensure_ascii=False)
    assert not re.search(r"Bearer [\w-]{20}|Basic [\w+/=]{20}", everything)
    assert not re.search(r"_token[^a-z…]{1,8}[\w-]{20}", everything)
    assert thawed.customers()[0]["name"] not in everything


@pytest.mark.parametrize("api", ["v3.1", "berlin_group", "cursor_sync"])
def test_a_good_bank_is_ready_in_whatever_it_speaks(thawed: SandboxBank, api: str) -> None:
    asked = (*ROWS, "balances", "consent", "token", "transactions.from", "answers")

    report = check(thawed.origin, *asked, api=api)

    assert {key for key, found in codes(report).items() if found} == set()
    assert report.conclusion == Conclusion.READY
    left_out = {each.check.id for each in report.results if not each.asked_for}
    assert ("consent.revoked" in left_out) == (api != "v3.1")
    assert ("transactions.from" in left_out) == (api == "cursor_sync")


def test_it_leaves_no_card_frozen_and_no_consent_behind(thawed: SandboxBank) -> None:
    check(thawed.origin, *ACCOUNTS, "freeze.done", "consent")

    cards = [
        card["frozen"]
        for person in thawed.customers()
        for account in person["accounts"]
        for card in account["cards"]
    ]
    assert not any(cards)


FAULTS: dict[str, tuple[dict[str, Any], tuple[str, ...], dict[str, list[str]]]] = {
    "down": ({"down": True}, (), {"reach.answers": ["hung_up"]}),
    "hang": (
        {"hang": True},
        LINKED,
        {
            "discovery.document": ["no_answer_in_time"],
            "discovery.keys": ["no_answer_in_time"],
            "token.client": ["no_answer_in_time"],
        },
    ),
    "drop_responses": (
        {"drop_responses": True},
        LINKED,
        {
            "discovery.document": ["hung_up"],
            "discovery.keys": ["hung_up"],
            "token.client": ["hung_up"],
        },
    ),
    "malformed": (
        {"malformed": True},
        LINKED,
        {
            "discovery.document": ["not_json"],
            "discovery.keys": ["not_json"],
            "token.client": ["not_json"],
        },
    ),
    "500": (
        {"error_rate": True, "status": 500},
        LINKED,
        {each: ["server_error"] for each in ASKED_FIRST},
    ),
    "503": (
        {"error_rate": True, "status": 503},
        LINKED,
        {each: ["unavailable"] for each in ASKED_FIRST},
    ),
    "429": (
        {"error_rate": True, "status": 429, "retry_after_seconds": 0},
        LINKED,
        {each: ["too_many_requests"] for each in ASKED_FIRST},
    ),
    "latency_ms": (
        {"latency_ms": 2100},
        ("reach", "discovery.keys"),
        {"discovery.keys": ["slow"]},
    ),
    "silent": ({"silent": True}, (*PAID, "events.delivered"), {"events.delivered": ["not_told"]}),
    "duplicate_notifications": (
        {"duplicate_notifications": True},
        (*PAID, "events.delivered", "events.once"),
        {"events.once": ["told_twice"]},
    ),
    "renumber": (
        {"renumber": True},
        (*PAID, "transactions.booked"),
        {"transactions.booked": ["renumbered"]},
    ),
    "freeze fails": (
        {"freeze": "fail"},
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["freeze_failed"]},
    ),
    "freeze pending": (
        {"freeze": "pending", "freeze_after_ms": 800},
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["settled_later"]},
    ),
    "freeze late": (
        {"freeze": "late", "freeze_after_ms": 2200},
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["answered_late"]},
    ),
    "freeze hangs": (
        {"freeze": "hang"},
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["acted_without_answering"]},
    ),
    "freeze lost": (
        {"freeze": "lost"},
        (*ACCOUNTS, "freeze.done"),
        {"freeze.done": ["never_arrived"]},
    ),
}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_each_fault_is_named(thawed: SandboxBank, fault: str) -> None:
    faults, only, expected = FAULTS[fault]
    thawed.be(**faults)

    report = check(thawed.origin, *only, timeout=2.5)

    assert codes(report) == expected
    harmless = {"slow", "settled_later", "answered_late", "renumbered", "told_twice"}
    fatal = any(code not in harmless for found in expected.values() for code in found)
    assert (report.exit_code > 0) == fatal
    for each in report.results:
        assert all(found.words and found.advice for found in each.findings)


def test_disorder_is_named(thawed: SandboxBank) -> None:
    """Chance decides whether a burst comes in disorder: of a few, one does."""
    thawed.be(reorder_notifications=True)

    for _ in range(5):
        report = check(thawed.origin, *PAID, "events.delivered", "events.ordered")
        if codes(report) == {"events.ordered": ["told_in_disorder"]}:
            return

    pytest.fail("five bursts came in order")


def test_a_bank_that_is_down_is_not_judged(thawed: SandboxBank) -> None:
    thawed.be(down=True)

    report = check(thawed.origin)

    assert report.conclusion == Conclusion.NOT_JUDGED
    assert report.exit_code == 2
    assert {each.verdict for each in report.results[1:]} == {Verdict.SKIPPED}


def test_a_bank_that_is_away_is_asked_a_few_times_and_then_no_more(thawed: SandboxBank) -> None:
    thawed.be(error_rate=True, status=500)

    report = check(thawed.origin)

    asked = sum(len(each.exchanges) for each in report.results)
    assert report.exit_code == 1
    assert asked < 6


def test_a_bank_that_says_too_often_once_is_asked_again_when_it_says(thawed: SandboxBank) -> None:
    thawed.be(error_rate=0.4, status=429, retry_after_seconds=0)

    report = check(thawed.origin, *ACCOUNTS, "limits", burst=30)

    limits = result(report, "limits.retry_after")
    assert limits.verdict in {Verdict.PASSED, Verdict.WARNED, Verdict.SKIPPED}


def test_checks_may_be_chosen_and_left_out(thawed: SandboxBank) -> None:
    report = check(thawed.origin, *ROWS, skip=("transactions.read",))

    made = [each.check.id for each in report.results if each.verdict != Verdict.SKIPPED]
    assert made[-1] == "accounts.list"
    assert report.exit_code == 0


def test_without_hands_what_needs_a_customer_is_not_made(thawed: SandboxBank) -> None:
    known = {"client_id": CLIENT, "client_secret": SECRET, "redirect_uri": REDIRECT}

    report = check(thawed.origin, levers=False, **known)

    assert result(report, "token.client").verdict == Verdict.PASSED
    assert result(report, "authorise.return").verdict == Verdict.SKIPPED
    assert "--levers" in result(report, "authorise.return").reason
    assert report.exit_code == 2
