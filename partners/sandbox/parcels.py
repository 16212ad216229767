"""Parcels: invented ways with carriers that do not exist, moved on by the clock or by hand."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from partners.sandbox import open_banking
from partners.sandbox.bank import Bank
from partners.sandbox.ledger import Change, LedgerRefusal
from partners.sandbox.people import dice
from partners.sandbox.storage.database import Connection
from partners.sandbox.updates import Update, tell

STATUSES = (
    "ordered",
    "packed",
    "in_transit",
    "delayed",
    "out_for_delivery",
    "delivered",
    "returned",
)
_ENDS = frozenset({"delivered", "returned"})
_SUNDAY = 6
_LONGER_BY = dt.timedelta(days=2)


@dataclass(frozen=True)
class Carriage:
    """Who carries parcels in a country, under what codes, and by way of where."""

    carriers: tuple[tuple[str, str], ...]
    depots: tuple[str, ...]
    town: str


_CARRIAGE = {
    "IT": Carriage(
        (("Corriere Gabbiano", "GB"), ("Lumaca Espresso", "LU")),
        ("Deposito Vialeta", "Centro Oliveto"),
        "Roma",
    ),
    "GB": Carriage(
        (("Heronpost", "HP"), ("Fellside Parcels", "FS")),
        ("Moorside depot", "Ferriby sorting office"),
        "Northmoor",
    ),
    "CH": Carriage(
        (("Gipfelpost", "GP"), ("Murmel Kurier", "MK")),
        ("Verteilzentrum Linth", "Depot Birke"),
        "Zürich",
    ),
}
_WORDS = {
    "ordered": "Order received",
    "packed": "Packed at the shop",
    "in_transit": "On its way",
    "delayed": "Held up on its way",
    "out_for_delivery": "On the van",
    "delivered": "Handed over",
    "returned": "On its way back to the shop",
}


@dataclass(frozen=True)
class Way:
    """A parcel's whole way, as it was invented."""

    carrier: str
    tracking_code: str
    statuses: tuple[str, ...]
    expected_on: dt.date


def invent_way(chance: random.Random, *, country: str, ordered_on: dt.date) -> Way:
    """Carrier, code, stops, and the day for which it is promised."""
    carriage = _CARRIAGE.get(country, _CARRIAGE["GB"])
    carrier, prefix = chance.choice(carriage.carriers)
    code = f"{prefix}{chance.randrange(10**10):010d}{country}"
    held_up = ("delayed",) if chance.randrange(6) == 0 else ()
    statuses = (
        "ordered",
        "packed",
        "in_transit",
        *held_up,
        "out_for_delivery",
        "delivered",
    )
    return Way(carrier, code, statuses, _workday(ordered_on, chance.randint(2, 4)))


def _workday(day: dt.date, later: int) -> dt.date:
    for _ in range(later):
        day += dt.timedelta(days=1)
        if day.weekday() == _SUNDAY:
            day += dt.timedelta(days=1)
    return day


def way_of(bank: Bank, purchase: DictRow) -> Way:
    """The way of a purchase's parcel, the same each time."""
    where = (purchase["account_id"], purchase["transaction_id"])
    chance = dice(bank.settings.seed, bank.profile.slug, "parcel", *where)
    day = purchase["occurred_at"].astimezone(bank.profile.tz).date()
    return invent_way(chance, country=bank.profile.country, ordered_on=day)


def event_of(bank: Bank, status: str, *, at: dt.datetime, step: int) -> dict[str, str]:
    """One stop, as the interface says it."""
    carriage = _CARRIAGE.get(bank.profile.country, _CARRIAGE["GB"])
    said = {
        "At": open_banking.moment(at, bank.profile.tz),
        "Status": status,
        "Text": _WORDS[status],
    }
    if status in {"in_transit", "delayed"}:
        said["Place"] = carriage.depots[step % len(carriage.depots)]
    elif status in {"out_for_delivery", "delivered"}:
        said["Place"] = carriage.town
    return said


def parcel_body(row: DictRow) -> dict[str, Any]:
    """What the interface says of a parcel, without its names; the newest stop is the last."""
    return {
        "Merchant": {"Name": row["merchant"]},
        "Carrier": row["carrier"],
        "TrackingCode": row["tracking_code"],
        "Status": row["events"][-1]["Status"],
        "ExpectedOn": row["expected_on"].isoformat() if row["expected_on"] else None,
        "UpdatedAt": row["events"][-1]["At"],
        "Events": row["events"],
    }


async def send_parcel(bank: Bank, change: Change, purchase: DictRow) -> str:
    """Begin the way of a purchase's parcel; gives its id."""
    way = way_of(bank, purchase)
    row = await change.one(
        """INSERT INTO parcels (id, account_id, transaction_key, merchant, carrier, tracking_code,
             way, step, expected_on, events, move_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s)
           ON CONFLICT (id) DO NOTHING RETURNING *""",
        (
            parcel_id(purchase["account_id"], purchase["transaction_id"]),
            purchase["account_id"],
            purchase["key"],
            purchase["merchant_name"],
            way.carrier,
            way.tracking_code,
            list(way.statuses),
            way.expected_on,
            Jsonb([event_of(bank, way.statuses[0], at=change.at, step=0)]),
            _next_move(bank, change),
        ),
    )
    if row is None:
        raise LedgerRefusal("parcel_exists", "This purchase has its parcel already.")
    change.more_due = True
    await _tell(change, row, purchase["transaction_id"])
    return str(row["id"])


def parcel_id(account_id: str, transaction_id: str) -> str:
    """The bank's id of the parcel of a purchase."""
    return f"shp-{account_id}-{transaction_id}"


def _next_move(bank: Bank, change: Change) -> dt.datetime:
    return change.at + dt.timedelta(seconds=bank.settings.parcel_step_seconds)


async def _tell(change: Change, row: DictRow, transaction_id: str) -> None:
    await tell(
        change,
        Update(
            kind="shipment",
            account_id=row["account_id"],
            about=row["id"],
            revision=row["revision"],
            transaction_key=row["transaction_key"],
            transaction_id=transaction_id,
            body=parcel_body(row),
        ),
    )


async def parcels_of(
    connection: Connection, customer_id: uuid.UUID, *, limit: int | None = None
) -> list[DictRow]:
    """A customer's parcels, newest first; `last` is the stop that was told last."""
    cursor = await connection.execute(
        """SELECT p.*, p.events -> -1 AS last, p.step + 1 < cardinality(p.way) AS moving
           FROM parcels p JOIN account_holders h ON h.account_id = p.account_id
           JOIN transactions t ON t.key = p.transaction_key
           WHERE h.customer_id = %s ORDER BY t.occurred_at DESC, p.id LIMIT %s""",
        (customer_id, limit),
    )
    return await cursor.fetchall()


async def move_due(bank: Bank, change: Change) -> int:
    """Move on the parcels whose time has come; gives how many."""
    rows = await change.all(
        "SELECT * FROM parcels WHERE move_at <= %s ORDER BY move_at, id LIMIT 100", (change.at,)
    )
    for row in rows:
        await _move(bank, change, row, to=None)
    return len(rows)


async def move_parcel(
    bank: Bank, change: Change, parcel_id: str, *, to: str | None = None
) -> DictRow:
    """Move a parcel on to the next stop of its way, or `to` another. Raises LedgerRefusal."""
    row = await change.one("SELECT * FROM parcels WHERE id = %s FOR UPDATE", (parcel_id,))
    if row is None:
        raise LedgerRefusal("parcel_not_found", "There is no such parcel.")
    if to is None and row["step"] + 1 >= len(row["way"]):
        raise LedgerRefusal("parcel_arrived", "This parcel is at the end of its way.")
    if to is not None and to not in STATUSES:
        raise LedgerRefusal("bad_request", f"to is one of {', '.join(STATUSES)}")
    return await _move(bank, change, row, to=to)


async def _move(bank: Bank, change: Change, row: DictRow, *, to: str | None) -> DictRow:
    step = row["step"] + 1 if to is None else _step_of(row["way"], to)
    status = to or row["way"][step]
    over = status in _ENDS or step + 1 >= len(row["way"])
    held_up = status == "delayed" and row["expected_on"] is not None
    moved = await change.one(
        """UPDATE parcels SET step = %s, revision = revision + 1, events = events || %s,
           expected_on = %s, move_at = %s WHERE id = %s RETURNING *""",
        (
            step,
            Jsonb([event_of(bank, status, at=change.at, step=step)]),
            row["expected_on"] + _LONGER_BY if held_up else row["expected_on"],
            None if over else _next_move(bank, change),
            row["id"],
        ),
    )
    purchase = await change.one(
        "SELECT transaction_id FROM transactions WHERE key = %s", (row["transaction_key"],)
    )
    if moved is None or purchase is None:
        raise RuntimeError("a parcel vanished under the ledger's lock")
    change.more_due = change.more_due or not over
    await _tell(change, moved, purchase["transaction_id"])
    return moved


def _step_of(way: list[str], status: str) -> int:
    """Where on its way a parcel is that was put to a stop by hand; one sent back is at its end."""
    if status in way:
        return way.index(status)
    return len(way) - 1 if status in _ENDS else way.index("in_transit")
