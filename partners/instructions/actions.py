"""Asking a bank for something, and writing down what it really did."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

from accounts.linking.queries import links_of
from partners.alerts.models import Alert
from partners.connections.queries import connection_of_account
from partners.connectors.base import FreezeOutcome
from partners.events import InstructionChanged, account_key
from partners.instructions.models import Instruction
from partners.instructions.rules import ask_again_at, is_unknown
from partners.ledger.models import Account, Entry
from portal.outbox.publishing import publish
from portal.rest.problems import Conflict, NotFound
from portal.tenancy.blocks import current_bank_id
from portal.wakeups import wake_after_commit

# A hung bank may hold this many workers.
SLOTS_PER_BANK = 2

_CLAIM = """
    UPDATE partners_instruction SET lease_until = %(until)s, fence = fence + 1
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
_SETTLED = (Instruction.Status.DONE, Instruction.Status.FAILED)


class NothingToFreeze(Conflict):
    slug = "nothing-to-freeze"
    title = "This alert is about no card payment"


@dataclass(frozen=True)
class Errand:
    """One instruction on its way to the bank, held by one worker. `sent_before`: it may be there."""

    id: UUID
    fence: int
    connection_id: UUID
    account_external_id: str
    kind: str
    card_id: str
    sent_before: bool


def request_freeze(*, alert_id: UUID, customer_id: UUID, at: datetime) -> Instruction:
    """Ask the bank to freeze the card that the alert is about; once for each alert.

    Within a customer's block: it is their own act, on an account that is linked to them. Raises
    NotFound where the alert is not theirs, NothingToFreeze where it is about no payment.
    """
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None or not links_of(customer_id, among=[alert.account_id]).exists():
        raise NotFound
    entry = Entry.objects.filter(pk=alert.entry_id).first() if alert.entry_id else None
    if entry is None:
        raise NothingToFreeze
    way = connection_of_account(customer_id=customer_id, account_id=alert.account_id)
    if way is None:
        raise NotFound
    instruction, new = Instruction.objects.get_or_create(
        alert=alert,
        kind=Instruction.Kind.FREEZE,
        defaults={
            "customer_id": customer_id,
            "account_id": alert.account_id,
            "connection": way,
            "card_id": entry.card_id,
            "requested_at": at,
            "due_at": at,
        },
    )
    if new:
        wake_after_commit("partners.instructions.tasks.run_due", bank_id=str(instruction.bank_id))
    return instruction


def claim_errand(*, at: datetime, lease: timedelta) -> Errand | None:
    """The longest waiting due instruction of the served bank; None where none is due, or no slot free.

    Notes that it may leave us from now on: a worker that dies right after is followed by a question,
    not by a second sending.
    """
    with connection.cursor() as cursor:
        values = {
            "bank": current_bank_id(),
            "at": at,
            "until": at + lease,
            "slots": SLOTS_PER_BANK,
        }
        cursor.execute(_CLAIM, values)
        found = cursor.fetchone()
    if found is None:
        return None
    row = Instruction.objects.get(pk=found[0])
    errand = Errand(
        id=row.id,
        fence=row.fence,
        connection_id=row.connection_id,
        account_external_id=Account.objects.get(pk=row.account_id).external_id,
        kind=row.kind,
        card_id=row.card_id,
        sent_before=row.sent_at is not None,
    )
    if row.sent_at is None:
        row.sent_at = at
        row.save(update_fields=["sent_at"])
    return errand


def _held(errand: Errand) -> Instruction | None:
    row = Instruction.objects.select_for_update(no_key=True).get(pk=errand.id)
    if row.fence != errand.fence or row.status in _SETTLED:
        return None
    return row


def settle(errand: Errand, outcome: FreezeOutcome, *, at: datetime) -> None:
    """Write down what the bank says it did. `pending` is asked again; nothing is claimed for it."""
    row = _held(errand)
    if row is None:
        return
    if outcome.status == "done":
        row.settled_at = outcome.settled_at
        _end(row, Instruction.Status.DONE, at=at)
    elif outcome.status == "failed":
        row.settled_at = outcome.settled_at
        row.reason = (outcome.reason or "other")[:60]
        _end(row, Instruction.Status.FAILED, at=at)
    else:
        _put_off(row, at=at, pending=outcome.status == "pending", problem="")


def note_refusal(errand: Errand, *, reason: str, may_have_acted: bool, at: datetime) -> None:
    """The bank will not hear us. Failed, unless an earlier sending may have been carried out."""
    row = _held(errand)
    if row is None:
        return
    row.reason = reason[:60]
    if may_have_acted:
        row.due_at = None
        _change(row, Instruction.Status.UNKNOWN, at=at)
    else:
        _end(row, Instruction.Status.FAILED, at=at)


def note_silence(errand: Errand, *, problem: str, at: datetime) -> None:
    """The bank said nothing that can be relied on: it is asked what became of it, after a while."""
    row = _held(errand)
    if row is not None:
        _put_off(row, at=at, pending=False, problem=problem)


def _put_off(row: Instruction, *, at: datetime, pending: bool, problem: str) -> None:
    row.attempts += 1
    row.reason = problem
    row.due_at = ask_again_at(
        attempts=row.attempts, requested_at=row.requested_at, at=at, pending=pending
    )
    unknown = is_unknown(
        attempts=row.attempts, requested_at=row.requested_at, at=at, pending=pending
    )
    _change(row, Instruction.Status.UNKNOWN if unknown else Instruction.Status(row.status), at=at)


def _end(row: Instruction, status: Instruction.Status, *, at: datetime) -> None:
    row.due_at = None
    _change(row, status, at=at)


def _change(row: Instruction, status: Instruction.Status, *, at: datetime) -> None:
    before = row.status
    row.status = status
    row.lease_until = None
    row.save()
    if status != before:
        changed = InstructionChanged(row.id, row.alert_id, status.value)
        publish(changed, key=account_key(row.account_id), occurred_at=at)
