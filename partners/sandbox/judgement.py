"""The ledger as a judge reads it: every transaction with its whole life, cards, instructions, notices."""

from __future__ import annotations

import datetime as dt
from typing import Any

from psycopg.rows import DictRow

from partners.sandbox import money
from partners.sandbox.bank import Bank
from partners.sandbox.storage.database import Connection, read_fact

MOST_ROWS = 5000


async def read_ledger(
    bank: Bank, connection: Connection, *, after: int, limit: int
) -> dict[str, Any]:
    """What changed after history number `after`, at most `limit` steps; `next_after` continues."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return await _read(bank, connection, after=after, limit=limit)


async def _read(bank: Bank, connection: Connection, *, after: int, limit: int) -> dict[str, Any]:
    steps = await _all(
        connection,
        "SELECT seq, transaction_key FROM history WHERE seq > %s ORDER BY seq LIMIT %s",
        after,
        limit,
    )
    last = steps[-1]["seq"] if steps else after
    keys = sorted({step["transaction_key"] for step in steps if step["transaction_key"]})
    head = await _all(connection, "SELECT coalesce(max(seq), 0) AS seq FROM history")
    lives = await _lives(connection, keys)
    rows = await _all(
        connection,
        """SELECT t.*, (SELECT array_agg(c.login ORDER BY c.position) FROM account_holders h
             JOIN customers c ON c.id = h.customer_id WHERE h.account_id = t.account_id) AS logins
           FROM transactions t WHERE t.key = ANY(%s) ORDER BY t.key""",
        keys,
    )
    told = [_transaction(row, lives[row["key"]]) for row in rows]
    return {
        "bank": bank.profile.slug,
        "epoch": await read_fact(connection, "epoch"),
        "seeded_until": int(await read_fact(connection, "seeded_until") or 0),
        "head": head[0]["seq"],
        "after": after,
        "next_after": last,
        "has_more": last < head[0]["seq"],
        "accounts": await _accounts(connection),
        "transactions": [one for one in told if one["status"] != "declined"],
        "declined": [one for one in told if one["status"] == "declined"],
        "cards": await _card_log(connection, after=after, last=last),
        "instructions": await _instructions(connection),
        "decisions": await _decisions(connection),
        "notifications": await _notices(connection),
    }


async def _all(connection: Connection, query: str, *values: Any) -> list[DictRow]:
    cursor = await connection.execute(query.encode(), values)
    return await cursor.fetchall()


async def _lives(connection: Connection, keys: list[int]) -> dict[int, list[dict[str, Any]]]:
    lives: dict[int, list[dict[str, Any]]] = {key: [] for key in keys}
    for step in await _all(
        connection,
        "SELECT * FROM history WHERE transaction_key = ANY(%s) ORDER BY seq",
        keys,
    ):
        lives[step["transaction_key"]].append(
            {
                "seq": step["seq"],
                "state": step["what"],
                "at": step["at"].isoformat(),
                "TransactionId": step["transaction_id"],
                "amount_minor": step["amount_minor"],
                "by": step["by"],
            }
        )
    return lives


def _transaction(row: DictRow, life: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "key": row["key"],
        "AccountId": row["account_id"],
        "TransactionId": row["transaction_id"],
        "logins": row["logins"],
        "status": row["status"],
        "kind": row["kind"],
        "amount_minor": row["amount_minor"],
        "amount": money.to_text(row["amount_minor"], row["currency"]),
        "currency": row["currency"],
        "original_minor": row["original_minor"],
        "original_currency": row["original_currency"],
        "exchange_rate": None if row["exchange_rate"] is None else str(row["exchange_rate"]),
        "occurred_at": row["occurred_at"].isoformat(),
        "value_at": _when(row["value_at"]),
        "description": row["description"],
        "merchant_name": row["merchant_name"],
        "merchant_category": row["merchant_category"],
        "merchant_country": row["merchant_country"],
        "CardId": row["card_id"],
        "fraud_suspected": row["fraud_suspected"],
        "refund_of": row["refund_of"],
        "source": row["source"],
        "life": life,
    }


def _when(at: dt.datetime | None) -> str | None:
    return at.isoformat() if at else None


async def _accounts(connection: Connection) -> list[dict[str, Any]]:
    rows = await _all(connection, "SELECT * FROM accounts ORDER BY id")
    return [
        {
            "AccountId": row["id"],
            "currency": row["currency"],
            "booked": money.to_text(row["booked_minor"], row["currency"]),
            "available": money.to_text(
                row["booked_minor"] + row["pending_minor"], row["currency"]
            ),
        }
        for row in rows
    ]


async def _card_log(connection: Connection, *, after: int, last: int) -> list[dict[str, Any]]:
    rows = await _all(
        connection,
        """SELECT * FROM history WHERE what IN ('frozen', 'unfrozen') AND seq > %s AND seq <= %s
           ORDER BY seq""",
        after,
        last,
    )
    return [
        {
            "seq": row["seq"],
            "CardId": row["card_id"],
            "AccountId": row["account_id"],
            "state": row["what"],
            "at": row["at"].isoformat(),
            "by": row["by"],
            "InstructionId": row["instruction_id"],
        }
        for row in rows
    ]


async def _instructions(connection: Connection) -> list[dict[str, Any]]:
    rows = await _all(connection, "SELECT * FROM instructions ORDER BY received_at, id")
    return [
        {
            "InstructionId": row["id"],
            "client_id": row["client_id"],
            "AccountId": row["account_id"],
            "CardId": row["card_id"],
            "Action": row["action"],
            "Reason": row["reason"],
            "Status": row["status"],
            "FailureReason": row["failure_reason"],
            "ReceivedAt": row["received_at"].isoformat(),
            "SettledAt": _when(row["settled_at"]),
            "times_received": row["times_received"],
        }
        for row in rows
    ]


async def _decisions(connection: Connection) -> list[dict[str, Any]]:
    rows = await _all(connection, "SELECT * FROM decisions ORDER BY received_at, id")
    return [
        {
            "DecisionId": row["id"],
            "client_id": row["client_id"],
            "AccountId": row["account_id"],
            "TransactionId": row["transaction_id"],
            "Decision": row["word"],
            "DecidedAt": row["decided_at"].isoformat(),
            "Status": row["status"],
            "FailureReason": row["failure_reason"],
            "ReceivedAt": row["received_at"].isoformat(),
            "times_received": row["times_received"],
        }
        for row in rows
    ]


async def _notices(connection: Connection) -> dict[str, int]:
    rows = await _all(
        connection, "SELECT state, count(*) AS number FROM notifications GROUP BY state"
    )
    counted = {row["state"]: row["number"] for row in rows}
    return {state: counted.get(state, 0) for state in ("waiting", "delivered", "withheld")}
