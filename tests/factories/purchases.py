"""Receipts and shipments as a bank tells them; nothing is stored by making one."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from django.utils import timezone

from partners.connectors.base import (
    ReceiptLine,
    ReceiptRecord,
    ShipmentEvent,
    ShipmentRecord,
    ShipmentStatus,
)
from partners.ledger.models import Account, Entry
from partners.purchases.actions import Occasion, record_receipts, record_shipments
from partners.purchases.models import Receipt, Shipment
from portal.tenancy.blocks import serving

_numbers = count(1)
LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
LINES = (
    ReceiptLine("Tagliatelle", 2000, "", 450, 0, 900),
    ReceiptLine("Pomodori ramati", 742, "kg", 298, 0, 221),
    ReceiptLine("Caffè macinato", 1000, "", 399, 100, 299),
)


def receipt_record(**changes: Any) -> ReceiptRecord:
    """A receipt of 14.20 that adds up: three lines, and 0.00 off."""
    number = next(_numbers)
    given: dict[str, Any] = {
        "external_id": f"rcp-{number}",
        "transaction_external_id": f"t-{number}",
        "revision": 1,
        "merchant_name": "Mercato Oliveto",
        "merchant_place": "Roma",
        "issued_at": timezone.now(),
        "currency": "EUR",
        "lines": LINES,
        "discount_minor": 0,
        "tax_minor": 55,
        "tax_included": True,
        "total_minor": 1420,
    }
    return ReceiptRecord(**(given | changes))


def shipment_record(status: ShipmentStatus = "in_transit", **changes: Any) -> ShipmentRecord:
    """A parcel on its way, expected the day after tomorrow."""
    number = next(_numbers)
    at = changes.get("updated_at") or timezone.now()
    given: dict[str, Any] = {
        "external_id": f"shp-{number}",
        "transaction_external_id": f"t-{number}",
        "revision": 1,
        "merchant_name": "Casa Tegola",
        "carrier": "Corriere Gabbiano",
        "tracking_code": "GB0123456789IT",
        "status": status,
        "expected_on": (at + timedelta(days=2)).date(),
        "updated_at": at,
        "events": (ShipmentEvent(at, status, "On its way", "Deposito Vialeta"),),
    }
    return ShipmentRecord(**(given | changes))


def tell_receipt(entry: Entry, **changes: Any) -> Receipt:
    """The bank tells of the entry's receipt; opens a block of its own."""
    record = receipt_record(**{"transaction_external_id": entry.external_id} | changes)
    with serving(entry.bank_id):
        record_receipts(account_id=entry.account_id, records=[record], occasion=occasion())
        return Receipt.objects.get(external_id=record.external_id)


def tell_shipment(entry: Entry, status: ShipmentStatus = "in_transit", **changes: Any) -> Shipment:
    """The bank tells where the entry's parcel is; opens a block of its own."""
    record = shipment_record(status, **{"transaction_external_id": entry.external_id} | changes)
    with serving(entry.bank_id):
        record_shipments(account_id=entry.account_id, records=[record], occasion=occasion())
        return Shipment.objects.get(external_id=record.external_id)


def occasion(account: Account | None = None) -> Occasion:
    """Read now; news since the account was linked, or since ever."""
    return Occasion(at=timezone.now(), since=account.created_at if account else LONG_AGO)
