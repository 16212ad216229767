"""The bank's ledger: every change to it, each with its history and its notices in one commit."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, LiteralString

from psycopg.rows import DictRow

from partners.sandbox import money
from partners.sandbox.bank import Bank
from partners.sandbox.storage.database import Connection

Values = tuple[Any, ...] | dict[str, Any]
CARD_KINDS = ("CARD_PURCHASE", "CARD_REFUND")


class LedgerRefusal(Exception):
    """What was asked cannot be done; `code` is stable, the text is for people."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class CardFrozen(LedgerRefusal):
    """The purchase was declined, and the attempt is on record."""

    def __init__(self, transaction: DictRow) -> None:
        super().__init__("card_frozen", "The card is frozen: the purchase was declined.")
        self.transaction = transaction


@dataclass(frozen=True)
class Entry:
    """A movement to record: `amount_minor` in the account's currency, credit positive."""

    account_id: str
    kind: str
    amount_minor: int
    currency: str
    occurred_at: dt.datetime
    description: str
    source: str
    merchant_name: str = ""
    merchant_category: str = ""
    merchant_country: str = ""
    original_minor: int | None = None
    original_currency: str | None = None
    exchange_rate: Decimal | None = None
    card_id: str | None = None
    fraud_suspected: bool = False
    refund_of: int | None = None
    # Where its number was given out before it happened.
    transaction_id: str | None = None


@dataclass
class Change:
    """One transaction on the ledger. Whoever is handed one holds the ledger's lock."""

    connection: Connection
    at: dt.datetime
    touched: dict[str, int] = field(default_factory=dict)
    more_due: bool = False

    async def one(self, query: LiteralString, values: Values = ()) -> DictRow | None:
        """The first row of an answer."""
        cursor = await self.connection.execute(query, values)
        return await cursor.fetchone()

    async def all(self, query: LiteralString, values: Values = ()) -> list[DictRow]:
        """All rows of an answer."""
        cursor = await self.connection.execute(query, values)
        return await cursor.fetchall()


@asynccontextmanager
async def changing(bank: Bank) -> AsyncIterator[Change]:
    """Open the ledger for a change. Commits with one notice per account touched, then wakes the pusher."""
    async with bank.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")
        change = Change(connection, at=bank.now())
        yield change
        await _announce(bank, change)
    if change.touched:
        bank.told.set()
    if change.more_due:
        bank.due.set()


async def _announce(bank: Bank, change: Change) -> None:
    """Keep a notice for every client whose live consent covers a touched account."""
    if not change.touched:
        return
    clients = await change.all(
        """SELECT DISTINCT c.client_id, h.account_id FROM consents c
           JOIN account_holders h ON h.customer_id = c.customer_id
           WHERE h.account_id = ANY(%s) AND c.status = 'AUTH'
             AND (c.expires_at IS NULL OR c.expires_at > %s)
             AND (c.all_accounts OR EXISTS (SELECT 1 FROM consent_accounts a
                  WHERE a.consent_id = c.id AND a.account_id = h.account_id))""",
        (list(change.touched), change.at),
    )
    for row in clients:
        await change.connection.execute(
            """INSERT INTO notifications
               (jti, client_id, account_id, caused_by, happened_at, state, next_attempt_at)
               VALUES (%s, %s, %s, %s, %s, %s, %s)""",
            (
                uuid.uuid4(),
                row["client_id"],
                row["account_id"],
                change.touched[row["account_id"]],
                change.at,
                "withheld" if bank.faults.silent else "waiting",
                change.at,
            ),
        )


async def record(
    change: Change, entry: Entry, *, status: str, book_at: dt.datetime | None = None
) -> DictRow:
    """Write one new transaction and the beginning of its life; gives its row."""
    declined = status == "declined"
    account = await _numbered(change, entry, moves=not declined, pending=status == "pending")
    row = await change.one(
        """INSERT INTO transactions
           (account_id, transaction_id, status, kind, amount_minor, currency, original_minor,
            original_currency, exchange_rate, occurred_at, value_at, book_at, description,
            merchant_name, merchant_category, merchant_country, card_id, fraud_suspected,
            refund_of, source)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
           RETURNING *""",
        (
            entry.account_id,
            entry.transaction_id
            or transaction_number(account["next_number"] - 1, declined=declined),
            status,
            entry.kind,
            entry.amount_minor,
            entry.currency,
            entry.original_minor,
            entry.original_currency,
            entry.exchange_rate,
            entry.occurred_at,
            change.at if status == "booked" else None,
            book_at,
            entry.description,
            entry.merchant_name,
            entry.merchant_category,
            entry.merchant_country,
            entry.card_id,
            entry.fraud_suspected,
            entry.refund_of,
            entry.source,
        ),
    )
    if row is None:
        raise RuntimeError("an insert gave no row")
    change.more_due = change.more_due or book_at is not None
    await _write_history(change, row, what=status, by=entry.source, tell=not declined)
    return row


def transaction_number(number: int, *, declined: bool = False) -> str:
    """The id that the bank gives a transaction: unique within its account only, as at many banks."""
    return f"{'D' if declined else 'T'}{number:08d}"


async def _numbered(change: Change, entry: Entry, *, moves: bool, pending: bool) -> DictRow:
    """Take the account's next number and move its balances."""
    moved = entry.amount_minor if moves else 0
    row = await change.one(
        """UPDATE accounts SET next_number = next_number + 1, changed_at = %s,
           booked_minor = booked_minor + %s, pending_minor = pending_minor + %s
           WHERE id = %s AND currency = %s RETURNING next_number""",
        (
            change.at,
            0 if pending else moved,
            moved if pending else 0,
            entry.account_id,
            entry.currency,
        ),
    )
    if row is None:
        raise LedgerRefusal("currency_mismatch", "The account is not held in that currency.")
    return row


async def _write_history(
    change: Change, row: DictRow, *, what: str, by: str, tell: bool = True
) -> None:
    written = await change.one(
        """INSERT INTO history
           (transaction_key, account_id, card_id, what, transaction_id, amount_minor, currency, by, at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING seq""",
        (
            row["key"],
            row["account_id"],
            row["card_id"],
            what,
            row["transaction_id"],
            row["amount_minor"],
            row["currency"],
            by,
            change.at,
        ),
    )
    if written and tell:
        change.touched[row["account_id"]] = written["seq"]


async def buy(bank: Bank, change: Change, entry: Entry) -> tuple[DictRow, bool]:
    """A card purchase: pending, or declined on a frozen card. Gives its row and whether it was accepted."""
    card = await change.one("SELECT frozen_at FROM cards WHERE id = %s", (entry.card_id,))
    if card is None:
        raise LedgerRefusal("card_not_found", "There is no such card.")
    if card["frozen_at"] is not None:
        return await record(change, entry, status="declined"), False
    book_at = change.at + dt.timedelta(seconds=bank.settings.book_after_seconds)
    return await record(change, entry, status="pending", book_at=book_at), True


async def book_due(
    bank: Bank, change: Change, *, everything: bool = False, limit: int = 200
) -> int:
    """Book card purchases whose time has come (or all that are pending); gives how many."""
    rows = await change.all(
        """SELECT * FROM transactions WHERE status = 'pending' AND (book_at <= %s OR %s)
           ORDER BY book_at, key LIMIT %s""",
        (change.at, everything, limit),
    )
    for row in rows:
        await _book(bank, change, row)
    return len(rows)


async def _book(bank: Bank, change: Change, row: DictRow) -> None:
    if bank.faults.renumber:
        taken = await change.one(
            "UPDATE accounts SET next_number = next_number + 1 WHERE id = %s RETURNING next_number",
            (row["account_id"],),
        )
        number = transaction_number(taken["next_number"] - 1 if taken else 0)
        row = {**row, "transaction_id": number}
    await change.connection.execute(
        """UPDATE transactions SET status = 'booked', book_at = NULL, value_at = %s,
           transaction_id = %s WHERE key = %s""",
        (change.at, row["transaction_id"], row["key"]),
    )
    await _move_pending(change, row, booked=row["amount_minor"])
    await _write_history(change, row, what="booked", by="clock")


async def remove_pending(
    change: Change, *, account_id: str, transaction_id: str, by: str
) -> DictRow:
    """Let a pending purchase lapse: it disappears from the account's list."""
    row = await change.one(
        "SELECT * FROM transactions WHERE account_id = %s AND transaction_id = %s",
        (account_id, transaction_id),
    )
    if row is None:
        raise LedgerRefusal("transaction_not_found", "There is no such transaction.")
    if row["status"] != "pending":
        raise LedgerRefusal("not_pending", "Only a pending transaction can lapse.")
    await change.connection.execute(
        "UPDATE transactions SET status = 'removed', book_at = NULL WHERE key = %s", (row["key"],)
    )
    await _move_pending(change, row, booked=0)
    await _write_history(change, row, what="removed", by=by)
    return {**row, "status": "removed", "book_at": None}


async def _move_pending(change: Change, row: DictRow, *, booked: int) -> None:
    await change.connection.execute(
        """UPDATE accounts SET pending_minor = pending_minor - %s,
           booked_minor = booked_minor + %s, changed_at = %s WHERE id = %s""",
        (row["amount_minor"], booked, change.at, row["account_id"]),
    )


async def refund(
    change: Change, *, customer_id: uuid.UUID, transaction_id: str | None, by: str
) -> DictRow:
    """Give a card purchase back: the newest not yet refunded, or the one named."""
    row = await change.one(
        """SELECT t.* FROM transactions t
           JOIN account_holders h ON h.account_id = t.account_id AND h.customer_id = %s
           WHERE t.kind = 'CARD_PURCHASE' AND t.status IN ('pending', 'booked')
             AND (%s::text IS NULL OR t.transaction_id = %s)
             AND NOT EXISTS (SELECT 1 FROM transactions r WHERE r.refund_of = t.key)
           ORDER BY t.occurred_at DESC, t.key DESC LIMIT 1""",
        (customer_id, transaction_id, transaction_id),
    )
    if row is None:
        raise LedgerRefusal("nothing_to_refund", "No purchase is left that could be refunded.")
    original = row["original_minor"]
    entry = Entry(
        account_id=row["account_id"],
        kind="CARD_REFUND",
        amount_minor=-row["amount_minor"],
        currency=row["currency"],
        occurred_at=change.at,
        description=f"Refund {row['description']}".strip(),
        source=by,
        merchant_name=row["merchant_name"],
        merchant_category=row["merchant_category"],
        merchant_country=row["merchant_country"],
        original_minor=None if original is None else -original,
        original_currency=row["original_currency"],
        exchange_rate=row["exchange_rate"],
        card_id=row["card_id"],
        refund_of=row["key"],
    )
    return await record(change, entry, status="booked")


async def set_card_state(
    change: Change,
    *,
    card_ids: list[str],
    frozen: bool,
    by: str,
    instruction_id: str | None = None,
) -> int:
    """Freeze or unfreeze cards; gives how many changed. Each change is on record and announced."""
    rows = await change.all(
        """UPDATE cards SET frozen_at = %s WHERE id = ANY(%s) AND (frozen_at IS NULL) = %s
           RETURNING id, account_id""",
        (change.at if frozen else None, card_ids, frozen),
    )
    for row in rows:
        written = await change.one(
            """INSERT INTO history (account_id, card_id, instruction_id, what, by, at)
               VALUES (%s, %s, %s, %s, %s, %s) RETURNING seq""",
            (
                row["account_id"],
                row["id"],
                instruction_id,
                "frozen" if frozen else "unfrozen",
                by,
                change.at,
            ),
        )
        change.touched[row["account_id"]] = written["seq"] if written else 0
    return len(rows)


def abroad(entry: Entry, *, currency: str, amount_minor: int) -> Entry:
    """The same purchase priced in another currency; the account pays the bank's own rate."""
    if currency == entry.currency:
        return replace(entry, amount_minor=amount_minor)
    rate = money.exchange_rate(currency, entry.currency)
    paid = money.convert(amount_minor, source=currency, target=entry.currency, rate=rate)
    return replace(
        entry,
        amount_minor=paid,
        original_minor=amount_minor,
        original_currency=currency,
        exchange_rate=rate,
    )
