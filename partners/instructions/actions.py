"""Asking a bank to do something, and keeping what it really did.

An instruction's id is what the bank knows it by. Once a request may have left us, the bank is asked
what became of it before it is sent again: an answer that was lost is found, and nothing is done twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from partners.alerts.models import Alert
from partners.connections.line import ask
from partners.connections.queries import connection_of_account
from partners.connectors.base import (
    AuthorisationRevoked,
    BankRefused,
    Connector,
    ConnectorFailure,
    FreezeOutcome,
    Steps,
    TemporarilyUnavailable,
)
from partners.events import InstructionChanged
from partners.instructions.models import Instruction
from partners.instructions.rules import (
    Next,
    after_answer,
    after_end_of_connection,
    after_refusal,
    after_silence,
)
from portal.outbox.publishing import publish
from portal.rest.problems import Conflict, NotFound
from portal.tenancy.blocks import current_bank_id, serving
from portal.wakeups import wake_after_commit

Clock = Callable[[], datetime]


class NotLinked(Conflict):
    slug = "account-not-linked"
    title = "The account is not linked any more, so the bank cannot be asked"


@dataclass(frozen=True)
class Claim:
    """One instruction in a worker's hands, with the fence that says it is still ours."""

    bank_id: UUID
    instruction_id: UUID
    connection_id: UUID
    fence: int
    attempts: int
    kind: str
    account_external_id: str
    card_id: str | None
    may_have_arrived: bool
    requested_at: datetime


def request_freeze(*, alert_id: UUID, customer_id: UUID, at: datetime) -> Instruction:
    """Ask the bank to freeze the card that an alert is about; a second tap is the same instruction.

    Raises NotFound for an alert out of reach, NotLinked where there is no connection to ask through.
    """
    alert = Alert.objects.select_related("entry").filter(pk=alert_id).first()
    if alert is None:
        raise NotFound
    connection = connection_of_account(customer_id=customer_id, account_id=alert.account_id)
    if connection is None:
        raise NotLinked
    instruction, _made = Instruction.objects.get_or_create(
        alert_id=alert.id,
        kind=Instruction.Kind.FREEZE,
        defaults={
            "customer_id": customer_id,
            "account_id": alert.account_id,
            "connection_id": connection.id,
            "card_id": alert.entry.card_id if alert.entry else "",
            "requested_at": at,
            "due_at": at,
        },
    )
    wake_after_commit("partners.instructions.tasks.run_due", bank_id=str(current_bank_id()))
    return instruction


def carry_out_due(*, bank_id: UUID, clock: Clock, at_most: int = 20) -> int:
    """Carry out what is due at one bank, each in its own short transactions; how many were tried."""
    for tried in range(at_most):
        claim = claim_one(bank_id=bank_id, at=clock())
        if claim is None:
            return tried
        carry_out(claim, clock=clock)
    return at_most


def claim_one(*, bank_id: UUID, at: datetime) -> Claim | None:
    """Lease the longest due instruction, and note that its request may leave us from now on."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=at)
    with serving(bank_id):
        due = Instruction.objects.filter(free, due_at__lte=at).order_by("due_at", "id")
        found = due.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
        if found is None:
            return None
        claim = Claim(
            bank_id=bank_id,
            instruction_id=found.id,
            connection_id=found.connection_id,
            fence=found.fence + 1,
            attempts=found.attempts + 1,
            kind=found.kind,
            account_external_id=found.account.external_id,
            card_id=found.card_id or None,
            may_have_arrived=found.sent_at is not None,
            requested_at=found.requested_at,
        )
        found.fence, found.attempts = claim.fence, claim.attempts
        found.sent_at = found.sent_at or at
        # An operation asks, renews a token, and asks again: three requests of at most twice the patience.
        found.lease_until = at + timedelta(seconds=6 * settings.BANK_TIMEOUT_SECONDS + 10)
        found.save(update_fields=["fence", "attempts", "sent_at", "lease_until"])
    return claim


def carry_out(claim: Claim, *, clock: Clock) -> None:
    """Ask the bank, with no transaction open, and keep what it said."""
    try:
        outcome = ask(claim.bank_id, claim.connection_id, _operation(claim), clock=clock)
    except AuthorisationRevoked:
        then = after_end_of_connection(may_have_arrived=claim.may_have_arrived, at=clock())
    except BankRefused as refused:
        then = after_refusal(reason=refused.code[:60], at=clock())
    except ConnectorFailure as failure:
        wait = failure.retry_after if isinstance(failure, TemporarilyUnavailable) else None
        then = after_silence(
            attempts=claim.attempts, requested_at=claim.requested_at, at=clock(), retry_after=wait
        )
    else:
        then = after_answer(
            said=outcome.status,
            settled_at=outcome.settled_at,
            reason=outcome.reason or "",
            attempts=claim.attempts,
            requested_at=claim.requested_at,
            at=clock(),
        )
    settle(claim, then, at=clock())


def _operation(claim: Claim) -> Callable[[Connector, str], Steps[FreezeOutcome]]:
    def operation(connector: Connector, access_token: str) -> Steps[FreezeOutcome]:
        if claim.may_have_arrived:
            outcome = yield from connector.freeze_status(
                access_token=access_token, instruction_id=str(claim.instruction_id)
            )
            if outcome.status != "unknown_to_bank":
                return outcome
        send = connector.freeze if claim.kind == Instruction.Kind.FREEZE else connector.unfreeze
        return (
            yield from send(
                access_token=access_token,
                instruction_id=str(claim.instruction_id),
                account_external_id=claim.account_external_id,
                card_id=claim.card_id,
                reason="The customer did not make this payment.",
            )
        )

    return operation


def settle(claim: Claim, then: Next, *, at: datetime) -> bool:
    """Write down what the bank said, and tell of a change; False where the claim was no longer ours."""
    with serving(claim.bank_id):
        held = Instruction.objects.select_for_update(no_key=True).filter(
            pk=claim.instruction_id, fence=claim.fence
        )
        instruction = held.first()
        if instruction is None:
            return False
        changed = instruction.status != then.status
        instruction.status = then.status
        instruction.due_at = then.due_at
        instruction.lease_until = None
        instruction.settled_at = then.settled_at
        instruction.reason = then.reason
        instruction.save()
        if changed:
            event = InstructionChanged(instruction.id, instruction.alert_id, instruction.status)
            publish(event, key=f"account:{instruction.account_id}", occurred_at=at)
    return True
