"""What a bank tells of receipts and shipments, kept: twice is once, order does not matter."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.connectors.base import ReceiptRecord, ShipmentRecord
from partners.ledger.models import Account, EntryAlias
from partners.purchases.actions import Kept, record_receipts, record_shipments, tie_waiting
from partners.purchases.models import (
    PurchaseConflict,
    Receipt,
    ReceiptLine,
    Shipment,
    ShipmentStop,
)
from portal.outbox.models import OutboxEvent
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_entry
from tests.factories.partners import make_account, make_bank
from tests.factories.purchases import (
    LINES,
    LONG_AGO,
    Occasion,
    occasion,
    receipt_record,
    shipment_record,
)

pytestmark = pytest.mark.django_db

BUDGET = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class _Undo(Exception):
    """Ends an example: its rows are gone before the next."""


@pytest.fixture
def account() -> Account:
    return make_account(make_bank())


def receipts(account: Account, *records: ReceiptRecord) -> Kept:
    with serving(account.bank_id):
        return record_receipts(account_id=account.id, records=records, occasion=occasion())


def shipments(account: Account, *records: ShipmentRecord) -> Kept:
    with serving(account.bank_id):
        return record_shipments(account_id=account.id, records=records, occasion=occasion())


def told(account: Account, name: str = "partners.receipt_issued") -> list[int]:
    with serving(account.bank_id):
        events = OutboxEvent.objects.filter(name=name).order_by("id")
        return [each.data["revision"] for each in events]


def test_a_receipt_is_kept_with_its_lines_and_its_sum(account: Account) -> None:
    record = receipt_record(discount_minor=20, total_minor=1400)

    kept = receipts(account, record)

    with serving(account.bank_id):
        row = Receipt.objects.get()
        lines = ReceiptLine.objects.order_by("position")
        amounts = [(each.description, each.amount_minor) for each in lines]
    assert kept == Kept(added=1)
    assert (row.lines_minor, row.discount_minor, row.total_minor) == (1420, 20, 1400)
    assert amounts == [(each.description, each.amount_minor) for each in LINES]
    assert row.entry_id is None


def test_the_same_again_is_kept_once_and_told_once(account: Account) -> None:
    entry = make_entry(account)
    record = receipt_record(transaction_external_id=entry.external_id)

    first, again = receipts(account, record, record), receipts(account, record)

    assert (first, again) == (Kept(added=1), Kept())
    assert told(account) == [1]
    with serving(account.bank_id):
        assert ReceiptLine.objects.count() == len(LINES)


def test_a_receipt_that_does_not_add_up_is_kept_aside_and_never_stored(account: Account) -> None:
    wrong = receipt_record(total_minor=1500)

    kept = [receipts(account, wrong) for _ in range(2)]

    with serving(account.bank_id):
        conflict = PurchaseConflict.objects.get()
        assert not Receipt.objects.exists()
    assert kept == [Kept(conflicts=1), Kept(conflicts=1)]
    assert (conflict.reason, conflict.said_minor, conflict.summed_minor) == (
        "total_wrong",
        1500,
        1420,
    )


def test_a_later_revision_that_is_wrong_leaves_the_earlier_one_as_it_is(account: Account) -> None:
    right = receipt_record()
    receipts(account, right)

    receipts(account, replace(right, revision=2, total_minor=9900))
    receipts(account, replace(right, revision=3, merchant_name="Mercato Oliveto Centro"))

    with serving(account.bank_id):
        row = Receipt.objects.get()
        assert PurchaseConflict.objects.get().revision == 2
    assert (row.revision, row.total_minor) == (3, 1420)
    assert row.merchant_name == "Mercato Oliveto Centro"


def test_the_same_revision_that_says_something_else_is_kept_aside(account: Account) -> None:
    parcel = shipment_record()
    shipments(account, parcel)

    shipments(account, replace(parcel, status="delivered"))

    with serving(account.bank_id):
        assert Shipment.objects.get().status == "in_transit"
        conflict = PurchaseConflict.objects.get()
    assert (conflict.kind, conflict.reason) == ("shipment", "said_differently")


def test_the_database_holds_a_receipt_to_its_sum(account: Account) -> None:
    receipts(account, receipt_record())

    for change in ({"total_minor": 1}, {"tax_included": False, "tax_minor": None}):
        with (
            serving(account.bank_id),
            pytest.raises(DatabaseError, match="receipt_adds_up"),
            transaction.atomic(),
        ):
            Receipt.objects.update(**change)
    with (
        serving(account.bank_id),
        pytest.raises(DatabaseError, match="receipt_line_adds_up"),
        transaction.atomic(),
    ):
        ReceiptLine.objects.update(amount_minor=1)


def test_a_receipt_is_tied_to_a_payment_by_an_id_that_it_had_before(account: Account) -> None:
    entry = make_entry(account, external_id="t-new")
    with serving(account.bank_id):
        EntryAlias.objects.create(account=account, entry=entry, external_id="t-old")

    receipts(
        account,
        receipt_record(transaction_external_id="t-old"),
        receipt_record(transaction_external_id="t-new"),
    )

    with serving(account.bank_id):
        assert set(Receipt.objects.values_list("entry_id", flat=True)) == {entry.id}


def test_what_came_before_its_payment_is_tied_and_told_when_that_comes(account: Account) -> None:
    receipts(account, receipt_record(transaction_external_id="t-late"))
    shipments(account, shipment_record(transaction_external_id="t-late"))
    waiting = (told(account), told(account, "partners.shipment_moved"))
    entry = make_entry(account, external_id="t-late")

    with serving(account.bank_id):
        tied = tie_waiting(account_id=account.id, occasion=occasion())
        again = tie_waiting(account_id=account.id, occasion=occasion())
        entries = {Receipt.objects.get().entry_id, Shipment.objects.get().entry_id}

    assert waiting == ([], [])
    assert (tied, again, entries) == (2, 0, {entry.id})
    assert (told(account), told(account, "partners.shipment_moved")) == ([1], [1])


def test_a_payment_of_another_account_is_not_tied_to(account: Account) -> None:
    other = make_entry(make_account_of(account), external_id="t-1")

    receipts(account, receipt_record(transaction_external_id=other.external_id))

    with serving(account.bank_id):
        assert Receipt.objects.get().entry_id is None


def make_account_of(account: Account) -> Account:
    with serving(account.bank_id):
        return Account.objects.create(
            external_id="another", kind="current", name="Another", currency="EUR"
        )


def test_history_is_kept_and_told_to_nobody(account: Account) -> None:
    entry = make_entry(account)
    long_ago = timezone.now() - timedelta(days=20)
    old = receipt_record(transaction_external_id=entry.external_id, issued_at=long_ago)
    parcel = shipment_record(transaction_external_id=entry.external_id, updated_at=long_ago)

    receipts(account, old)
    shipments(account, parcel)

    assert (told(account), told(account, "partners.shipment_moved")) == ([], [])
    with serving(account.bank_id):
        assert Receipt.objects.get().entry_id == entry.id


def test_what_happened_before_the_account_was_linked_is_history(account: Account) -> None:
    entry = make_entry(account)
    record = receipt_record(
        transaction_external_id=entry.external_id,
        issued_at=timezone.now() - timedelta(hours=1),
    )
    linked_now = Occasion(at=timezone.now(), since=timezone.now())

    with serving(account.bank_id):
        record_receipts(account_id=account.id, records=[record], occasion=linked_now)

    assert told(account) == []


def test_a_corrected_receipt_replaces_its_lines_and_is_told(account: Account) -> None:
    entry = make_entry(account)
    first = receipt_record(transaction_external_id=entry.external_id)
    receipts(account, first)

    kept = receipts(account, replace(first, revision=2, lines=LINES[:1], total_minor=900))

    with serving(account.bank_id):
        assert ReceiptLine.objects.count() == 1
        assert Receipt.objects.get().total_minor == 900
    assert kept == Kept(modified=1)
    assert told(account) == [1, 2]


def parcel_of(revisions: int) -> list[ShipmentRecord]:
    """One parcel's whole life; each revision has one stop more."""
    at = LONG_AGO + timedelta(days=9000)
    first = shipment_record(external_id="shp-one", updated_at=at)
    return [
        replace(first, revision=number, events=first.events * number)
        for number in range(1, revisions + 1)
    ]


@BUDGET
@given(data=st.data(), revisions=st.integers(1, 5))
def test_in_any_order_any_number_of_times_the_highest_revision_is_what_is_so(
    account: Account, data: st.DataObject, revisions: int
) -> None:
    life = parcel_of(revisions)
    seen: Sequence[ShipmentRecord] = data.draw(st.permutations([*life, *life]))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(seen)), max_size=3)))
    last = 0

    with pytest.raises(_Undo), serving(account.bank_id), transaction.atomic():
        for start, end in zip([0, *cuts], [*cuts, len(seen)], strict=True):
            record_shipments(account_id=account.id, records=seen[start:end], occasion=occasion())
            stored = Shipment.objects.values_list("revision", flat=True).first() or 0
            assert stored >= last
            last = stored

        assert last == revisions
        assert Shipment.objects.count() == 1
        assert ShipmentStop.objects.count() == revisions
        assert not PurchaseConflict.objects.exists()
        raise _Undo
