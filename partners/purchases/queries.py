"""Reading receipts and shipments of payments that are known; every read names its accounts itself."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar
from uuid import UUID

from django.db.models import Count, DateTimeField, Func, Min, Q, QuerySet

from partners.ledger.models import Entry
from partners.purchases.models import (
    Receipt,
    ReceiptLine,
    Shipment,
    ShipmentStatus,
    ShipmentStop,
)
from portal.tenancy.blocks import current_bank_id

ENDS = (ShipmentStatus.DELIVERED, ShipmentStatus.RETURNED)
Row = TypeVar("Row", Receipt, Shipment)
# When a row was first kept, by its id.
_KEPT_AT = Func("id", function="uuid_extract_timestamp", output_field=DateTimeField())


@dataclass(frozen=True)
class Waiting:
    """How many receipts, or parcels, name a payment that is not known; of how many accounts, and since when."""

    kind: str
    count: int
    accounts: int
    since: datetime


def receipts_of(history_from: Mapping[UUID, date]) -> "QuerySet[Receipt]":
    """The receipts of these accounts' payments from these days on, those heard of last first."""
    return _of_payments(Receipt.objects.all(), history_from)


def shipments_of(history_from: Mapping[UUID, date]) -> "QuerySet[Shipment]":
    """The same of shipments."""
    return _of_payments(Shipment.objects.all(), history_from)


def _of_payments(rows: "QuerySet[Row]", history_from: Mapping[UUID, date]) -> "QuerySet[Row]":
    """Only of payments that are known, and have not gone."""
    shared = Q()
    for account_id, since in sorted(history_from.items()):
        shared |= Q(account_id=account_id, entry__booked_on__gte=since)
    known = rows.filter(shared, bank_id=current_bank_id(), entry__bank_id=current_bank_id())
    return known.exclude(entry__status=Entry.Status.REMOVED).order_by("-id")


def page_of(
    rows: "QuerySet[Row]", *, before: UUID | None, entry_id: UUID | None, limit: int
) -> list[Row]:
    """At most `limit` rows behind the row `before`; of one payment where it is named."""
    if before is not None:
        rows = rows.filter(id__lt=before)
    if entry_id is not None:
        rows = rows.filter(entry_id=entry_id)
    return list(rows[:limit])


def lines_of(receipt_ids: Collection[UUID]) -> dict[UUID, list[ReceiptLine]]:
    """The lines of each receipt, in their order."""
    found: dict[UUID, list[ReceiptLine]] = defaultdict(list)
    mine = ReceiptLine.objects.filter(bank_id=current_bank_id(), receipt_id__in=receipt_ids)
    for each in mine.order_by("receipt_id", "position"):
        found[each.receipt_id].append(each)
    return found


def stops_of(shipment_ids: Collection[UUID]) -> dict[UUID, list[ShipmentStop]]:
    """The stops of each shipment, oldest first."""
    found: dict[UUID, list[ShipmentStop]] = defaultdict(list)
    mine = ShipmentStop.objects.filter(bank_id=current_bank_id(), shipment_id__in=shipment_ids)
    for each in mine.order_by("shipment_id", "position"):
        found[each.shipment_id].append(each)
    return found


def accounts_told_of(
    *, receipt_ids: Sequence[UUID] = (), shipment_ids: Sequence[UUID] = ()
) -> set[UUID]:
    """Whose accounts these are of; those out of reach are left out."""
    receipts = Receipt.objects.filter(pk__in=receipt_ids).values_list("account_id", flat=True)
    shipments = Shipment.objects.filter(pk__in=shipment_ids).values_list("account_id", flat=True)
    return {*receipts, *shipments}


def waiting() -> list[Waiting]:
    """What the served bank told of payments that are not known, by an index of their own; nothing where all are."""
    found = [
        _waiting("receipts", Receipt.objects.all()),
        _waiting("shipments", Shipment.objects.all()),
    ]
    return [each for each in found if each is not None]


def _waiting(kind: str, rows: "QuerySet[Row]") -> Waiting | None:
    told = rows.filter(bank_id=current_bank_id(), entry__isnull=True).aggregate(
        n=Count("id"), accounts=Count("account_id", distinct=True), since=Min(_KEPT_AT)
    )
    return Waiting(kind, told["n"], told["accounts"], told["since"]) if told["n"] else None
