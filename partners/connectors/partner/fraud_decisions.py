"""What a customer said about a suspected payment, told to the bank by the partner API beside this file."""

import json
from datetime import UTC, datetime

from partners.connectors.base import (
    BankAddress,
    FraudDecision,
    Grant,
    InstructionOutcome,
    Request,
    Steps,
)
from partners.connectors.partner import outcomes

_RESOURCE = "fraud-decisions"
_ID = "DecisionId"


def put(
    address: BankAddress,
    *,
    grant: Grant,
    decision_id: str,
    account_external_id: str,
    transaction_external_id: str,
    decision: FraudDecision,
    decided_at: datetime,
) -> Steps[InstructionOutcome]:
    """Tell the bank; the same id again is the same decision."""
    said = {
        "AccountId": account_external_id,
        "TransactionId": transaction_external_id,
        "Decision": decision,
        "DecidedAt": decided_at.astimezone(UTC).isoformat(timespec="seconds"),
    }
    response = yield Request(
        "PUT",
        outcomes.url(address, _RESOURCE, decision_id),
        outcomes.headers(grant) | {"Content-Type": "application/json"},
        json.dumps(said).encode(),
    )
    return outcomes.read(response, decision_id, id_name=_ID, zone=address.zone)


def get(address: BankAddress, *, grant: Grant, decision_id: str) -> Steps[InstructionOutcome]:
    """What became of a decision; `unknown_to_bank` if it never arrived."""
    return outcomes.ask(address, _RESOURCE, decision_id, id_name=_ID, grant=grant)
