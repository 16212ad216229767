"""Telling the portal: notices kept beside each change are signed and pushed until they are taken."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
import uuid
from typing import Any

import httpx
import psycopg
from psycopg.rows import DictRow

from partners.sandbox.bank import Bank, rung

_log = logging.getLogger("sandbox.events")
_BATCH = 50
_AT_ONCE = 8
_TIMEOUT_SECONDS = 10
_IDLE_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 300
RESOURCE_UPDATE = "urn:uk:org:openbanking:events:resource-update"


def event_claims(*, origin: str, notice: DictRow, at: dt.datetime) -> dict[str, Any]:
    """The claims of a resource-update event (UK Open Banking event notifications 4.0)."""
    account = f"{origin}/open-banking/v4.0/aisp/accounts/{notice['account_id']}"
    return {
        "iss": origin,
        "iat": int(at.timestamp()),
        "jti": str(notice["jti"]),
        "aud": notice["client_id"],
        "sub": f"{account}/transactions",
        "txn": str(notice["caused_by"] or notice["id"]),
        "toe": int(notice["happened_at"].timestamp()),
        "events": {
            RESOURCE_UPDATE: {
                "subject": {
                    "subject_type": "http://openbanking.org.uk/rid_http://openbanking.org.uk/rty",
                    "http://openbanking.org.uk/rid": notice["account_id"],
                    "http://openbanking.org.uk/rty": "account",
                    "http://openbanking.org.uk/rlk": [{"version": "v4.0", "link": account}],
                }
            }
        },
    }


def next_pause(attempts: int, *, jitter: float) -> dt.timedelta:
    """How long to wait after a failed attempt: 0.5 s doubling to five minutes, less up to a fifth."""
    seconds = min(0.5 * 2 ** min(attempts, 16), _LONGEST_PAUSE_SECONDS)
    return dt.timedelta(seconds=seconds * (1 - 0.2 * jitter))


async def push_forever(bank: Bank) -> None:
    """Push what is due whenever the ledger rings, and look again by itself when it does not."""
    while not bank.closing:
        bank.told.clear()
        try:
            pushed = await push_due(bank)
        except (psycopg.Error, TimeoutError):
            _log.warning("push_round_failed")
            pushed = 0
            await asyncio.sleep(1)
        if pushed < _BATCH:
            await _wait(bank)


async def _wait(bank: Bank) -> None:
    pause = _IDLE_SECONDS
    try:
        async with bank.pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT min(next_attempt_at) AS at FROM notifications WHERE state = 'waiting'"
            )
            row = await cursor.fetchone()
        if row and row["at"]:
            pause = min(max((row["at"] - bank.now()).total_seconds(), 0.01), _IDLE_SECONDS)
    except psycopg.Error:
        _log.warning("push_schedule_unread")
    await rung(bank.told, within=pause)


async def push_due(bank: Bank) -> int:
    """One round: at most a batch of due notices; gives how many were tried."""
    if bank.faults.silent:
        return 0
    async with bank.pool.connection() as connection:
        cursor = await connection.execute(
            """SELECT n.*, c.notify_url, c.notify_host FROM notifications n
               JOIN clients c ON c.id = n.client_id
               WHERE n.state = 'waiting' AND n.next_attempt_at <= %s
               ORDER BY n.next_attempt_at, n.id LIMIT %s""",
            (bank.now(), _BATCH),
        )
        notices = await cursor.fetchall()
    if bank.faults.reorder_notifications:
        random.shuffle(notices)
    gate = asyncio.Semaphore(_AT_ONCE)
    await asyncio.gather(*(_push(bank, notice, gate) for notice in notices))
    return len(notices)


async def _push(bank: Bank, notice: DictRow, gate: asyncio.Semaphore) -> None:
    async with gate:
        if bank.faults.reorder_notifications:
            await asyncio.sleep(random.uniform(0, 0.5))  # noqa: S311 - disorder, not a secret
        taken = await _send(bank, notice)
        if taken and bank.faults.duplicate_notifications:
            await _send(bank, notice)
    await _note(bank, notice, taken=taken)


async def _send(bank: Bank, notice: DictRow) -> bool:
    url = notice["notify_url"] or bank.settings.notify_url
    if url is None:
        return False
    host = notice["notify_host"] or bank.settings.notify_host
    claims = event_claims(origin=bank.origin, notice=notice, at=bank.now())
    headers = {
        "content-type": "application/jwt",
        "x-fapi-financial-id": bank.profile.slug,
        "x-fapi-interaction-id": str(uuid.uuid4()),
        **({"host": host} if host else {}),
    }
    try:
        answer = await bank.outside.post(
            url, content=bank.keys.sign_event(claims), headers=headers, timeout=_TIMEOUT_SECONDS
        )
    except httpx.HTTPError:
        return False
    return answer.is_success


async def _note(bank: Bank, notice: DictRow, *, taken: bool) -> None:
    now = bank.now()
    jitter = random.random()  # noqa: S311 - spreads retries
    async with bank.pool.connection() as connection:
        await connection.execute(
            """UPDATE notifications SET attempts = attempts + 1, state = %s, delivered_at = %s,
               next_attempt_at = %s WHERE id = %s AND state = 'waiting'""",
            (
                "delivered" if taken else "waiting",
                now if taken else None,
                now + next_pause(notice["attempts"], jitter=jitter),
                notice["id"],
            ),
        )
    if not taken and notice["attempts"] == 0:
        _log.warning("notice_not_taken notice=%s", notice["id"])
