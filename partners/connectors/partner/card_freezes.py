"""Card freezes, by the partner API that `openapi.yaml` beside this file describes."""

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from partners.connectors.answers import Node, read_json
from partners.connectors.base import BankAddress, FreezeOutcome, Request, Steps
from partners.connectors.refusals import expect

Action = Literal["freeze", "unfreeze"]
_STATUSES: Mapping[str, Literal["pending", "done", "failed"]] = {
    "pending": "pending",
    "done": "done",
    "failed": "failed",
}
_MAX_REASON = 140
_REASON = re.compile(r"[a-z][a-z0-9_]{0,59}")


def put(
    address: BankAddress,
    *,
    action: Action,
    access_token: str,
    instruction_id: str,
    account_external_id: str,
    card_id: str | None,
    reason: str,
) -> Steps[FreezeOutcome]:
    """Have the bank freeze or unfreeze; the same id again is the same instruction."""
    wanted = {"AccountId": account_external_id, "Action": action, "Reason": reason[:_MAX_REASON]}
    if card_id is not None:
        wanted["CardId"] = card_id
    response = yield Request(
        "PUT",
        _url(address, instruction_id),
        _headers(access_token) | {"Content-Type": "application/json"},
        json.dumps(wanted).encode(),
    )
    expect(response, HTTPStatus.OK, HTTPStatus.CREATED)
    return _outcome(read_json(response), instruction_id, address.zone)


def get(address: BankAddress, *, access_token: str, instruction_id: str) -> Steps[FreezeOutcome]:
    """What became of an instruction; `unknown_to_bank` if it never arrived."""
    response = yield Request("GET", _url(address, instruction_id), _headers(access_token))
    if response.status == HTTPStatus.NOT_FOUND:
        return FreezeOutcome("unknown_to_bank")
    expect(response, HTTPStatus.OK)
    return _outcome(read_json(response), instruction_id, address.zone)


def _url(address: BankAddress, instruction_id: str) -> str:
    base = address.base_url.rstrip("/")
    return f"{base}/partner/v1/card-freezes/{quote(instruction_id, safe='')}"


def _headers(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}


def _outcome(answer: Node, instruction_id: str, zone: ZoneInfo) -> FreezeOutcome:
    if answer.string("InstructionId", limit=128) != instruction_id:
        answer.wrong("InstructionId", "another instruction's")
    match answer.word("Status", _STATUSES):
        case "pending":
            return FreezeOutcome("pending")
        case "done":
            # What the customer reads as done says when, so an answer without it is none.
            return FreezeOutcome("done", answer.instant("SettledAt", zone))
        case "failed":
            settled_at = answer.instant("SettledAt", zone) if answer.has("SettledAt") else None
            return FreezeOutcome("failed", settled_at, _reason(answer))


def _reason(answer: Node) -> str:
    reason = answer.members.get("FailureReason")
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else "other"
