"""What is asked of every connector, and how a test answers it."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta

import pytest

from partners.connectors.base import (
    Connector,
    ConsentTerms,
    InstructionOutcome,
    Request,
    Response,
    Steps,
    TransactionPage,
    drive,
)
from tests.contracts.connectors.dialects import ACCOUNT, GRANT, NOW

VERIFIER = "v" * 64
SINCE = date(2026, 3, 1)
INSTRUCTION = "0199c1a2-0000-7000-8000-000000000001"


def replies(*responses: Response) -> Callable[[Request], Response]:
    """Answer each request with the next response."""
    waiting: Iterator[Response] = iter(responses)
    return lambda _request: next(waiting)


def sent(steps: Steps[object], *responses: Response) -> list[Request]:
    """The requests an operation made while it was given these responses."""
    seen: list[Request] = []
    waiting = iter(responses)

    def note(request: Request) -> Response:
        seen.append(request)
        return next(waiting)

    drive(steps, note)
    return seen


def read_page(bank: Connector, response: Response) -> TransactionPage:
    return drive(first_page(bank), replies(response))


def first_page(bank: Connector) -> Steps[TransactionPage]:
    return bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=SINCE)


def freeze(bank: Connector) -> Steps[InstructionOutcome]:
    return bank.freeze(
        grant=GRANT,
        instruction_id=INSTRUCTION,
        account_external_id=ACCOUNT,
        card_id="card-1",
        reason="customer_reported_fraud",
    )


def decide(bank: Connector) -> Steps[InstructionOutcome]:
    return bank.report_decision(
        grant=GRANT,
        decision_id=INSTRUCTION,
        account_external_id=ACCOUNT,
        transaction_external_id="t-1",
        decision="not_me",
        decided_at=NOW,
    )


def begin(bank: Connector) -> Steps[object]:
    terms = ConsentTerms(expires_at=NOW + timedelta(days=90), transactions_from=SINCE)
    return bank.begin_authorisation(
        terms=terms, state="state-1", nonce="nonce-1", code_verifier=VERIFIER
    )


OPERATIONS: dict[str, Callable[[Connector], Steps[object]]] = {
    "begin_authorisation": begin,
    "exchange": lambda bank: bank.exchange(code="code-1", code_verifier=VERIFIER, at=NOW),
    "refresh": lambda bank: bank.refresh(refresh_token="refresh-0", at=NOW),
    "revoke_consent": lambda bank: bank.revoke_consent(bank_consent_id="consent-1"),
    "accounts": lambda bank: bank.accounts(grant=GRANT),
    "balances": lambda bank: bank.balances(grant=GRANT, account_external_id=ACCOUNT),
    "transactions": first_page,
    "receipts": lambda bank: bank.receipts(grant=GRANT, account_external_id=ACCOUNT, after=""),
    "shipments": lambda bank: bank.shipments(grant=GRANT, account_external_id=ACCOUNT, after=""),
    "freeze": freeze,
    "unfreeze": lambda bank: bank.unfreeze(
        grant=GRANT,
        instruction_id=INSTRUCTION,
        account_external_id=ACCOUNT,
        card_id=None,
        reason="customer_asked",
    ),
    "freeze_status": lambda bank: bank.freeze_status(grant=GRANT, instruction_id=INSTRUCTION),
    "report_decision": decide,
    "decision_status": lambda bank: bank.decision_status(grant=GRANT, decision_id=INSTRUCTION),
    "signing_keys": lambda bank: bank.signing_keys(),
}
operations = pytest.mark.parametrize("operation", sorted(OPERATIONS))
