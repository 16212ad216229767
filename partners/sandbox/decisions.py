"""What a customer said about a payment, by way of a program: it was me, or it was not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from psycopg.rows import DictRow

from partners.sandbox.ledger import Change

WORDS = ("was_me", "not_me")


@dataclass(frozen=True)
class Decision:
    """A decision as it arrived. The transaction is named by any id that it has or had."""

    id: str
    client_id: str
    consent_id: str
    account_id: str
    transaction_id: str
    word: str
    decided_at: dt.datetime


async def find_decision(change: Change, *, decision_id: str, client_id: str) -> DictRow | None:
    """The decision as it stands, or None: another client's is not there either."""
    return await change.one(
        "SELECT * FROM decisions WHERE id = %s AND client_id = %s", (decision_id, client_id)
    )


async def take_decision(change: Change, decision: Decision) -> DictRow:
    """Keep a new decision and act by it; failed where there is no such transaction."""
    transaction = await _find_transaction(change, decision)
    row = await change.one(
        """INSERT INTO decisions (id, client_id, consent_id, account_id, transaction_id,
             transaction_key, word, decided_at, received_at, status, settled_at, failure_reason)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING *""",
        (
            decision.id,
            decision.client_id,
            decision.consent_id,
            decision.account_id,
            decision.transaction_id,
            transaction["key"] if transaction else None,
            decision.word,
            decision.decided_at,
            change.at,
            "done" if transaction else "failed",
            change.at if transaction else None,
            None if transaction else "transaction_not_found",
        ),
    )
    if row is None:
        raise RuntimeError("an insert gave no row")
    if transaction:
        await _mark(change, transaction)
    return row


async def _find_transaction(change: Change, decision: Decision) -> DictRow | None:
    """By the id that it was told under, though it may have been booked under another."""
    return await change.one(
        """SELECT t.* FROM transactions t JOIN history h ON h.transaction_key = t.key
           WHERE t.account_id = %s AND h.transaction_id = %s AND t.status <> 'declined' LIMIT 1""",
        (decision.account_id, decision.transaction_id),
    )


async def _mark(change: Change, transaction: DictRow) -> None:
    """What the customer said last is so, whichever arrived last; clients are told of the change."""
    await change.connection.execute(
        """UPDATE transactions SET decision = (SELECT word FROM decisions
             WHERE transaction_key = transactions.key ORDER BY decided_at DESC, received_at DESC LIMIT 1),
             decided_seq = nextval(pg_get_serial_sequence('history', 'seq'))
           WHERE key = %s""",
        (transaction["key"],),
    )
    change.touched.setdefault(transaction["account_id"], 0)


async def note_repeat(change: Change, *, decision_id: str, client_id: str) -> None:
    """Remember that the same decision came once more."""
    await change.connection.execute(
        "UPDATE decisions SET times_received = times_received + 1 WHERE id = %s AND client_id = %s",
        (decision_id, client_id),
    )
