"""What the bank tells of receipts and parcels: one row a revision, in the order in which it was told."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from partners.sandbox.faults import Faults
from partners.sandbox.ledger import Change, LedgerRefusal
from partners.sandbox.storage.database import Connection

PAGE_SIZE = 50
_PLACE = re.compile(r"u([0-9]{1,18})")


@dataclass(frozen=True)
class Update:
    """One revision of a receipt or shipment; `body` is what is said of it, without its names."""

    kind: str
    account_id: str
    about: str
    revision: int
    transaction_key: int | None
    transaction_id: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Page:
    """Updates after a place, and the place after them."""

    rows: list[DictRow]
    place: str
    more: bool


async def tell(change: Change, update: Update) -> None:
    """Put it at the end of what clients read, and announce the account."""
    await change.connection.execute(
        """INSERT INTO updates
           (kind, account_id, about, revision, transaction_key, transaction_id, body, at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            update.kind,
            update.account_id,
            update.about,
            update.revision,
            update.transaction_key,
            update.transaction_id,
            Jsonb(update.body),
            change.at,
        ),
    )
    change.touched.setdefault(update.account_id, 0)


async def tell_again(change: Change, *, about: str, revision: int | None) -> DictRow:
    """Tell a revision once more, the newest where none is named: an older one is out of order."""
    row = await change.one(
        """SELECT * FROM updates WHERE about = %s AND (%s::integer IS NULL OR revision = %s)
           ORDER BY revision DESC, seq DESC LIMIT 1""",
        (about, revision, revision),
    )
    if row is None:
        raise LedgerRefusal("update_not_found", "Nothing of that id and revision was ever told.")
    names = ("kind", "account_id", "about", "revision", "transaction_key", "transaction_id")
    await tell(change, Update(**{name: row[name] for name in names}, body=row["body"]))
    return row


def read_place(text: str | None) -> int | None:
    """The number after which to read on; None for a text that is not one of ours."""
    if text is None:
        return 0
    found = _PLACE.fullmatch(text)
    return int(found[1]) if found else None


async def read_updates(
    connection: Connection, consent: DictRow, *, kind: str, account_id: str, after: int, zone: str
) -> Page:
    """A page of what was told of one account; a purchase before the consent's window stays out."""
    cursor = await connection.execute(
        """SELECT u.*, coalesce(t.transaction_id, u.transaction_id) AS present_id FROM updates u
           LEFT JOIN transactions t ON t.key = u.transaction_key
           WHERE u.account_id = %(account)s AND u.kind = %(kind)s AND u.seq > %(after)s
             AND (t.key IS NULL OR %(earliest)s::timestamp IS NULL
               OR t.occurred_at >= %(earliest)s::timestamp AT TIME ZONE %(zone)s)
           ORDER BY u.seq LIMIT %(limit)s""",
        {
            "account": account_id,
            "kind": kind,
            "after": after,
            "earliest": consent["transactions_from"],
            "zone": zone,
            "limit": PAGE_SIZE + 1,
        },
    )
    rows = await cursor.fetchall()
    page = rows[:PAGE_SIZE]
    return Page(page, f"u{page[-1]['seq'] if page else after}", len(rows) > PAGE_SIZE)


async def all_updates(connection: Connection, *, after: int, limit: int) -> list[dict[str, Any]]:
    """What was told of every account after a number, for a judge."""
    cursor = await connection.execute(
        """SELECT u.seq, u.kind, u.account_id AS "AccountId", u.about AS id, u.revision AS "Revision",
             u.transaction_key, u.transaction_id AS "TransactionId", u.body, u.at
           FROM updates u WHERE u.seq > %s ORDER BY u.seq LIMIT %s""",
        (after, limit),
    )
    return [{**row, "at": row["at"].isoformat()} for row in await cursor.fetchall()]


def misplaced(rows: list[DictRow], faults: Faults) -> list[DictRow]:
    """The rows as a worse bank lists them: each twice, in disorder, where the faults say so."""
    listed = [row for row in rows for _ in range(2 if faults.duplicate_updates else 1)]
    if faults.reorder_updates:
        random.shuffle(listed)
    return listed
