"""What open banking has no words for: card freezes, receipts, shipments (the published partner interface)."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from partners.sandbox import open_banking
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import read_json
from partners.sandbox.faults import hang
from partners.sandbox.instructions import (
    Instruction,
    find_instruction,
    note_repeat,
    take_instruction,
)
from partners.sandbox.interface import Grant, Refused, grant_of, interface
from partners.sandbox.ledger import changing
from partners.sandbox.updates import misplaced, read_place, read_updates

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MEMBERS = {"AccountId", "CardId", "Action", "Reason"}
_LONGEST_ID = 128
_LONGEST_REASON = 140


@interface
async def put_freeze(request: Request) -> Response:
    """PUT /partner/v1/card-freezes/{InstructionId}: carried out once, however often it is sent."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
    wanted = _read_instruction(
        request.path_params["instruction_id"], await read_json(request), grant
    )
    if bank.faults.freeze == "lost":
        await hang(request.receive)
        return Response(status_code=503)
    if bank.faults.freeze == "gone":
        return Response(status_code=410)
    _turn_away(bank.faults.freeze)
    if bank.faults.freeze == "late":
        # Shielded: the bank does what it was asked even when the caller has stopped waiting.
        row, new = await asyncio.shield(_later(bank, wanted))
    else:
        row, new = await _carry_out(bank, wanted)
    if bank.faults.freeze == "hang":
        await hang(request.receive)
    if bank.faults.freeze == "broken":
        return Response(status_code=500)
    return JSONResponse(_body(bank, row), status_code=201 if new else 200)


def _turn_away(fault: str | None) -> None:
    """Not taken, whatever it says."""
    if fault == "refuse":
        raise Refused(403, "U008", "The consent does not allow this.")
    if fault == "conflict":
        raise Refused(409, "U013", "This id belongs to another instruction.", "InstructionId")


async def _later(bank: Bank, wanted: Instruction) -> tuple[DictRow, bool]:
    await asyncio.sleep(bank.faults.freeze_after_ms / 1000)
    return await _carry_out(bank, wanted)


async def _carry_out(bank: Bank, wanted: Instruction) -> tuple[DictRow, bool]:
    """The instruction's row, and whether it was new."""
    async with changing(bank) as change:
        known = await find_instruction(
            change, instruction_id=wanted.id, client_id=wanted.client_id
        )
        if known is None:
            return await take_instruction(change, wanted, faults=bank.faults), True
        same = (known["account_id"], known["card_id"], known["action"])
        if same != (wanted.account_id, wanted.card_id, wanted.action):
            raise Refused(409, "U013", "This id belongs to another instruction.", "InstructionId")
        await note_repeat(change, instruction_id=wanted.id, client_id=wanted.client_id)
        return known, False


def _read_instruction(instruction_id: str, body: Any, grant: Grant) -> Instruction:
    if not _ID.fullmatch(instruction_id):
        raise Refused(400, "U002", "An instruction's id is a UUID.", "InstructionId")
    if not isinstance(body, dict) or set(body) - _MEMBERS:
        raise Refused(400, "U005", "Only AccountId, CardId, Action and Reason are expected.")
    account_id, card_id, reason = body.get("AccountId"), body.get("CardId"), body.get("Reason")
    if not isinstance(account_id, str):
        raise Refused(400, "U004", "AccountId is missing.", "AccountId")
    if card_id is not None and not (isinstance(card_id, str) and 0 < len(card_id) <= _LONGEST_ID):
        raise Refused(400, "U002", "CardId is a short text.", "CardId")
    if body.get("Action") not in ("freeze", "unfreeze"):
        raise Refused(400, "U002", "Action is freeze or unfreeze.", "Action")
    if not isinstance(reason, str) or not 0 < len(reason) <= _LONGEST_REASON:
        raise Refused(400, "U002", "Reason is a text of 1 to 140 characters.", "Reason")
    return Instruction(
        id=instruction_id,
        client_id=grant.client_id,
        consent_id=grant.consent["id"],
        account_id=grant.account(account_id)["id"],
        card_id=card_id,
        action=body["Action"],
        reason=reason,
    )


@interface
async def get_freeze(request: Request) -> Response:
    """GET the same address: what became of it; 404 means that it never arrived."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
    async with changing(bank) as change:
        row = await find_instruction(
            change,
            instruction_id=request.path_params["instruction_id"],
            client_id=grant.client_id,
        )
    if row is None or row["account_id"] not in grant.accounts:
        raise Refused(404, "U011", "No such instruction has arrived.", "InstructionId")
    return JSONResponse(_body(bank, row))


def _body(bank: Bank, row: DictRow) -> dict[str, Any]:
    settled = row["settled_at"]
    return {
        "InstructionId": row["id"],
        "Status": row["status"],
        "SettledAt": open_banking.moment(settled, bank.profile.tz) if settled else None,
        "FailureReason": row["failure_reason"],
    }


@interface
async def list_receipts(request: Request) -> Response:
    """GET /partner/v1/accounts/{AccountId}/receipts: what was told of receipts after a place, in order."""
    return await _updates(request, kind="receipt", listed="Receipt", named="ReceiptId")


@interface
async def list_shipments(request: Request) -> Response:
    """GET /partner/v1/accounts/{AccountId}/shipments: the same of shipments."""
    return await _updates(request, kind="shipment", listed="Shipment", named="ShipmentId")


async def _updates(request: Request, *, kind: str, listed: str, named: str) -> Response:
    bank = bank_of(request)
    after = read_place(request.query_params.get("after"))
    if after is None:
        raise Refused(400, "U002", "Read on from a Cursor as it was given.", "after")
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
        grant.require("ReadTransactionsDetail")
        account = grant.account(request.path_params["account_id"])
        page = await read_updates(
            connection,
            grant.consent,
            kind=kind,
            account_id=account["id"],
            after=after,
            zone=bank.profile.zone,
        )
    shown = [
        {
            named: row["about"],
            "AccountId": row["account_id"],
            "TransactionId": row["present_id"],
            "Revision": row["revision"],
            **row["body"],
        }
        for row in misplaced(page.rows, bank.faults)
    ]
    return JSONResponse({listed: shown, "Cursor": page.place, "HasMore": page.more})


ROUTES = [
    Route("/partner/v1/accounts/{account_id}/receipts", list_receipts, methods=["GET"]),
    Route("/partner/v1/accounts/{account_id}/shipments", list_shipments, methods=["GET"]),
    Route("/partner/v1/card-freezes/{instruction_id}", put_freeze, methods=["PUT"]),
    Route("/partner/v1/card-freezes/{instruction_id}", get_freeze, methods=["GET"]),
]
