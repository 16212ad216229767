"""A bank that counts our calls: judged by its own book of them, over a day of our clock."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from partners.banks.models import Bank, Customer
from partners.connections.models import Connection
from partners.connections.queries import held_off_until
from partners.feeds.cursors import ask_now, claim_due, hint_accounts, take_call
from partners.feeds.models import FeedCursor
from partners.integrations.models import Integration
from partners.sync.again import read_again as read_rows_again
from partners.sync.pulling import pull_bank
from partners.sync.queries import standings
from portal.tenancy.blocks import serving, serving_customer
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


class Book:
    """What the bank was asked since this was opened."""

    def __init__(self, sandbox: SandboxBank) -> None:
        self.sandbox = sandbox
        self.after = max((each["number"] for each in self._all(0)), default=0)

    def _all(self, after: int) -> list[dict[str, Any]]:
        return list(self.sandbox.do("GET", f"calls?after={after}")["calls"])

    def calls(self, what: str) -> list[dict[str, Any]]:
        return [each for each in self._all(self.after) if each["path"].endswith(what)]

    def refused(self) -> list[dict[str, Any]]:
        return [each for each in self._all(self.after) if each["status"] == 429]


@pytest.fixture
def counting(sandbox: SandboxBank) -> Iterator[SandboxBank]:
    sandbox.do("PUT", "allowance", a_day=4)
    yield sandbox
    sandbox.do("PUT", "allowance", a_day=None)


def linked(sandbox: SandboxBank, person: dict[str, Any], connector: str) -> tuple[Bank, Customer]:
    """One account of a bank by that protocol, nothing of which was read yet."""
    bank = know_bank(sandbox)
    with serving(bank.id):
        Integration.objects.update(connector=connector)
    customer = know_customer(bank, person)
    link(sandbox, customer, person["login"], accounts=[person["accounts"][0]["AccountId"]])
    return bank, customer


def test_four_calls_a_day_are_spread_and_never_overdrawn(
    counting: SandboxBank, person: dict[str, Any]
) -> None:
    """A day of our clock, at every quarter of an hour of which the bank hints at something new."""
    bank, customer = linked(counting, person, "berlin_group")
    book, begin = Book(counting), timezone.now()
    for step in range(96):
        at = begin + step * timedelta(minutes=15)
        with serving(bank.id):
            if step % 2:
                hint_accounts(account_ids=None, at=at, trace="")
        pull_bank(bank_id=bank.id, clock=lambda at=at: at)  # type: ignore[misc]

    lists = [each for each in book.calls("/transactions") if "page=" not in each["query"]]
    assert book.refused() == []
    assert (len(lists), len(book.calls("/balances"))) == (3, 3)
    with serving(bank.id):
        way = Connection.objects.get()
        places = list(FeedCursor.objects.all())
        standing = standings([way], bank=bank, at=at)[way.id]
    assert way.calls_a_day == 4
    assert {each.last_problem for each in places} == {"calls_used_up"}
    assert all(each.due_at and each.due_at > at for each in places)
    assert (standing.state.value, standing.reason) == ("healthy", "calls_used_up")
    assert standing.next_at is not None
    assert standing.next_at > at

    # The customer's own question is not counted where it can be said that they are there; else it is one of four.
    for asked_from, n in (("203.0.113.7", 4), ("203.0.113.7", 5), ("", 6), ("2001:db8::7", 6)):
        ask(customer, places[0].account_id, at, asked_from)
        pull_bank(bank_id=bank.id, clock=lambda: at)
        assert (len(book.calls("/balances")), book.refused()) == (n, [])
    attended = Counter(each["attended"] for each in book.calls("/balances"))
    assert attended == {False: 4, True: 2}


def test_a_list_whose_day_is_used_up_waits_for_the_next_and_the_customer_does_not(
    sandbox: SandboxBank, person: dict[str, Any]
) -> None:
    """The bank allows less than its consent says, and not until when (ACCESS_EXCEEDED)."""
    bank, customer = linked(sandbox, person, "berlin_group")
    begin = timezone.now()
    pull_bank(bank_id=bank.id, clock=lambda: begin)
    sandbox.do("PUT", "allowance", a_day=1)
    try:
        for _ in range(2):
            with serving(bank.id):
                FeedCursor.objects.exclude(kind="balances").delete()
                FeedCursor.objects.update(due_at=begin)
            pull_bank(bank_id=bank.id, clock=lambda: begin)
        with serving(bank.id):
            place, way = FeedCursor.objects.get(), Connection.objects.get()
        later, book = begin + timedelta(minutes=1), Book(sandbox)
        waits = [due_again(bank, place, later, by_staff=by_staff) for by_staff in (False, True)]
        assert book.calls("/balances") == []
        with serving_customer(bank.id, customer.id):
            told = [
                held_off_until(
                    customer_id=customer.id,
                    account_ids=[place.account_id],
                    kind="balances",
                    at=later,
                    asked_from=each,
                )
                for each in ("203.0.113.7", "2001:db8::7")
            ]
        ask(customer, place.account_id, later, "203.0.113.7")
        pull_bank(bank_id=bank.id, clock=lambda: later)
    finally:
        sandbox.do("PUT", "allowance", a_day=None)

    midnight = datetime.combine(
        begin.astimezone(ZoneInfo(bank.time_zone)) + timedelta(days=1),
        time(),
        ZoneInfo(bank.time_zone),
    )
    assert place.last_problem == "rate_limited"
    assert place.due_at is not None
    assert abs(place.due_at - midnight) < timedelta(minutes=2)
    assert way.resume_at is not None
    assert way.resume_at <= later
    assert [each["status"] for each in book.calls("/balances")] == [200]
    with serving(bank.id):
        after = FeedCursor.objects.get()
    until = place.calls_reset_at
    assert place.calls_left == 0
    assert waits == [(until, "calls_used_up")] * 2
    assert told == [None, until]
    assert (after.fresh_as_of, after.last_problem) == (later, "")
    assert until is not None
    assert after.due_at is not None
    assert after.due_at >= until


def due_again(
    bank: Bank, place: FeedCursor, at: datetime, *, by_staff: bool
) -> tuple[datetime | None, str]:
    """The bank hints at it, or staff have it read again, also where it stands within a list: for when it waits, and why."""
    with serving(bank.id):
        if by_staff:
            FeedCursor.objects.update(unreadable_rows=1)
            assert read_rows_again(place.id, staff_id=uuid4(), at=at)
        else:
            hint_accounts(account_ids=None, at=at, trace="")
            claim = claim_due(at=at, lease=timedelta(minutes=1))
            assert claim is not None
            within = replace(claim, place="a page", run_id=uuid4())
            assert take_call(within, at=at) == place.calls_reset_at
            FeedCursor.objects.update(lease_until=None)
    pull_bank(bank_id=bank.id, clock=lambda: at)
    with serving(bank.id):
        return FeedCursor.objects.values_list("due_at", "last_problem").get()


def ask(customer: Customer, account_id: Any, at: datetime, asked_from: str) -> None:
    with serving_customer(customer.bank_id, customer.id):
        ask_now(
            customer_id=customer.id,
            account_ids=[account_id],
            kind="balances",
            at=at,
            trace="",
            asked_from=asked_from,
        )


def test_what_a_banks_headers_say_is_left_is_kept_and_spread(
    counting: SandboxBank, person: dict[str, Any]
) -> None:
    bank, customer = linked(counting, person, "uk_open_banking")
    with serving(bank.id):
        FeedCursor.objects.exclude(kind="balances").delete()
    book, begin = Book(counting), timezone.now()
    for step in range(96):
        at = begin + step * timedelta(minutes=10)
        pull_bank(bank_id=bank.id, clock=lambda at=at: at)  # type: ignore[misc]
    assert book.refused() == []
    assert 2 <= len(book.calls("/balances")) <= 4

    with serving(bank.id):
        place = FeedCursor.objects.get()
        assert place.calls_left is not None
        assert place.calls_reset_at is not None
        FeedCursor.objects.update(calls_left=0)
    with serving_customer(bank.id, customer.id):
        until = held_off_until(
            customer_id=customer.id, account_ids=[place.account_id], kind="balances", at=at
        )
    assert until == place.calls_reset_at
    ask(customer, place.account_id, at, "203.0.113.7")
    before = len(book.calls("/balances"))
    pull_bank(bank_id=bank.id, clock=lambda: at)
    assert len(book.calls("/balances")) == before
