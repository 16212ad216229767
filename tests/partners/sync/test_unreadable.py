"""Rows that could not be read: they are kept in mind until they are read, by every way of listing."""

import logging
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from partners.banks.models import Bank, StaffDeed
from partners.feeds.models import FeedCursor
from partners.feeds.unreadable import Cause, Unreadable
from partners.ledger.models import Entry
from partners.sync.again import read_again as read_rows_again
from partners.sync.pulling import pull_bank
from portal.rest.problems import NotFound
from portal.tenancy.blocks import serving
from tests.partners.sync.reading import read_again, read_first
from tests.sandbox_bank import SandboxBank

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

BY_DAYS, IN_ONE_LINE = ("uk_open_banking", "berlin_group"), "cursor_sync"
STAFF = uuid4()


@pytest.fixture
def bank(sandbox: SandboxBank, person: dict[str, Any], request: pytest.FixtureRequest) -> Bank:
    """A bank by the connector of the test's parameter, one customer of which has been read for the first time."""
    return read_first(sandbox, person, connector=request.param)


def place(bank: Bank, bought: dict[str, Any]) -> FeedCursor:
    with serving(bank.id):
        return FeedCursor.objects.get(account__external_id=bought["AccountId"])


def is_here(bank: Bank, bought: dict[str, Any]) -> bool:
    with serving(bank.id):
        # Ids are an account's own.
        rows = Entry.objects.filter(account__external_id=bought["AccountId"])
        return rows.filter(external_id=bought["TransactionId"]).exists()


def garbled(sandbox: SandboxBank, bank: Bank, person: dict[str, Any]) -> dict[str, Any]:
    """A purchase that the bank told with an amount that nobody can read."""
    bought = sandbox.buy(person["login"])
    sandbox.be(garbled=bought["TransactionId"])
    read_again(bank)
    return bought


@pytest.mark.parametrize("bank", BY_DAYS, indirect=True)
def test_a_row_that_is_listed_again_is_known_until_it_is_read(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="partners.sync.unreadable"):
        bought = garbled(sandbox, bank, person)
        first = place(bank, bought)
        read_again(bank)
    second = place(bank, bought)

    known = Unreadable.of(first.unreadable)
    assert (first.unreadable_rows, second.unreadable_rows, is_here(bank, bought)) == (1, 1, False)
    assert [(each.field.lower().endswith("amount"), each.n) for each in known.causes] == [
        (True, 1)
    ]
    assert Unreadable.of(second.unreadable).since == known.since
    assert first.last_problem == ""
    assert bought["TransactionId"] not in str(first.unreadable)
    (line,) = [each for each in caplog.messages if str(first.id) in each]
    assert "rows that could not be read: 1, before: 0" in line
    assert bought["TransactionId"] not in line

    sandbox.be()
    read_again(bank)

    after = place(bank, bought)
    assert (after.unreadable, after.unreadable_rows, is_here(bank, bought)) == ([], 0, True)


@pytest.mark.parametrize("bank", [IN_ONE_LINE], indirect=True)
def test_a_row_that_is_told_once_is_read_from_the_beginning_when_staff_say_so(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    bought = garbled(sandbox, bank, person)
    sandbox.be()
    read_again(bank)
    before = place(bank, bought)
    assert Unreadable.of(before.unreadable).causes == [Cause("amount", "not a number", 1)]
    assert is_here(bank, bought) is False
    with serving(bank.id):
        total = Entry.objects.count()
        pressed = [read_rows_again(before.id, staff_id=STAFF, at=timezone.now()) for _ in range(2)]
        deeds = list(StaffDeed.objects.filter(what="rows_again").values_list("by", "about"))
    pull_bank(bank_id=bank.id, clock=timezone.now)

    after = place(bank, bought)
    assert pressed == [True, False]
    assert deeds == [(f"staff:{STAFF}", {"kind": "transactions", "rows": 1})]
    assert (after.unreadable, is_here(bank, bought)) == ([], True)
    assert (after.covered_from, after.covered_until) == (
        before.covered_from,
        before.covered_until,
    )
    with serving(bank.id):
        assert Entry.objects.count() == total + 1
        assert not read_rows_again(after.id, staff_id=STAFF, at=timezone.now())
        with pytest.raises(NotFound):
            read_rows_again(uuid4(), staff_id=STAFF, at=timezone.now())


@pytest.mark.parametrize("bank", [IN_ONE_LINE], indirect=True)
def test_a_row_that_is_read_later_or_goes_ends_by_itself(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    booked = garbled(sandbox, bank, person)
    assert place(bank, booked).unreadable_rows == 1
    sandbox.be(renumber=True)
    sandbox.do("POST", "book")
    read_again(bank)
    assert place(bank, booked).unreadable == []

    lapsed = garbled(sandbox, bank, person)
    sandbox.be()
    sandbox.do(
        "POST",
        "lapse",
        account_id=lapsed["AccountId"],
        transaction_id=lapsed["TransactionId"],
    )
    read_again(bank)
    assert place(bank, lapsed).unreadable == []


@pytest.mark.parametrize("bank", ["uk_open_banking"], indirect=True)
def test_rows_of_an_old_day_are_asked_for_from_that_day(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    """Of a history: no later window lists them."""
    with serving(bank.id):
        old = Entry.objects.filter(booked_on__lt=timezone.now().date() - timedelta(days=60))
        wanted = old.order_by("booked_on").select_related("account").last()
        assert wanted is not None
        bought = {"AccountId": wanted.account.external_id, "TransactionId": wanted.external_id}
        Entry.objects.filter(account=wanted.account).delete()
        FeedCursor.objects.exclude(account=wanted.account).delete()
        FeedCursor.objects.update(covered_until=None, covered_from=None)
    sandbox.be(garbled=bought["TransactionId"])
    read_again(bank)
    sandbox.be()
    read_again(bank)
    before = place(bank, bought)
    assert (before.unreadable_rows, is_here(bank, bought)) == (1, False)
    with serving(bank.id):
        assert read_rows_again(before.id, staff_id=STAFF, at=timezone.now())
        asked = FeedCursor.objects.get(pk=before.pk)
    assert asked.covered_until == wanted.booked_on + timedelta(days=10)
    pull_bank(bank_id=bank.id, clock=timezone.now)

    after = place(bank, bought)
    assert (after.unreadable, is_here(bank, bought)) == ([], True)
    assert (after.covered_from, after.covered_until) == (
        before.covered_from,
        before.covered_until,
    )
