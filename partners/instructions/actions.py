"""Asking a bank for something, and writing down what it really did."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from partners.banks.models import Bank
from partners.connections.queries import connection_of_account, live_connection_of_account
from partners.events import (
    InstructionChanged,
    InstructionOverdue,
    account_key,
    instruction_key,
)
from partners.instructions.models import Instruction
from partners.instructions.rules import (
    NOT_CONNECTED,
    PATIENCE,
    REQUESTED,
    SETTLED,
    UNKNOWN,
    Next,
    SoFar,
    after_silence,
    is_change,
    may_send,
)
from partners.sharing.cards import require_alert
from partners.sharing.gate import Door, disclosed_to_bank
from portal.middleware import current_request_id
from portal.outbox.publishing import publish
from portal.rest.problems import Conflict
from portal.telemetry.measures import INSTRUCTIONS
from portal.telemetry.traces import current_trace
from portal.tenancy.blocks import current_bank_id, serving_customer
from portal.wakeups import wake_after_commit

RUN_DUE = "partners.instructions.tasks.run_due"

# A hung bank may hold this many workers.
SLOTS_PER_BANK = 2

_CLAIM = """
    UPDATE partners_instruction SET lease_until = %(until)s, fence = fence + 1, attempts = attempts + 1
    WHERE bank_id = %(bank)s AND id = (
        SELECT id FROM partners_instruction
        WHERE bank_id = %(bank)s AND due_at <= %(at)s
          AND (lease_until IS NULL OR lease_until <= %(at)s)
          AND (SELECT count(*) FROM partners_instruction busy
               WHERE busy.bank_id = %(bank)s AND busy.due_at IS NOT NULL
                 AND busy.lease_until > %(at)s) < %(slots)s
        ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id
"""


class NotLinked(Conflict):
    slug = "account-not-linked"
    title = "The account is not linked any more, so the bank cannot be asked"


class NothingToFreeze(Conflict):
    slug = "nothing-to-freeze"
    title = "This alert is about no card payment"


@dataclass(frozen=True)
class Errand:
    """One instruction on its way to the bank, held by one worker.

    `may_leave`: the bank is not suspended, and may be told or asked.
    """

    id: UUID
    fence: int
    connection_id: UUID
    account_external_id: str
    kind: str
    card_id: str
    may_leave: bool
    so_far: SoFar
    trace: str


def request_freeze(*, alert_id: UUID, customer_id: UUID, at: datetime) -> Instruction:
    """Ask the bank to freeze the card that the alert is about; once for each alert.

    Within a customer's block: it is their own act, and the gate's to allow. Once asked, it is carried
    out even if they end their consent meanwhile. Raises NotShared, NotLinked, and NothingToFreeze
    where the alert is about no payment.
    """
    alert, allowed = require_alert(alert_id, door=Door.INSTRUCTION, at=at)
    if alert.entry is None:
        raise NothingToFreeze
    way = connection_of_account(customer_id=customer_id, account_id=alert.account_id)
    if way is None:
        raise NotLinked
    instruction, new = Instruction.objects.get_or_create(
        alert=alert,
        kind=Instruction.Kind.FREEZE,
        defaults={
            "customer_id": customer_id,
            "account_id": alert.account_id,
            "connection": way,
            "consent_id": allowed.consents[alert.account_id],
            "request_id": current_request_id(),
            "trace": current_trace(),
            "card_id": alert.entry.card_id,
            "requested_at": at,
            "due_at": at,
        },
    )
    if new:
        publish(
            InstructionOverdue(instruction.id),
            key=instruction_key(instruction.id),
            occurred_at=at + PATIENCE,
        )
        wake_after_commit(RUN_DUE, bank_id=str(instruction.bank_id))
    return instruction


def claim_errand(*, at: datetime, lease: timedelta) -> Errand | None:
    """The longest waiting due instruction of the served bank; None where none is due, or no slot free.

    Notes that it may leave us from now on, and that the bank is told: a worker that dies right after
    is followed by a question, not by a second sending. While the bank is suspended nothing leaves.
    """
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "bank": current_bank_id(),
            "at": at,
            "until": at + lease,
            "slots": SLOTS_PER_BANK,
        }
        cursor.execute(_CLAIM, values)
        found = cursor.fetchone()
    if found is None:
        return None
    row = Instruction.objects.select_related("account", "bank").get(pk=found[0])
    so_far = _so_far(row)
    admitted = row.bank.status == Bank.Status.ADMITTED
    errand = Errand(
        id=row.id,
        fence=row.fence,
        connection_id=_way(row),
        account_external_id=row.account.external_id,
        kind=row.kind,
        card_id=row.card_id,
        may_leave=admitted and (so_far.sent_before or may_send(so_far, at=at)),
        so_far=so_far,
        trace=row.trace,
    )
    if errand.may_leave and not so_far.sent_before:
        _note_leaving(row, at)
    return errand


def _so_far(row: Instruction) -> SoFar:
    return SoFar(
        requested_at=row.requested_at,
        attempts=row.attempts,
        sent_before=row.sent_at is not None,
        refused_as=row.refused_as,
    )


def _way(row: Instruction) -> UUID:
    """The connection to ask by: the one that it was asked for with, or what the customer linked since."""
    live = live_connection_of_account(customer_id=row.customer_id, account_id=row.account_id)
    return row.connection_id if live is None else live.id


def _note_leaving(row: Instruction, at: datetime) -> None:
    row.sent_at = at
    row.save(update_fields=["sent_at"])
    with serving_customer(current_bank_id(), row.customer_id):
        disclosed_to_bank(
            what=row.kind,
            consent_id=row.consent_id,
            account_id=row.account_id,
            at=at,
            request_id=row.request_id,
        )


def settle(errand: Errand, then: Next, *, at: datetime) -> bool:
    """Write down what is so now, and tell of a change; False where the errand is no longer ours."""
    row = _unsettled().filter(pk=errand.id, fence=errand.fence).first()
    if row is None:
        return False
    if then.reason == NOT_CONNECTED and _is_linked_again(row):
        then = after_silence(errand.so_far, at=at)
    if row.status == UNKNOWN and then.status == REQUESTED:
        # The customer was told meanwhile that we do not know.
        then = replace(then, status=UNKNOWN)
    row.lease_until = None
    _become(row, then, at=at)
    return True


def note_overdue(*, instruction_id: UUID, at: datetime) -> bool:
    """Say that we do not know, where the bank is still being asked; whoever asks it goes on."""
    row = _unsettled().filter(pk=instruction_id, status=REQUESTED).first()
    if row is None:
        return False
    _become(row, Next(UNKNOWN, row.due_at, None, row.reason, row.refused_as), at=at)
    return True


def ask_again(*, customer_id: UUID, account_ids: Collection[UUID], at: datetime) -> int:
    """Have the bank asked now what became of what the customer wanted of these accounts; how many."""
    rows = _unsettled().filter(customer_id=customer_id, account_id__in=account_ids)
    waiting = list(rows.order_by("id"))
    for row in waiting:
        row.due_at = at
        row.save(update_fields=["due_at"])
    if waiting:
        wake_after_commit(RUN_DUE, bank_id=str(current_bank_id()))
    return len(waiting)


def _unsettled() -> QuerySet[Instruction]:
    """What the bank's word is still awaited of, locked."""
    return Instruction.objects.select_for_update(no_key=True).exclude(status__in=SETTLED)


def _is_linked_again(row: Instruction) -> bool:
    """Whether the customer came back while the bank turned us away. The row is locked, so a link that
    is not seen here finds this written, and makes it due."""
    live = live_connection_of_account(customer_id=row.customer_id, account_id=row.account_id)
    return live is not None


def _become(row: Instruction, then: Next, *, at: datetime) -> None:
    changed = row.status != then.status
    told = is_change(status=row.status, reason=row.reason, then=then)
    row.status, row.reason, row.refused_as = then.status, then.reason[:60], then.refused_as[:60]
    row.settled_at, row.due_at = then.settled_at, then.due_at
    row.save()
    if changed:
        INSTRUCTIONS.labels(row.kind, row.status).inc()
    if told:
        event = InstructionChanged(row.id, row.alert_id, row.status)
        publish(event, key=account_key(row.account_id), occurred_at=at, trace=row.trace)
