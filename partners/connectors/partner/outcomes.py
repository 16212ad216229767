"""What became of what was asked by an id of our own; the manners that freezes and decisions share."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from partners.connectors.answers import Node, read_json
from partners.connectors.base import (
    BankAddress,
    Grant,
    InstructionOutcome,
    Request,
    Response,
    Steps,
)
from partners.connectors.refusals import expect

_STATUSES: Mapping[str, Literal["pending", "done", "failed"]] = {
    "pending": "pending",
    "done": "done",
    "failed": "failed",
}
_REASON = re.compile(r"[a-z][a-z0-9_]{0,59}")


def url(address: BankAddress, what: str, number: str) -> str:
    return f"{address.base_url.rstrip('/')}/partner/v1/{what}/{quote(number, safe='')}"


def headers(grant: Grant) -> dict[str, str]:
    return {"Authorization": f"Bearer {grant.access_token}", "Accept": "application/json"}


def ask(
    address: BankAddress, what: str, number: str, *, id_name: str, grant: Grant
) -> Steps[InstructionOutcome]:
    """What became of it; `unknown_to_bank` if it never arrived."""
    response = yield Request("GET", url(address, what, number), headers(grant))
    if response.status == HTTPStatus.NOT_FOUND:
        return InstructionOutcome("unknown_to_bank")
    return read(response, number, id_name=id_name, zone=address.zone)


def read(response: Response, number: str, *, id_name: str, zone: ZoneInfo) -> InstructionOutcome:
    expect(response, HTTPStatus.OK, HTTPStatus.CREATED)
    answer = read_json(response)
    if answer.string(id_name, limit=128) != number:
        answer.wrong(id_name, "another instruction's")
    match answer.word("Status", _STATUSES):
        case "pending":
            return InstructionOutcome("pending")
        case "done":
            # What the customer reads as done says when, so an answer without it is none.
            return InstructionOutcome("done", answer.instant("SettledAt", zone))
        case "failed":
            settled_at = answer.instant("SettledAt", zone) if answer.has("SettledAt") else None
            return InstructionOutcome("failed", settled_at, _reason(answer))


def _reason(answer: Node) -> str:
    reason = answer.members.get("FailureReason")
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else "other"
