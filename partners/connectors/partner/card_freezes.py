"""Card freezes, by the partner API that `openapi.yaml` beside this file describes."""

import json
from typing import Literal

from partners.connectors.base import (
    BankAddress,
    Grant,
    InstructionOutcome,
    Request,
    Steps,
)
from partners.connectors.partner import outcomes

Action = Literal["freeze", "unfreeze"]
_RESOURCE = "card-freezes"
_ID = "InstructionId"
_MAX_REASON = 140


def put(
    address: BankAddress,
    *,
    action: Action,
    grant: Grant,
    instruction_id: str,
    account_external_id: str,
    card_id: str | None,
    reason: str,
) -> Steps[InstructionOutcome]:
    """Have the bank freeze or unfreeze; the same id again is the same instruction."""
    wanted = {"AccountId": account_external_id, "Action": action, "Reason": reason[:_MAX_REASON]}
    if card_id is not None:
        wanted["CardId"] = card_id
    response = yield Request(
        "PUT",
        outcomes.url(address, _RESOURCE, instruction_id),
        outcomes.headers(grant) | {"Content-Type": "application/json"},
        json.dumps(wanted).encode(),
    )
    return outcomes.read(response, instruction_id, id_name=_ID, zone=address.zone)


def get(address: BankAddress, *, grant: Grant, instruction_id: str) -> Steps[InstructionOutcome]:
    """What became of an instruction; `unknown_to_bank` if it never arrived."""
    return outcomes.ask(address, _RESOURCE, instruction_id, id_name=_ID, grant=grant)
