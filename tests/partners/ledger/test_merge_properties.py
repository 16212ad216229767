"""Merging, for any history a bank can tell: money is kept, order does not matter, twice is once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.connectors.base import TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.models import FIRST_SOURCE, Account, Entry, EntryConflict
from portal.tenancy.blocks import serving
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
FIRST = date(2026, 11, 1)
BUDGET = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class _Undo(Exception):
    """Ends an example: its rows are gone before the next."""


def payment(number: int, minor: int, day: int, text: int) -> TransactionRecord:
    return TransactionRecord(
        external_id=f"t{number}",
        status="posted",
        amount_minor=minor,
        currency="EUR",
        booked_on=FIRST + timedelta(days=day),
        booked_on_source="date",
        kind="card_purchase",
        merchant_name=f"Bottega {text}",
    )


# Few amounts, days and texts, so that genuine equals are common.
payments = st.lists(
    st.tuples(st.sampled_from([-500, -1250, 800]), st.integers(0, 2), st.integers(0, 1)),
    max_size=8,
).map(lambda rows: [payment(number, *row) for number, row in enumerate(rows)])


@pytest.fixture
def account() -> Account:
    return make_account(make_bank())


def merge(account: Account, records: Sequence[TransactionRecord], *, whole: bool) -> None:
    merge_entries(
        held_account(account.id),
        source=FIRST_SOURCE,
        records=records,
        window_from=FIRST if whole else None,
        remove_missing=whole,
        at=AT,
    )


def told(account: Account) -> list[tuple[str, str, int]]:
    rows = Entry.objects.filter(account_id=account.id).exclude(status="removed")
    return sorted((each.external_id, each.status, each.amount_minor) for each in rows)


def as_listed(records: Sequence[TransactionRecord]) -> list[tuple[str, str, int]]:
    return sorted((str(each.external_id), each.status, each.amount_minor) for each in records)


@BUDGET
@given(posted=payments, data=st.data())
def test_pages_in_any_order_any_number_of_times_end_as_the_bank_lists(
    account: Account, posted: list[TransactionRecord], data: st.DataObject
) -> None:
    pending = [replace(each, status="pending") for each in posted]
    seen = data.draw(st.permutations([*posted, *pending, *posted]))
    cut = data.draw(st.integers(0, len(seen)))

    with pytest.raises(_Undo), serving(account.bank_id), transaction.atomic():
        merge(account, seen[:cut], whole=False)
        merge(account, seen[cut:], whole=False)

        assert told(account) == as_listed(posted)
        assert EntryConflict.objects.count() == 0
        raise _Undo


@BUDGET
@given(posted=payments, data=st.data())
def test_a_renumbered_window_keeps_every_entry_and_all_the_money(
    account: Account, posted: list[TransactionRecord], data: st.DataObject
) -> None:
    again = [replace(each, external_id=f"n{each.external_id}") for each in posted]
    shuffled = data.draw(st.permutations(again))

    with pytest.raises(_Undo), serving(account.bank_id), transaction.atomic():
        merge(account, posted, whole=True)
        ids = set(Entry.objects.values_list("id", flat=True))
        merge(account, shuffled, whole=True)

        assert told(account) == as_listed(again)
        assert set(Entry.objects.values_list("id", flat=True)) == ids
        raise _Undo


@BUDGET
@given(posted=payments, gone=st.sets(st.integers(0, 7)))
def test_changes_are_numbered_without_a_gap_and_tell_the_whole_story(
    account: Account, posted: list[TransactionRecord], gone: set[int]
) -> None:
    pending = [replace(each, status="pending") for each in posted]
    left = [each for number, each in enumerate(posted) if number not in gone]

    with pytest.raises(_Undo), serving(account.bank_id), transaction.atomic():
        merge(account, pending, whole=True)
        before = dict(Entry.objects.values_list("id", "change_seq"))
        merge(account, left, whole=True)

        head = Account.objects.get(pk=account.pk).change_seq
        after = dict(Entry.objects.values_list("id", "change_seq"))
        changed = sorted(seq for entry, seq in after.items() if seq != before[entry])
        assert changed == list(range(len(posted) + 1, head + 1))
        assert len(after) == len(posted)
        assert sum(each[2] for each in told(account)) == sum(each.amount_minor for each in left)
        raise _Undo
