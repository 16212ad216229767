"""What comes with a purchase: its receipt, its parcel, none of them; and those of the invented year."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import DictRow

from partners.sandbox.bank import Bank
from partners.sandbox.goods import SENT
from partners.sandbox.ledger import Change
from partners.sandbox.parcels import Way, event_of, parcel_body, parcel_id, send_parcel, way_of
from partners.sandbox.people import dice
from partners.sandbox.receipts import body_of, receipt_id, receipt_of, write_receipt
from partners.sandbox.storage.database import Connection

_PAST = dt.timedelta(days=90)
# The hours of the day at which a parcel of the invented year was last seen at each stop.
_HOURS = {"packed": 9, "in_transit": 20, "delayed": 11, "out_for_delivery": 8, "delivered": 14}


@dataclass(frozen=True)
class Papers:
    """`receipt`: none, now, later, or broken, whose lines do not add up."""

    receipt: str
    parcel: bool


NO_PAPERS = Papers("none", parcel=False)


def usual_papers(bank: Bank, purchase: DictRow) -> Papers:
    """What such a shop gives and sends of itself, the same each time."""
    if purchase["original_currency"] or receipt_of(bank, purchase) is None:
        return NO_PAPERS
    where = (purchase["account_id"], purchase["transaction_id"])
    chance = dice(bank.settings.seed, bank.profile.slug, "papers", *where)
    receipt = chance.choice(("now", "now", "now", "later", "none"))
    sent = purchase["merchant_category"] in SENT and chance.randrange(2) == 0
    return Papers(receipt, parcel=sent)


async def hand_over(bank: Bank, change: Change, purchase: DictRow, papers: Papers) -> None:
    """Issue the receipt and begin the parcel's way, in the purchase's own commit."""
    if papers.receipt != "none":
        broken = papers.receipt == "broken" or bank.faults.broken_receipts
        late = papers.receipt == "later"
        await write_receipt(bank, change, purchase, broken=broken, late=late)
    if papers.parcel:
        await send_parcel(bank, change, purchase)


@dataclass
class _Past:
    """Rows of the three tables, each with when it was told first where that orders them."""

    receipts: list[tuple[Any, ...]] = field(default_factory=list)
    parcels: list[tuple[Any, ...]] = field(default_factory=list)
    updates: list[tuple[Any, ...]] = field(default_factory=list)


async def write_past_papers(bank: Bank, connection: Connection, *, until: dt.datetime) -> None:
    """Receipts and parcels of the last months of the invented year; some parcels are still on their way."""
    cursor = await connection.execute(
        """SELECT * FROM transactions WHERE kind = 'CARD_PURCHASE' AND occurred_at > %s
           ORDER BY occurred_at, key""",
        (until - _PAST,),
    )
    past = _Past()
    for purchase in await cursor.fetchall():
        papers = usual_papers(bank, purchase)
        if papers.receipt != "none":
            _remember_receipt(bank, past, purchase)
        if papers.parcel:
            _remember_parcel(bank, past, purchase, until=until)
    await _copy(
        connection,
        "receipts (id, account_id, transaction_key, transaction_id, revision, body)",
        past.receipts,
    )
    await _copy(
        connection,
        "parcels (id, account_id, transaction_key, merchant, carrier, tracking_code, way, step,"
        " expected_on, revision, events, move_at)",
        past.parcels,
    )
    await _copy(
        connection,
        "updates (at, kind, account_id, about, revision, transaction_key, transaction_id, body)",
        sorted(past.updates, key=lambda row: (row[0], row[3])),
    )


def _remember_receipt(bank: Bank, past: _Past, purchase: DictRow) -> None:
    receipt = receipt_of(bank, purchase)
    if receipt is None:
        return
    at = purchase["occurred_at"]
    account_id, transaction_id = purchase["account_id"], purchase["transaction_id"]
    named = receipt_id(account_id, transaction_id)
    whose = (purchase["key"], transaction_id)
    body = json.dumps(body_of(bank, purchase, receipt, at=at))
    past.receipts.append((named, account_id, *whose, 1, body))
    past.updates.append((at, "receipt", account_id, named, 1, *whose, body))


def _remember_parcel(bank: Bank, past: _Past, purchase: DictRow, *, until: dt.datetime) -> None:
    way = way_of(bank, purchase)
    stops = _stops(bank, way, ordered_at=purchase["occurred_at"])
    seen = [stop for stop in stops if stop[1] <= until]
    events = [event_of(bank, status, at=at, step=step) for step, (status, at) in enumerate(seen)]
    account_id, transaction_id = purchase["account_id"], purchase["transaction_id"]
    named = parcel_id(account_id, transaction_id)
    move_at = stops[len(seen)][1] if len(seen) < len(stops) else None
    said = {
        "merchant": purchase["merchant_name"],
        "carrier": way.carrier,
        "tracking_code": way.tracking_code,
        "expected_on": way.expected_on,
        "events": events,
    }
    past.parcels.append(
        (
            named,
            account_id,
            purchase["key"],
            said["merchant"],
            way.carrier,
            way.tracking_code,
            list(way.statuses),
            len(seen) - 1,
            way.expected_on,
            len(seen),
            json.dumps(events),
            move_at,
        )
    )
    whose = (purchase["key"], transaction_id)
    body = json.dumps(parcel_body(said))
    past.updates.append((seen[-1][1], "shipment", account_id, named, len(seen), *whose, body))


def _stops(bank: Bank, way: Way, *, ordered_at: dt.datetime) -> list[tuple[str, dt.datetime]]:
    """When a parcel of the invented year was, or will be, where."""
    first = ordered_at.astimezone(bank.profile.tz).date()
    last = way.expected_on
    days = {"packed": 1, "in_transit": 1, "delayed": 2}
    stops = [("ordered", ordered_at)]
    for status in way.statuses[1:]:
        day = min(first + dt.timedelta(days=days.get(status, 99)), last)
        local = dt.datetime.combine(day, dt.time(_HOURS[status]), tzinfo=bank.profile.tz)
        stops.append((status, max(local.astimezone(dt.UTC), stops[-1][1] + dt.timedelta(hours=1))))
    return stops


async def _copy(connection: Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    async with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
        for row in rows:
            await copy.write_row(row)
