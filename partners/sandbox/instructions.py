"""What a customer's program asks of the bank about cards: freeze, unfreeze, and what became of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from psycopg.rows import DictRow

from partners.sandbox.faults import Faults
from partners.sandbox.ledger import Change, set_card_state


@dataclass(frozen=True)
class Instruction:
    """A freeze or unfreeze as it arrived. No card named: all cards of the account."""

    id: str
    client_id: str
    consent_id: str
    account_id: str
    card_id: str | None
    action: str
    reason: str


async def find_instruction(
    change: Change, *, instruction_id: str, client_id: str
) -> DictRow | None:
    """The instruction as it stands, or None: another client's is not there either."""
    return await change.one(
        "SELECT * FROM instructions WHERE id = %s AND client_id = %s", (instruction_id, client_id)
    )


async def note_repeat(change: Change, *, instruction_id: str, client_id: str) -> None:
    """Remember that the same instruction came once more."""
    await change.connection.execute(
        "UPDATE instructions SET times_received = times_received + 1 WHERE id = %s AND client_id = %s",
        (instruction_id, client_id),
    )


async def take_instruction(change: Change, instruction: Instruction, *, faults: Faults) -> DictRow:
    """Keep a new instruction and carry it out now, unless a fault says otherwise."""
    slow = faults.freeze == "pending"
    settle_at = change.at + dt.timedelta(milliseconds=faults.freeze_after_ms) if slow else None
    row = await change.one(
        """INSERT INTO instructions (id, client_id, consent_id, account_id, card_id, action, reason,
           status, received_at, settle_at, settled_at, failure_reason)
           VALUES (%s, %s, %s, %s, %s, %s, %s, 'pending', %s, %s, NULL, NULL) RETURNING *""",
        (
            instruction.id,
            instruction.client_id,
            instruction.consent_id,
            instruction.account_id,
            instruction.card_id,
            instruction.action,
            instruction.reason,
            change.at,
            settle_at or change.at,
        ),
    )
    if row is None:
        raise RuntimeError("an insert gave no row")
    if slow:
        change.more_due = True
        return row
    return await _settle(change, row, refuse=faults.freeze == "fail")


async def settle_due(change: Change) -> int:
    """Carry out instructions that were left waiting; gives how many."""
    rows = await change.all(
        "SELECT * FROM instructions WHERE status = 'pending' AND settle_at <= %s ORDER BY settle_at",
        (change.at,),
    )
    for row in rows:
        await _settle(change, row, refuse=False)
    return len(rows)


async def _settle(change: Change, row: DictRow, *, refuse: bool) -> DictRow:
    cards = await change.all(
        """SELECT id, frozen_at FROM cards WHERE account_id = %s
           AND (%s::text IS NULL OR id = %s) ORDER BY id FOR UPDATE""",
        (row["account_id"], row["card_id"], row["card_id"]),
    )
    failure = None
    if refuse:
        failure = "not_allowed"
    elif not cards:
        failure = "card_not_found"
    else:
        await set_card_state(
            change,
            card_ids=[card["id"] for card in cards],
            frozen=row["action"] == "freeze",
            by="instruction",
            instruction_id=row["id"],
        )
    settled = await change.one(
        """UPDATE instructions SET status = %s, failure_reason = %s, settle_at = NULL,
           settled_at = %s WHERE id = %s AND client_id = %s RETURNING *""",
        (
            "failed" if failure else "done",
            failure,
            None if failure else change.at,
            row["id"],
            row["client_id"],
        ),
    )
    if settled is None:
        raise RuntimeError("an instruction vanished under the ledger's lock")
    return settled
