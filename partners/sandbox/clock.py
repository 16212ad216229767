"""Time passing at the bank: purchases are booked, slow instructions settle, receipts come, parcels move."""

from __future__ import annotations

import logging

import psycopg

from partners.sandbox.bank import Bank, rung
from partners.sandbox.instructions import settle_due
from partners.sandbox.ledger import book_due, changing
from partners.sandbox.parcels import move_due
from partners.sandbox.receipts import issue_due

_log = logging.getLogger("sandbox.clock")
_IDLE_SECONDS = 5.0


async def tick_forever(bank: Bank) -> None:
    """Do what is due, then sleep until the next thing is; ends when the bank closes."""
    while not bank.closing:
        bank.due.clear()
        try:
            await tick(bank)
            pause = await _until_next(bank)
        except (psycopg.Error, TimeoutError):
            _log.warning("tick_failed")
            pause = 1.0
        await rung(bank.due, within=pause)


async def tick(bank: Bank) -> None:
    """Do what is due now."""
    if await _until_next(bank) > 0:
        return
    async with changing(bank) as change:
        await book_due(bank, change)
        await settle_due(change)
        await issue_due(change)
        await move_due(bank, change)


async def _until_next(bank: Bank) -> float:
    """Seconds until something is due, at most the idle time; 0 when it is due already."""
    async with bank.pool.connection() as connection:
        cursor = await connection.execute(
            """SELECT least((SELECT min(book_at) FROM transactions WHERE status = 'pending'),
                            (SELECT min(settle_at) FROM instructions WHERE status = 'pending'),
                            (SELECT min(issue_at) FROM receipts),
                            (SELECT min(move_at) FROM parcels)) AS at"""
        )
        row = await cursor.fetchone()
    if row is None or row["at"] is None:
        return _IDLE_SECONDS
    ahead: float = (row["at"] - bank.now()).total_seconds()
    return min(max(ahead, 0.0), _IDLE_SECONDS)
