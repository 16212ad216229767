"""Shipping updates, by the partner API that `openapi.yaml` beside this file describes."""

from collections.abc import Mapping
from typing import get_args
from zoneinfo import ZoneInfo

from partners.connectors.answers import Node
from partners.connectors.base import (
    BankAddress,
    Grant,
    ShipmentEvent,
    ShipmentPage,
    ShipmentRecord,
    ShipmentStatus,
    Steps,
)
from partners.connectors.partner import updates
from partners.connectors.rows import as_node, read_rows

_MAX_EVENTS = 100
_STATUSES: Mapping[str, ShipmentStatus] = {each: each for each in get_args(ShipmentStatus)}


def read(
    address: BankAddress, *, grant: Grant, account_external_id: str, after: str
) -> Steps[ShipmentPage]:
    """A page of what was told of shipments."""
    answer = yield from updates.ask(
        address,
        "shipments",
        grant=grant,
        account_external_id=account_external_id,
        after=after,
    )
    cursor, has_more = updates.place_after(answer, after=after)
    records, rejected = read_rows(
        answer.rows("Shipment"),
        lambda row: _read(row, account_external_id, address.zone),
        id_of=_external_id,
    )
    return ShipmentPage(tuple(records), cursor, has_more, tuple(rejected))


def _external_id(row: Node) -> str:
    return row.identity("ShipmentId", limit=128)


def _read(row: Node, account_external_id: str, zone: ZoneInfo) -> ShipmentRecord:
    updates.of_account(row, account_external_id)
    return ShipmentRecord(
        external_id=_external_id(row),
        transaction_external_id=row.identity("TransactionId", limit=210),
        revision=updates.revision(row),
        merchant_name=row.node("Merchant").text("Name", limit=350) or "",
        carrier=row.text("Carrier", limit=100) or "",
        tracking_code=row.text("TrackingCode", limit=64) or "",
        status=row.word("Status", _STATUSES),
        expected_on=row.day("ExpectedOn", zone).on if row.has("ExpectedOn") else None,
        updated_at=row.instant("UpdatedAt", zone),
        events=_events(row, zone),
    )


def _events(row: Node, zone: ZoneInfo) -> tuple[ShipmentEvent, ...]:
    listed = row.rows("Events")
    if len(listed) > _MAX_EVENTS:
        row.wrong("Events", "more than a parcel can have")
    read = [
        _event(as_node(event, f"Events[{position}]"), zone)
        for position, event in enumerate(listed)
    ]
    return tuple(sorted(read, key=lambda event: event.at))


def _event(event: Node, zone: ZoneInfo) -> ShipmentEvent:
    return ShipmentEvent(
        at=event.instant("At", zone),
        status=event.word("Status", _STATUSES),
        text=event.text("Text", limit=140) or "",
        place=event.text("Place", limit=140) or "",
    )
