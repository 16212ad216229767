"""Keeping what a bank tells of receipts and shipments, and tying it to the payments that it belongs to.

All of it is done under the account row's lock, as merging entries is: so either the one who tells of a
payment or the one who tells of its receipt sees the other, whichever comes first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from partners.connectors.base import ReceiptRecord, ShipmentRecord
from partners.events import ReceiptIssued, ShipmentMoved, account_key
from partners.ledger.models import Account
from partners.ledger.queries import entries_named
from partners.purchases.models import (
    PurchaseConflict,
    Receipt,
    ReceiptLine,
    Shipment,
    ShipmentStop,
    Told,
)
from partners.purchases.rules import (
    Verdict,
    digest_of,
    is_news,
    judge,
    sum_of,
    sum_of_lines,
    why_wrong,
)
from portal.outbox.publishing import publish

RECEIPT, SHIPMENT = "receipt", "shipment"

Record = TypeVar("Record", ReceiptRecord, ShipmentRecord)
Row = TypeVar("Row", Receipt, Shipment)


@dataclass(frozen=True, slots=True)
class Occasion:
    """When it was read, since when it is news, and the trace of what led to it."""

    at: datetime
    since: datetime
    trace: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """How many rows are new, changed, and kept aside."""

    added: int = 0
    modified: int = 0
    conflicts: int = 0


def record_receipts(
    *, account_id: UUID, records: Sequence[ReceiptRecord], occasion: Occasion
) -> Kept:
    """Keep the receipts that add up, each at its highest revision; the others are kept aside.

    Twice is once, and order does not matter. Publishes what is news of payments that are known.
    """
    Account.objects.select_for_update(no_key=True).get(pk=account_id)
    wrong = [each for each in records if why_wrong(each)]
    _keep_aside(account_id, [_conflict(each, why_wrong(each)) for each in wrong], occasion.at)
    merge = _Merge[ReceiptRecord, Receipt](account_id, Receipt.objects.all())
    merge.take(each for each in records if not why_wrong(each))
    for row, record in merge.changed():
        row.merchant_place = record.merchant_place
        row.issued_at, row.currency = record.issued_at, record.currency
        row.lines_minor = sum_of_lines(record.lines)
        row.discount_minor, row.total_minor = record.discount_minor, record.total_minor
        row.tax_minor, row.tax_included = record.tax_minor, record.tax_included
    merge.write(_write_lines, at=occasion.at)
    _tell_receipts([row for row, _record in merge.changed()], occasion)
    return merge.kept(beside=len(wrong))


def record_shipments(
    *, account_id: UUID, records: Sequence[ShipmentRecord], occasion: Occasion
) -> Kept:
    """Keep each shipment at its highest revision. Twice is once, and order does not matter."""
    Account.objects.select_for_update(no_key=True).get(pk=account_id)
    merge = _Merge[ShipmentRecord, Shipment](account_id, Shipment.objects.all())
    merge.take(records)
    for row, record in merge.changed():
        row.carrier, row.tracking_code = record.carrier, record.tracking_code
        row.status, row.expected_on = record.status, record.expected_on
        row.updated_at = record.updated_at
    merge.write(_write_stops, at=occasion.at)
    _tell_shipments([row for row, _record in merge.changed()], occasion)
    return merge.kept()


def tie_waiting(*, account_id: UUID, occasion: Occasion) -> int:
    """Tie what waited for payments that are known now; how many. The account's row is locked already."""
    receipts = _tied(Receipt.objects.all(), account_id)
    shipments = _tied(Shipment.objects.all(), account_id)
    _tell_receipts(receipts, occasion)
    _tell_shipments(shipments, occasion)
    return len(receipts) + len(shipments)


def follow_entries(gone: Mapping[UUID, UUID]) -> None:
    """What came with entries that turned out to be others came with those."""
    for entry_id, into in gone.items():
        Receipt.objects.filter(entry_id=entry_id).update(entry_id=into)
        Shipment.objects.filter(entry_id=entry_id).update(entry_id=into)


def _tied(rows: "QuerySet[Row]", account_id: UUID) -> list[Row]:
    waiting = list(rows.filter(account_id=account_id, entry__isnull=True))
    if not waiting:
        return []
    entries = entries_named(account_id, {each.transaction_external_id for each in waiting})
    found = [each for each in waiting if each.transaction_external_id in entries]
    for each in found:
        each.entry_id = entries[each.transaction_external_id]
    rows.bulk_update(found, ["entry"])
    return found


class _Merge(Generic[Record, Row]):
    """What was told of one account, laid over what is stored."""

    def __init__(self, account_id: UUID, rows: "QuerySet[Row]") -> None:
        self._account_id = account_id
        self._stored: QuerySet[Row] = rows.filter(account_id=account_id)
        self._rows: dict[str, Row] = {}
        self._added = 0
        self._taken: dict[str, Record] = {}
        self._aside: list[PurchaseConflict] = []

    def take(self, records: Iterable[Record]) -> None:
        """Lay each revision over its row, where it is the higher one."""
        told = sorted(records, key=lambda each: (each.external_id, each.revision))
        named = {each.external_id for each in told}
        self._rows = {
            each.external_id: each for each in self._stored.filter(external_id__in=named)
        }
        known = len(self._rows)
        for record in told:
            self._take(record)
        self._added = len(self._rows) - known

    def _take(self, record: Record) -> None:
        row = self._rows.get(record.external_id)
        digest = digest_of(record)
        verdict = judge(row, revision=record.revision, digest=digest)
        if verdict is Verdict.CONTRADICTS:
            why = PurchaseConflict.Reason.SAID_DIFFERENTLY
            self._aside.append(_conflict(record, why))
        if verdict not in {Verdict.NEW, Verdict.NEWER}:
            return
        if row is None:
            row = self._stored.model(account_id=self._account_id, external_id=record.external_id)
        row.transaction_external_id = record.transaction_external_id
        row.revision, row.digest = record.revision, digest
        row.merchant_name = record.merchant_name
        self._rows[record.external_id] = row
        self._taken[record.external_id] = record

    def changed(self) -> list[tuple[Row, Record]]:
        """The rows that are new or changed, each with the revision that it says now."""
        return [(self._rows[key], record) for key, record in self._taken.items()]

    def write(self, write_parts: Callable[[Row, Record], None], *, at: datetime) -> None:
        """Write them and their parts, and tie each to its payment where that is known."""
        wanted = {record.transaction_external_id for record in self._taken.values()}
        entries = entries_named(self._account_id, wanted) if wanted else {}
        for row, record in self.changed():
            # A payment that is not known under this number stays the one that was.
            row.entry_id = entries.get(record.transaction_external_id, row.entry_id)
            row.read_at = at
            row.save()
            write_parts(row, record)
        _keep_aside(self._account_id, self._aside, at)

    def kept(self, *, beside: int = 0) -> Kept:
        changed = len(self._taken) - self._added
        return Kept(self._added, changed, len(self._aside) + beside)


def _write_lines(receipt: Receipt, record: ReceiptRecord) -> None:
    ReceiptLine.objects.filter(receipt=receipt).delete()
    ReceiptLine.objects.bulk_create(
        ReceiptLine(
            account_id=receipt.account_id, receipt=receipt, position=position, **asdict(line)
        )
        for position, line in enumerate(record.lines)
    )


def _write_stops(shipment: Shipment, record: ShipmentRecord) -> None:
    ShipmentStop.objects.filter(shipment=shipment).delete()
    ShipmentStop.objects.bulk_create(
        ShipmentStop(
            account_id=shipment.account_id, shipment=shipment, position=position, **asdict(event)
        )
        for position, event in enumerate(record.events)
    )


def _conflict(record: ReceiptRecord | ShipmentRecord, reason: str) -> PurchaseConflict:
    conflict = PurchaseConflict(
        kind=SHIPMENT,
        external_id=record.external_id,
        revision=record.revision,
        digest=digest_of(record),
        reason=reason,
    )
    if isinstance(record, ReceiptRecord):
        conflict.kind = RECEIPT
        conflict.said_minor, conflict.summed_minor = record.total_minor, sum_of(record)
        conflict.currency = record.currency
    return conflict


def _keep_aside(account_id: UUID, conflicts: Sequence[PurchaseConflict], at: datetime) -> None:
    for each in conflicts:
        each.account_id, each.seen_at = account_id, at
    PurchaseConflict.objects.bulk_create(conflicts, ignore_conflicts=True)


def _tell_receipts(receipts: Iterable[Receipt], occasion: Occasion) -> None:
    for each in receipts:
        if _is_told(each, each.issued_at, occasion) and each.entry_id is not None:
            event = ReceiptIssued(each.id, each.account_id, each.entry_id, each.revision)
            _publish(event, each, occasion)


def _tell_shipments(shipments: Iterable[Shipment], occasion: Occasion) -> None:
    for each in shipments:
        if _is_told(each, each.updated_at, occasion) and each.entry_id is not None:
            event = ShipmentMoved(each.id, each.account_id, each.entry_id, each.revision)
            _publish(event, each, occasion)


def _is_told(row: Told, told_at: datetime, occasion: Occasion) -> bool:
    return row.entry_id is not None and is_news(told_at, since=occasion.since, at=occasion.at)


def _publish(event: ReceiptIssued | ShipmentMoved, row: Told, occasion: Occasion) -> None:
    key = account_key(row.account_id)
    publish(event, key=key, occurred_at=occasion.at, trace=occasion.trace)
