"""Carrying instructions to the bank: send, or where one may have arrived, ask first what became of it."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from partners.connections.line import ask
from partners.connectors.base import (
    AuthorisationRevoked,
    BankRefused,
    Connector,
    ConnectorFailure,
    InstructionOutcome,
    Steps,
    TemporarilyUnavailable,
)
from partners.instructions.actions import Errand, claim_errand, settle
from partners.instructions.rules import (
    Next,
    after_answer,
    after_end_of_connection,
    after_refusal,
    after_silence,
)
from portal.telemetry.traces import span
from portal.tenancy.blocks import serving

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

REASON = "The customer says: this was not me."
_BUDGET_SECONDS = 45


def lease() -> timedelta:
    """Longer than a question and a sending with a renewed token can take."""
    return timedelta(seconds=8 * settings.BANK_TIMEOUT_SECONDS + 10)


def carry_due(*, bank_id: UUID, clock: Clock, at_most: int = 20) -> int:
    """Carry the bank's due instructions, one by one; how many were carried."""
    started = time.monotonic()
    for done in range(at_most):
        if time.monotonic() - started > _BUDGET_SECONDS:
            return done
        with serving(bank_id):
            errand = claim_errand(at=clock(), lease=lease())
        if errand is None:
            return done
        carry(bank_id=bank_id, errand=errand, clock=clock)
    return at_most


def carry(*, bank_id: UUID, errand: Errand, clock: Clock) -> None:
    """One instruction's next step, and what came of it."""
    with span("carry an instruction", trace=errand.trace, instruction=errand.kind):
        then = _next(bank_id, errand, clock)
        with serving(bank_id):
            settle(errand, then, at=clock())


def _next(bank_id: UUID, errand: Errand, clock: Clock) -> Next:
    if not errand.may_leave:
        return after_silence(
            attempts=errand.attempts, requested_at=errand.requested_at, at=clock()
        )
    try:
        outcome = _outcome(bank_id, errand, clock)
    except AuthorisationRevoked:
        return after_end_of_connection(may_have_arrived=errand.sent_before, at=clock())
    except _SendingRefused as refused:
        # Asked first, the bank knew of none: so what it refuses now has not been done either.
        return after_refusal(reason=refused.code, at=clock())
    except ConnectorFailure as failure:
        logger.info("instruction %s: %s", errand.id, type(failure).__name__)
        wait = failure.retry_after if isinstance(failure, TemporarilyUnavailable) else None
        return after_silence(
            attempts=errand.attempts,
            requested_at=errand.requested_at,
            at=clock(),
            retry_after=wait,
        )
    return after_answer(
        said=outcome.status,
        settled_at=outcome.settled_at,
        reason=outcome.reason or "",
        attempts=errand.attempts,
        requested_at=errand.requested_at,
        at=clock(),
    )


class _SendingRefused(Exception):  # named for what happened
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _outcome(bank_id: UUID, errand: Errand, clock: Clock) -> InstructionOutcome:
    if errand.sent_before:
        known = ask(bank_id, errand.connection_id, _question(errand), clock=clock)
        if known.status != "unknown_to_bank":
            return known
    try:
        return ask(bank_id, errand.connection_id, _sending(errand), clock=clock)
    except BankRefused as refused:
        raise _SendingRefused(refused.code) from refused


def _question(errand: Errand) -> Callable[[Connector, str], Steps[InstructionOutcome]]:
    return lambda connector, token: connector.freeze_status(
        access_token=token, instruction_id=str(errand.id)
    )


def _sending(errand: Errand) -> Callable[[Connector, str], Steps[InstructionOutcome]]:
    def operation(connector: Connector, token: str) -> Steps[InstructionOutcome]:
        send = connector.freeze if errand.kind == "freeze" else connector.unfreeze
        return send(
            access_token=token,
            instruction_id=str(errand.id),
            account_external_id=errand.account_external_id,
            card_id=errand.card_id or None,
            reason=REASON,
        )

    return operation
