"""What staff decide of two entries, and of two versions of one."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from partners.connectors.base import TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.deciding import (
    AlreadyDecided,
    CannotBeTaken,
    decide_conflict,
    decide_pair,
)
from partners.ledger.merging import Merged
from partners.ledger.models import Account, Entry, EntryConflict, EntryPair
from portal.rest.problems import NotFound
from portal.tenancy.blocks import serving
from portal.tenancy.ids import new_id
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = date(2026, 11, 20)
LIVE, OFX = "live:uk_open_banking", "statement:ofx"
BY = "staff:1"


def record(external_id: str | None = None, **changes: Any) -> TransactionRecord:
    base = TransactionRecord(
        external_id=external_id,
        status="posted",
        amount_minor=-1250,
        currency="EUR",
        booked_on=DAY,
        booked_on_source="date",
        merchant_name="Forno Lume",
    )
    return replace(base, **changes)


@pytest.fixture
def account() -> Account:
    return make_account(make_bank())


def merge(account: Account, source: str, *records: TransactionRecord, whole: bool = False) -> None:
    with serving(account.bank_id):
        merge_entries(
            held_account(account.id),
            source=source,
            records=records,
            window_from=DAY - timedelta(days=10) if whole else None,
            remove_missing=whole,
            at=AT,
        )


def settle_pair(account: Account, *, same: bool) -> Merged:
    with serving(account.bank_id):
        pair = EntryPair.objects.get()
        return decide_pair(pair.id, same=same, by=BY, at=AT)[1]


def standing(account: Account) -> list[tuple[str, int, str]]:
    with serving(account.bank_id):
        rows = Entry.objects.exclude(status="removed").order_by("external_id")
        return [(each.source, each.amount_minor, each.merchant_name) for each in rows]


def test_one_payment_keeps_the_older_id_and_what_the_first_source_says(account: Account) -> None:
    merge(account, OFX, record(merchant_name="Lume srl"))
    merge(account, LIVE, record("u1"))
    with serving(account.bank_id):
        older = Entry.objects.get(source=OFX).id

    merged = settle_pair(account, same=True)

    assert standing(account) == [(LIVE, -1250, "Forno Lume")]
    with serving(account.bank_id):
        entry = Entry.objects.exclude(status="removed").get()
        pair = EntryPair.objects.get()
    assert (entry.id, merged.gone) == (older, {pair.second_id: older})
    assert (len(merged.modified), merged.removed, merged.through_seq) == (1, 1, 4)
    assert (pair.state, pair.decided_by, pair.decided_at) == ("same", BY, AT)


def test_what_is_one_payment_stays_one_whatever_is_read_again(account: Account) -> None:
    other = record(merchant_name="Lume srl")
    merge(account, OFX, other)
    merge(account, LIVE, record("u1"))
    settle_pair(account, same=True)

    merge(account, OFX, other)
    merge(account, LIVE, record("u1", description="now with words"), record("u2"))
    merge(account, OFX, other)

    assert standing(account) == [(LIVE, -1250, "Forno Lume")] * 2


def test_a_tip_becomes_the_payment_that_was_pending(account: Account) -> None:
    merge(account, LIVE, record("u1", status="pending"), whole=True)
    merge(account, LIVE, record("u2", amount_minor=-1400), whole=True)
    with serving(account.bank_id):
        before = Entry.objects.get(external_id="u1").id

    settle_pair(account, same=True)
    merge(account, LIVE, record("u2", amount_minor=-1400), whole=True)

    assert standing(account) == [(LIVE, -1400, "Forno Lume")]
    with serving(account.bank_id):
        assert Entry.objects.get(external_id="u2").id == before


def test_two_payments_are_never_asked_about_again(account: Account) -> None:
    other = record(merchant_name="Lume srl")
    merge(account, OFX, other)
    merge(account, LIVE, record("u1"))

    merged = settle_pair(account, same=False)
    merge(account, LIVE, record("u1", merchant_name="LUME SRL"))
    merge(account, OFX, other)

    assert merged.changes == 0
    assert len(standing(account)) == 2
    with serving(account.bank_id):
        assert [each.state for each in EntryPair.objects.all()] == ["two"]


def test_a_pair_is_decided_once(account: Account) -> None:
    merge(account, OFX, record(merchant_name="Lume srl"))
    merge(account, LIVE, record("u1"))
    settle_pair(account, same=False)

    with pytest.raises(AlreadyDecided):
        settle_pair(account, same=True)
    with pytest.raises(NotFound), serving(account.bank_id):
        decide_pair(new_id(), same=True, by=BY, at=AT)


def conflicting(account: Account) -> EntryConflict:
    merge(account, LIVE, record("u1"))
    merge(account, LIVE, record("u1", amount_minor=-9900, description="corrected"))
    with serving(account.bank_id):
        return EntryConflict.objects.get()


def settle_conflict(account: Account, conflict: EntryConflict, *, take: bool) -> Merged:
    with serving(account.bank_id):
        return decide_conflict(conflict.id, take=take, by=BY, at=AT)[1]


def test_a_version_that_is_taken_is_the_entry_from_now_on(account: Account) -> None:
    conflict = conflicting(account)

    merged = settle_conflict(account, conflict, take=True)
    merge(account, LIVE, record("u1", amount_minor=-9900, description="corrected"))

    assert standing(account) == [(LIVE, -9900, "Forno Lume")]
    assert (len(merged.modified), merged.through_seq) == (1, 2)
    with serving(account.bank_id):
        kept = EntryConflict.objects.get()
    assert (kept.state, kept.decided_by, kept.stored["amount_minor"]) == ("taken", BY, -1250)


def test_a_version_that_is_left_is_not_asked_about_again(account: Account) -> None:
    conflict = conflicting(account)

    settle_conflict(account, conflict, take=False)
    merge(account, LIVE, record("u1", amount_minor=-9900, description="corrected"))

    assert standing(account) == [(LIVE, -1250, "Forno Lume")]
    with serving(account.bank_id):
        assert [each.state for each in EntryConflict.objects.all()] == ["kept"]
    with pytest.raises(AlreadyDecided):
        settle_conflict(account, conflict, take=True)


def test_a_version_that_was_taken_and_taken_back_is_asked_about_whenever_it_is_told_again(
    account: Account,
) -> None:
    merge(account, LIVE, record("u1"))

    for minor in (-9900, -1250, -9900):
        for _twice in range(2):
            merge(account, LIVE, record("u1", amount_minor=minor))
        with serving(account.bank_id):
            conflict = EntryConflict.objects.get(state="open")
        settle_conflict(account, conflict, take=True)

        assert standing(account) == [(LIVE, minor, "Forno Lume")]
    with serving(account.bank_id):
        assert set(EntryConflict.objects.values_list("state", "decided_by")) == {("taken", BY)}


def test_a_version_that_was_left_is_asked_about_again_once_something_else_is_stored(
    account: Account,
) -> None:
    settle_conflict(account, conflicting(account), take=False)
    merge(account, LIVE, record("u1", amount_minor=-5000))
    with serving(account.bank_id):
        conflict = EntryConflict.objects.get(state="open")
    settle_conflict(account, conflict, take=True)

    merge(account, LIVE, record("u1", amount_minor=-9900))

    with serving(account.bank_id):
        listed = EntryConflict.objects.order_by("seen_at", "id")
        assert list(listed.values_list("amount_minor", "state")) == [
            (-9900, "kept"),
            (-5000, "taken"),
            (-9900, "open"),
        ]


def test_what_was_left_of_an_entry_is_left_of_the_one_that_it_turns_out_to_be(
    account: Account,
) -> None:
    settle_conflict(account, twice_contradicted(account), take=False)
    settle_pair(account, same=True)

    merge(account, LIVE, record("u1", amount_minor=-9900))

    with serving(account.bank_id):
        assert [each.state for each in EntryConflict.objects.all()] == ["kept"]


def test_of_an_id_that_is_listed_twice_what_is_stored_is_no_contradiction(
    account: Account,
) -> None:
    both = record("u1"), record("u1", amount_minor=-7)
    merge(account, LIVE, *both)
    with serving(account.bank_id):
        conflict = EntryConflict.objects.get()
    settle_conflict(account, conflict, take=True)

    merge(account, LIVE, *both)

    with serving(account.bank_id):
        asked = EntryConflict.objects.filter(state="open")
        assert list(asked.values_list("reason", "amount_minor")) == [("amount_changed", -1250)]


def test_another_currency_is_never_taken(account: Account) -> None:
    merge(account, LIVE, record("u1"))
    merge(account, LIVE, record("u1", currency="USD"))
    with serving(account.bank_id):
        conflict = EntryConflict.objects.get()

    with pytest.raises(CannotBeTaken):
        settle_conflict(account, conflict, take=True)

    with serving(account.bank_id):
        assert EntryConflict.objects.get().state == "open"


def test_a_correction_holds_against_the_source_that_is_shown_otherwise(account: Account) -> None:
    berlin = "live:berlin_group"
    merge(account, LIVE, record("u1"))
    merge(account, berlin, record("b1"))
    merge(account, berlin, record("b1", amount_minor=-1300))
    with serving(account.bank_id):
        conflict = EntryConflict.objects.get()

    settle_conflict(account, conflict, take=True)
    merge(account, LIVE, record("u1"))
    merge(account, berlin, record("b1", amount_minor=-1300))

    assert standing(account) == [(berlin, -1300, "Forno Lume")]


def twice_contradicted(account: Account) -> EntryConflict:
    """What an interface tells under two amounts, of a payment that a statement tells in other words."""
    merge(account, OFX, record(merchant_name="Lume srl"))
    merge(account, LIVE, record("u1"))
    merge(account, LIVE, record("u1", amount_minor=-9900))
    with serving(account.bank_id):
        return EntryConflict.objects.get()


def test_what_contradicts_an_entry_contradicts_the_one_that_it_turns_out_to_be(
    account: Account,
) -> None:
    conflict = twice_contradicted(account)
    settle_pair(account, same=True)

    merged = settle_conflict(account, conflict, take=True)

    assert standing(account) == [(LIVE, -9900, "Forno Lume")]
    assert len(merged.modified) == 1


def test_two_entries_that_are_one_payment_are_asked_about_once(account: Account) -> None:
    twice_contradicted(account)
    with serving(account.bank_id):
        older = Entry.objects.get(source=OFX)
        conflict = EntryConflict.objects.get()
        conflict.pk, conflict.entry_id = new_id(), older.id
        conflict.save(force_insert=True)

    settle_pair(account, same=True)

    with serving(account.bank_id):
        assert [each.entry_id for each in EntryConflict.objects.all()] == [older.id]
