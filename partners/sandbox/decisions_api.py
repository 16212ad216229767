"""The published partner interface's fraud decisions: what the customer said about a payment."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from partners.sandbox import open_banking
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import read_json
from partners.sandbox.decisions import (
    WORDS,
    Decision,
    find_decision,
    note_repeat,
    take_decision,
)
from partners.sandbox.interface import Grant, Refused, grant_of, interface
from partners.sandbox.ledger import changing

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_MEMBERS = {"AccountId", "TransactionId", "Decision", "DecidedAt"}
_LONGEST_ID = 210


@interface
async def put_decision(request: Request) -> Response:
    """PUT /partner/v1/fraud-decisions/{DecisionId}: taken once, however often it is sent."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
    said = _read_decision(request.path_params["decision_id"], await read_json(request), grant)
    async with changing(bank) as change:
        row = await find_decision(change, decision_id=said.id, client_id=said.client_id)
        if row is None:
            return JSONResponse(_body(bank, await take_decision(change, said)), status_code=201)
        same = (row["account_id"], row["transaction_id"], row["word"])
        if same != (said.account_id, said.transaction_id, said.word):
            raise Refused(409, "U013", "This id belongs to another decision.", "DecisionId")
        await note_repeat(change, decision_id=said.id, client_id=said.client_id)
    return JSONResponse(_body(bank, row))


@interface
async def get_decision(request: Request) -> Response:
    """GET the same address: what became of it; 404 means that it never arrived."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
    async with changing(bank) as change:
        row = await find_decision(
            change, decision_id=request.path_params["decision_id"], client_id=grant.client_id
        )
    if row is None or row["account_id"] not in grant.accounts:
        raise Refused(404, "U011", "No such decision has arrived.", "DecisionId")
    return JSONResponse(_body(bank, row))


def _read_decision(decision_id: str, body: Any, grant: Grant) -> Decision:
    if not _ID.fullmatch(decision_id):
        raise Refused(400, "U002", "A decision's id is a UUID.", "DecisionId")
    if not isinstance(body, dict) or set(body) - _MEMBERS:
        raise Refused(400, "U005", f"Only {', '.join(sorted(_MEMBERS))} are expected.")
    for name in _MEMBERS:
        if not isinstance(body.get(name), str) or not 0 < len(body[name]) <= _LONGEST_ID:
            raise Refused(400, "U004", f"{name} is a short text.", name)
    if body["Decision"] not in WORDS:
        raise Refused(400, "U002", f"Decision is {' or '.join(WORDS)}.", "Decision")
    return Decision(
        id=decision_id,
        client_id=grant.client_id,
        consent_id=grant.consent["id"],
        account_id=grant.account(body["AccountId"])["id"],
        transaction_id=body["TransactionId"],
        word=body["Decision"],
        decided_at=_moment(body["DecidedAt"]),
    )


def _moment(text: str) -> dt.datetime:
    refused = Refused(400, "U003", "DecidedAt is a date-time of RFC 3339.", "DecidedAt")
    if not _MOMENT.fullmatch(text):
        raise refused
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError) as problem:
        raise refused from problem


def _body(bank: Bank, row: DictRow) -> dict[str, Any]:
    settled = row["settled_at"]
    return {
        "DecisionId": row["id"],
        "Status": row["status"],
        "SettledAt": open_banking.moment(settled, bank.profile.tz) if settled else None,
        "FailureReason": row["failure_reason"],
    }


ROUTES = [
    Route("/partner/v1/fraud-decisions/{decision_id}", put_decision, methods=["PUT"]),
    Route("/partner/v1/fraud-decisions/{decision_id}", get_decision, methods=["GET"]),
]
