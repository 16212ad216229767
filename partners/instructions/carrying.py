"""Carrying instructions to the bank: send, or where one may have arrived, ask first what became of it."""

import logging
import time
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from partners.connections.line import ask
from partners.connectors.base import (
    AuthorisationRevoked,
    BankRefused,
    Connector,
    ConnectorFailure,
    Grant,
    InstructionOutcome,
    Steps,
    TemporarilyUnavailable,
)
from partners.instructions.actions import Errand, claim_errand, settle
from partners.instructions.models import Instruction
from partners.instructions.rules import (
    UNSETTLED,
    Next,
    after_answer,
    after_end_of_connection,
    after_refusal,
    after_silence,
    is_final,
    may_send,
    while_suspended,
)
from portal.telemetry.traces import span
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE, kept

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

REASON = "The customer says: this was not me."
_BUDGET_SECONDS = 45


def carry_due(*, bank_id: UUID, clock: Clock, at_most: int = 20) -> int:
    """Carry the bank's due instructions, one by one; how many were carried."""
    started = time.monotonic()
    for done in range(at_most):
        if time.monotonic() - started > _BUDGET_SECONDS:
            return done
        with serving(bank_id):
            errand = claim_errand(at=clock(), lease=LEASE)
        if errand is None:
            return done
        carry(bank_id=bank_id, errand=errand, clock=clock)
    return at_most


def carry(*, bank_id: UUID, errand: Errand, clock: Clock) -> None:
    """One instruction's next step, and what came of it."""
    with (
        span("carry an instruction", trace=errand.trace, instruction=errand.kind),
        kept(Instruction, errand.id, fence=errand.fence, bank_id=bank_id, clock=clock),
    ):
        then = _next(bank_id, errand, clock)
        with serving(bank_id):
            settle(errand, then, at=clock())


def _next(bank_id: UUID, errand: Errand, clock: Clock) -> Next:
    so_far = errand.so_far
    if not errand.may_leave:
        return while_suspended(so_far, at=clock())
    try:
        outcome = _outcome(bank_id, errand, clock)
    except AuthorisationRevoked:
        return after_end_of_connection(so_far, at=clock())
    except _SendingRefused as refused:
        return after_refusal(so_far, reason=refused.code, final=refused.final, at=clock())
    except TemporarilyUnavailable as failure:
        _note(errand, failure)
        return after_silence(so_far, at=clock(), retry_after=failure.retry_after)
    except Exception as problem:  # noqa: BLE001  # one that we cannot cope with is tried again too
        _note(errand, problem)
        return after_silence(so_far, at=clock(), reason=UNSETTLED)
    return after_answer(
        so_far,
        said=outcome.status,
        settled_at=outcome.settled_at,
        reason=outcome.reason or "",
        at=clock(),
    )


def _note(errand: Errand, problem: Exception) -> None:
    if isinstance(problem, ConnectorFailure):
        logger.info("instruction %s: %s", errand.id, type(problem).__name__)
    else:
        logger.error("instruction %s could not be carried", errand.id, exc_info=problem)


class _SendingRefused(Exception):  # named for what happened
    def __init__(self, refused: BankRefused) -> None:
        super().__init__(refused.code)
        self.code = refused.code
        self.final = is_final(status=refused.status, in_its_own_words=refused.is_in_its_own_words)


def _outcome(bank_id: UUID, errand: Errand, clock: Clock) -> InstructionOutcome:
    if errand.so_far.sent_before:
        known = ask(bank_id, errand.connection_id, _question(errand), clock=clock)
        if known.status != "unknown_to_bank" or not may_send(errand.so_far, at=clock()):
            return known
    try:
        return ask(bank_id, errand.connection_id, _sending(errand), clock=clock)
    except BankRefused as refused:
        raise _SendingRefused(refused) from refused


def _question(errand: Errand) -> Callable[[Connector, Grant], Steps[InstructionOutcome]]:
    return lambda connector, grant: connector.freeze_status(
        grant=grant, instruction_id=str(errand.id)
    )


def _sending(errand: Errand) -> Callable[[Connector, Grant], Steps[InstructionOutcome]]:
    return lambda connector, grant: connector.freeze(
        grant=grant,
        instruction_id=str(errand.id),
        account_external_id=errand.account_external_id,
        card_id=errand.card_id or None,
        reason=REASON,
    )
