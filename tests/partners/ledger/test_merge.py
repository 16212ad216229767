"""Merging what a bank says into entries: one row a payment, whatever the bank does with its ids."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.banks.models import Bank
from partners.connectors.base import TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.merging import Merged
from partners.ledger.models import (
    FIRST_SOURCE,
    Account,
    Entry,
    EntryAlias,
    EntryConflict,
    EntryPair,
)
from partners.ledger.queries import pending_since
from partners.ledger.rules import MOST_NUMBERED, PENDING_WITHIN
from portal.tenancy.blocks import serving
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)
WINDOW = date(2026, 11, 10)


def record(external_id: str | None, **fields: Any) -> TransactionRecord:
    base = TransactionRecord(
        external_id=external_id,
        status="posted",
        amount_minor=-1250,
        currency="EUR",
        booked_on=DAY,
        booked_on_source="instant",
        kind="card_purchase",
        merchant_name="Forno Lume",
    )
    return replace(base, **fields)


@pytest.fixture
def bank() -> Bank:
    return make_bank()


@pytest.fixture
def account(bank: Bank) -> Account:
    return make_account(bank)


def merge(account: Account, *records: TransactionRecord, whole: bool = True) -> Merged:
    with serving(account.bank_id):
        return merge_entries(
            held_account(account.id),
            source=FIRST_SOURCE,
            records=records,
            window_from=WINDOW if whole else None,
            remove_missing=whole,
            at=AT,
        )


def entries(account: Account) -> list[tuple[str, str, int]]:
    with serving(account.bank_id):
        rows = Entry.objects.filter(account_id=account.id).order_by("external_id")
        return [(each.external_id, each.status, each.amount_minor) for each in rows]


def only(account: Account) -> Entry:
    with serving(account.bank_id):
        return Entry.objects.get(account_id=account.id)


def test_a_new_row_is_one_entry_and_numbers_the_account(account: Account) -> None:
    merged = merge(account, record("t1"))

    entry = only(account)
    with serving(account.bank_id):
        head = Account.objects.get(pk=account.pk).change_seq
    assert entries(account) == [("t1", "posted", -1250)]
    assert (entry.change_seq, head, merged.through_seq) == (1, 1, 1)


def test_the_same_page_twice_changes_nothing(account: Account) -> None:
    merge(account, record("t1"), record("t2", amount_minor=-300))

    again = merge(account, record("t1"), record("t2", amount_minor=-300))

    assert (again.changes, again.through_seq) == (0, 2)


def digest(account: Account) -> Any:
    return only(account).digest


def test_what_an_entry_says_is_not_known_any_more_when_anything_else_is_written(
    account: Account,
) -> None:
    merge(account, record("t1"))
    assert digest(account) is not None
    with serving(account.bank_id):
        Entry.objects.filter(account_id=account.id).update(status=Entry.Status.REMOVED)

    assert digest(account) is None
    again = merge(account, record("t1"))
    assert ([each.row.status for each in again.modified], again.through_seq) == (["posted"], 2)
    assert entries(account) == [("t1", "posted", -1250)]


def test_an_entry_of_which_it_is_not_known_what_it_says_is_compared_and_nothing_is_told(
    account: Account,
) -> None:
    merge(account, record("t1"))
    before = digest(account)
    with serving(account.bank_id):
        Entry.objects.filter(account_id=account.id).update(digest=None)

    again = merge(account, record("t1"))

    assert (again.changes, digest(account)) == (0, before)


def test_pending_to_posted_is_a_change_of_one_row(account: Account) -> None:
    merge(account, record("t1", status="pending"))
    before = only(account)

    merge(account, record("t1", amount_minor=-1400))

    after = only(account)
    assert after.id == before.id
    assert (after.status, after.amount_minor, after.change_seq) == ("posted", -1400, 2)


def test_a_pending_row_that_comes_after_the_posted_one_is_late(account: Account) -> None:
    merge(account, record("t1", amount_minor=-1400))

    late = merge(account, record("t1", status="pending"))

    assert entries(account) == [("t1", "posted", -1400)]
    assert (late.changes, late.conflicts) == (0, 0)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"amount_minor": -9900}, "amount_changed"),
        ({"amount_minor": 1250}, "sign_changed"),
        ({"currency": "USD"}, "currency_changed"),
    ],
)
def test_a_posted_row_with_other_money_is_kept_aside(
    account: Account, fields: dict[str, Any], reason: str
) -> None:
    merge(account, record("t1"))

    first = merge(account, record("t1", **fields))
    merge(account, record("t1", **fields))

    with serving(account.bank_id):
        aside = list(EntryConflict.objects.values_list("reason", flat=True))
    assert entries(account) == [("t1", "posted", -1250)]
    assert (aside, first.conflicts, first.changes) == ([reason], 1, 0)


def test_a_pending_row_does_not_change_its_sign(account: Account) -> None:
    merge(account, record("t1", status="pending"))

    merged = merge(account, record("t1", amount_minor=1250))

    assert entries(account) == [("t1", "pending", -1250)]
    assert merged.conflicts == 1


def test_a_renumbered_entry_keeps_our_id_and_remembers_the_old_one(account: Account) -> None:
    merge(account, record("t1"))
    before = only(account)

    merge(account, record("n1"))

    after = only(account)
    with serving(account.bank_id):
        aliases = list(EntryAlias.objects.values_list("external_id", "entry_id"))
    assert (after.id, after.external_id) == (before.id, "n1")
    assert aliases == [("t1", before.id)]


def test_an_old_id_still_names_its_entry(account: Account) -> None:
    merge(account, record("t1"))
    merge(account, record("n1"))

    merged = merge(account, record("t1", description="Now with words"))

    assert entries(account) == [("t1", "posted", -1250)]
    assert len(merged.modified) == 1


def test_two_genuine_equal_payments_stay_two(account: Account) -> None:
    merge(account, record("t1"))

    merge(account, record("t1"), record("t2"))

    with serving(account.bank_id):
        occurrences = list(Entry.objects.order_by("id").values_list("occurrence", flat=True))
    assert entries(account) == [("t1", "posted", -1250), ("t2", "posted", -1250)]
    assert occurrences == [1, 2]


def test_a_whole_renumbered_day_finds_each_of_its_equals(account: Account) -> None:
    merge(account, record("t1"), record("t2"), record("t3", amount_minor=-5))

    merged = merge(account, record("n1"), record("n2"), record("n3", amount_minor=-5))

    assert [each[0] for each in entries(account)] == ["n1", "n2", "n3"]
    assert (len(merged.added), len(merged.modified)) == (0, 3)


def test_of_more_equals_than_can_be_numbered_none_is_lost(account: Account) -> None:
    merge(account, record("t1"))
    with serving(account.bank_id):
        Entry.objects.update(occurrence=MOST_NUMBERED - 1)

    merge(account, *(record(f"t{number}") for number in range(1, 5)))
    again = merge(account, *(record(f"n{number}") for number in range(1, 5)))

    assert (len(entries(account)), len(again.added)) == (4, 0)


def test_a_page_of_several_takes_no_row_for_a_renumbered_one(account: Account) -> None:
    merge(account, record("t1"), whole=False)

    merge(account, record("t2"), whole=False)

    assert [each[0] for each in entries(account)] == ["t1", "t2"]


def test_pending_posts_under_another_id_and_day(account: Account) -> None:
    merge(account, record("p1", status="pending"))
    before = only(account)

    merge(account, record("b1", booked_on=date(2026, 11, 23)))

    after = only(account)
    assert (after.id, after.status, after.external_id) == (before.id, "posted", "b1")


def test_pending_that_is_listed_no_more_is_removed_and_can_come_back(account: Account) -> None:
    merge(account, record("p1", status="pending"))

    gone = merge(account)
    removed = entries(account)
    merge(account, record("p1"))

    assert (gone.removed, gone.through_seq) == (1, 2)
    assert removed == [("p1", "removed", -1250)]
    assert entries(account) == [("p1", "posted", -1250)]


def test_posted_rows_and_rows_before_the_window_are_never_removed(account: Account) -> None:
    merge(account, record("t1"), record("p1", status="pending", booked_on=date(2026, 11, 2)))

    merged = merge(account)

    assert merged.removed == 0


HOLD = {"status": "pending", "booked_on": date(2026, 11, 10), "merchant_name": "Hotel Lume"}


def read_on(account: Account, *records: TransactionRecord, since: date, today: date) -> Merged:
    with serving(account.bank_id):
        return merge_entries(
            held_account(account.id),
            source=FIRST_SOURCE,
            records=records,
            window_from=since,
            remove_missing=True,
            at=AT,
            overdue_before=today - PENDING_WITHIN,
        )


def why_removed(account: Account) -> dict[str, str]:
    with serving(account.bank_id):
        removed = Entry.objects.filter(account_id=account.id, status="removed")
        return dict(removed.values_list("external_id", "removed_for"))


def test_what_is_pending_for_longer_than_a_payment_can_be_is_let_go_once_it_is_listed_no_more(
    account: Account,
) -> None:
    days = [DAY - timedelta(days=each) for each in (46, 46, 45, 20, 5)]
    listed, *others = [
        record(f"p{n}", status="pending", booked_on=day) for n, day in enumerate(days)
    ]
    merge(account, listed, *others, whole=False)

    merged = read_on(account, listed, since=WINDOW, today=DAY)
    again = read_on(account, listed, since=WINDOW, today=DAY)

    assert why_removed(account) == {"p1": "overdue", "p4": "not_listed"}
    assert (merged.removed, again.changes) == (2, 0)


@pytest.mark.parametrize(
    ("minor", "after", "reason"),
    [(-1250, 12, "day"), (-1400, 12, "amount"), (-1250, 45, "day"), (-1250, 46, None)],
)
def test_what_is_posted_long_after_is_kept_apart_and_staff_are_asked(
    account: Account, minor: int, after: int, reason: str | None
) -> None:
    first = date(2026, 11, 10)
    merge(account, record("p1", **HOLD), whole=False)

    posted = record(
        "b1",
        amount_minor=minor,
        booked_on=first + timedelta(days=after),
        merchant_name="Hotel Lume",
    )
    for _twice in range(2):
        read_on(account, posted, since=first, today=posted.booked_on)

    assert entries(account) == [("b1", "posted", minor), ("p1", "removed", -1250)]
    with serving(account.bank_id):
        pairs = list(EntryPair.objects.values_list("reason", flat=True))
    assert pairs == ([reason] if reason else [])


def test_a_hold_of_which_one_of_two_equals_is_posted_is_no_pair(account: Account) -> None:
    first = date(2026, 11, 10)
    merge(account, record("p1", **HOLD), record("p2", **HOLD), whole=False)

    posted = record("b1", booked_on=first + timedelta(days=3), merchant_name="Hotel Lume")
    read_on(account, posted, since=first, today=DAY)

    assert [each[1] for each in entries(account)] == ["posted", "removed"]
    with serving(account.bank_id):
        assert not EntryPair.objects.exists()


def test_the_oldest_pending_entry_is_found_without_reading_the_account(account: Account) -> None:
    old = DAY - timedelta(days=30)
    rows = [record(f"t{n}", booked_on=DAY - timedelta(days=n % 60)) for n in range(400)]
    merge(account, *rows, record("p1", status="pending", booked_on=old), whole=False)
    with serving(account.bank_id):
        held_account(account.id)
        with CaptureQueriesContext(connection) as seen:
            assert pending_since(account.id) == old
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE partners_entry")
            cursor.execute(f"EXPLAIN {seen[0]['sql']}")
            plan = "\n".join(line for (line,) in cursor.fetchall())

    assert len(seen) == 1
    assert "entry_pending" in plan


def test_rows_without_ids_are_told_apart_by_their_occurrence(account: Account) -> None:
    merge(account, record(None), record(None))

    again = merge(account, record(None), record(None), record(None))

    assert len(entries(account)) == 3
    assert (len(again.added), len(again.modified)) == (1, 0)


def test_an_id_listed_twice_with_other_money_is_kept_aside(account: Account) -> None:
    merged = merge(account, record("t1"), record("t1", amount_minor=-7))

    assert entries(account) == [("t1", "posted", -1250)]
    assert merged.conflicts == 1


def test_the_same_id_at_another_account_is_another_entry(bank: Bank, account: Account) -> None:
    other = make_account(bank)

    merge(account, record("t1"))
    merge(other, record("t1"))

    assert entries(account) == entries(other) == [("t1", "posted", -1250)]


def test_an_unchanged_page_costs_few_statements_however_long_it_is(account: Account) -> None:
    page = [record(f"t{n}", amount_minor=-n) for n in range(1, 301)]
    merge(account, *page)

    with CaptureQueriesContext(
        connection,
    ) as seen:
        merged = merge(account, *page)

    assert merged.changes == 0
    assert len(seen) <= 16


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_happened_first_is_numbered_first_whichever_way_the_bank_lists(
    account: Account, *, newest_first: bool
) -> None:
    minutes = [AT.replace(minute=each) for each in (1, 2, 2, 3)]
    rows = [
        record(f"t{place}", booked_at=at, merchant_name=f"Forno {place}")
        for place, at in enumerate(minutes)
    ]

    merge(account, *(rows[::-1] if newest_first else rows))

    with serving(account.bank_id):
        numbered = Entry.objects.order_by("change_seq").values_list("external_id", flat=True)
        assert list(numbered) == ["t0", "t1", "t2", "t3"]


def test_of_equals_that_are_renumbered_the_older_stays_the_older(account: Account) -> None:
    def two(first: str, second: str) -> tuple[TransactionRecord, TransactionRecord]:
        return (
            record(second, booked_at=AT.replace(minute=2)),
            record(first, booked_at=AT.replace(minute=1)),
        )

    merge(account, *two("t1", "t2"))
    with serving(account.bank_id):
        before = dict(Entry.objects.values_list("booked_at", "id"))

    merge(account, *two("t3", "t4"))

    with serving(account.bank_id):
        assert dict(Entry.objects.values_list("booked_at", "id")) == before
