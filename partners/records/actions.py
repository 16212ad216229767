"""Erasing all that is held of a customer, and holding that back where the law says so."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from accounts.consent.actions import revoke_consent
from accounts.consent.latch import close_latch
from accounts.consent.queries import live_consents
from accounts.signin.models import WidgetSession
from partners.banks.models import Customer
from partners.connections.models import Connection
from partners.feeds.cursors import stop_reading
from partners.ledger.models import Account
from partners.records.models import ErasureJob, LegalHold
from partners.records.queries import Theirs, hold_on, rows_of, tables, theirs
from partners.records.rules import Table, name_of
from partners.sync.models import Notification
from portal.outbox.pokes import poke_after_commit
from portal.rest.problems import Conflict, NotFound
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.leases import LeaseLost
from portal.wakeups import wake_for_bank_after_commit

TASK = "partners.records.tasks.erase_due"
BATCH = 2000

_CLAIM = """
    UPDATE partners_erasurejob SET lease_until = %(until)s, fence = fence + 1
    WHERE bank_id = %(bank)s AND id = (
        SELECT id FROM partners_erasurejob
        WHERE bank_id = %(bank)s AND due_at <= %(at)s
          AND (lease_until IS NULL OR lease_until <= %(at)s)
        ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id, fence, customer_id, attempts
"""


class AlreadyHeld(Conflict):
    slug = "already-held"
    title = "This customer is under a legal hold already"


class Held(Exception):  # what is so, not what went wrong
    """The bank has to keep what there is of the customer."""


@dataclass(frozen=True)
class Claim:
    """An erasure, held by one worker until its lease ends; `fence` proves that it still is."""

    job_id: UUID
    fence: int
    customer_id: UUID
    attempts: int


def request_erasure(*, customer_id: UUID, by: str, at: datetime) -> ErasureJob:
    """End everything that the customer allows, at once, and have all that is held of them erased.

    In the bank's block. Asked twice it is one. Under a legal hold it waits until that is lifted; what was
    allowed ends all the same. Raises NotFound.
    """
    close_latch(customer_id)
    _locked(customer_id, no_key=True)
    for each in live_consents(customer_id, at=at):
        revoke_consent(consent_id=each.id, at=at, by=by)
    for each_id in Connection.objects.filter(customer_id=customer_id).values_list("id", flat=True):
        stop_reading(connection_id=each_id)
    WidgetSession.objects.filter(customer_id=customer_id, ended_at=None).update(ended_at=at)
    poke_after_commit("sessions", f"{current_bank_id()} {customer_id}")
    held = hold_on(customer_id) is not None
    job, _made = ErasureJob.objects.get_or_create(
        customer_id=customer_id,
        defaults={
            "by": by,
            "requested_at": at,
            "status": ErasureJob.Status.HELD if held else ErasureJob.Status.REQUESTED,
            "due_at": None if held else at,
        },
    )
    wake_for_bank_after_commit(TASK, bank_id=current_bank_id())
    return job


def place_hold(*, customer_id: UUID, reason: str, by: str, at: datetime) -> LegalHold:
    """Keep all that is held of the customer until `lift_hold`. Raises NotFound, AlreadyHeld."""
    _locked(customer_id)
    if hold_on(customer_id) is not None:
        raise AlreadyHeld
    ErasureJob.objects.filter(customer_id=customer_id).update(
        status=ErasureJob.Status.HELD, due_at=None
    )
    return LegalHold.objects.create(
        customer_id=customer_id, reason=reason, placed_by=by, placed_at=at
    )


def lift_hold(*, customer_id: UUID, by: str, at: datetime) -> None:
    """The bank need not keep it any more; an erasure that waited for that goes on. Raises NotFound."""
    _locked(customer_id)
    LegalHold.objects.filter(customer_id=customer_id, lifted_at=None).update(
        lifted_by=by, lifted_at=at
    )
    waiting = ErasureJob.objects.filter(customer_id=customer_id, status=ErasureJob.Status.HELD)
    if waiting.update(status=ErasureJob.Status.REQUESTED, due_at=at):
        wake_for_bank_after_commit(TASK, bank_id=current_bank_id())


def claim_erasure(*, at: datetime, lease: timedelta) -> Claim | None:
    """The longest waiting due erasure of the served bank; None where none is due."""
    values: dict[str, Any] = {"bank": current_bank_id(), "at": at, "until": at + lease}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        found = cursor.fetchone()
    if found is None:
        return None
    claim = Claim(*found)
    ErasureJob.objects.filter(pk=claim.job_id).update(status=ErasureJob.Status.ERASING)
    return claim


def put_off(claim: Claim, *, due_at: datetime) -> None:
    """The bank could not be told yet: again later."""
    job = _job(claim)
    job.attempts += 1
    job.due_at, job.lease_until = due_at, None
    job.save()


def note_told(claim: Claim, *, told: int, left: int) -> None:
    """How many authorisations the bank ended, and how many it could not be told of."""
    job = _job(claim)
    job.ended_at_bank, job.left_at_bank = told, left
    job.save()


def erase_batch(claim: Claim, table: Table) -> int:
    """Delete some rows of one table; how many. Zero: none is left. Raises LeaseLost, Held."""
    job = _job(claim)
    rows = rows_of(table, theirs(claim.customer_id))
    gone = _delete(rows.order_by("id")[:BATCH])
    _count(job, table, gone)
    job.save()
    return gone


def erase_rest(claim: Claim, *, at: datetime) -> None:
    """All that is left, the customer last; then look that nothing is. Raises LeaseLost, Held."""
    job = _job(claim)
    whose = theirs(claim.customer_id)
    for table in tables():
        if not table.kept:
            _count(job, table, rows_of(table, whose).count())
    _forget_hints(whose)
    for table in tables():
        if table.in_batches:
            _delete(rows_of(table, whose))
    _delete(Account.objects.filter(pk__in=whose.account_ids))
    _delete(Customer.objects.filter(pk=whose.customer_id))
    _require_nothing_left(whose)
    job.status, job.finished_at = ErasureJob.Status.DONE, at
    job.due_at = job.lease_until = None
    job.save()


def _job(claim: Claim) -> ErasureJob:
    # The customer first, as whoever places a hold does: neither waits for the other, and a hold that is
    # placed at this moment is seen.
    try:
        _locked(claim.customer_id)
    except NotFound as reason:
        raise LeaseLost from reason
    job = ErasureJob.objects.select_for_update(no_key=True).get(pk=claim.job_id)
    if job.fence != claim.fence or job.status == ErasureJob.Status.DONE:
        raise LeaseLost
    if hold_on(claim.customer_id) is not None:
        raise Held
    return job


def _locked(customer_id: UUID, *, no_key: bool = False) -> None:
    """`no_key`: whoever keeps something of the customer's meanwhile need not wait."""
    found = Customer.objects.select_for_update(no_key=no_key).filter(pk=customer_id).first()
    if found is None:
        raise NotFound


def _delete(rows: "QuerySet[Any]") -> int:
    """The database lets go of what hangs on them, by its own keys: rows that we may not touch among it."""
    ids = list(rows.values_list("id", flat=True))
    if not ids:
        return 0
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(rows.model._meta.db_table)
        cursor.execute(
            f"DELETE FROM {table} WHERE bank_id = %s AND id = ANY(%s)",  # noqa: S608  # our own table
            [current_bank_id(), ids],
        )
        return int(cursor.rowcount)


def _count(job: ErasureJob, table: Table, rows: int) -> None:
    if rows:
        name = name_of(table.label)
        job.erased[name] = job.erased.get(name, 0) + rows


def _forget_hints(whose: Theirs) -> None:
    """What the bank told us of accounts that go: it names them by their numbers there."""
    external = Account.objects.filter(pk__in=whose.account_ids).values_list(
        "external_id", flat=True
    )
    for each in external:
        Notification.objects.filter(account_external_ids__contains=[each]).delete()


def _require_nothing_left(whose: Theirs) -> None:
    for table in tables():
        if not table.kept and rows_of(table, whose).exists():
            raise RuntimeError(f"an erasure left rows of {table.label}")
