"""Statement files: taken in once, claimed, checked, stored some thousand rows at a time, and done with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_noop

from partners.banks.actions import note_deed
from partners.banks.models import StaffDeed
from partners.imports.models import StatementImport, StatementMapping
from partners.imports.queries import same_file
from partners.imports.rules import (
    Check,
    as_columns,
    file_name_of,
    mask_of,
    note,
    note_left_out,
)
from partners.ledger.identifying import account_digests
from partners.statements.base import Malformed
from partners.statements.csv_mapping import Mapping as Columns
from portal.rest.problems import Conflict, Invalid, NotFound
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.leases import LeaseLost
from portal.wakeups import wake_for_bank_after_commit

READ_DUE = "partners.imports.tasks.read_due"
_LONGEST_MAPPING_NAME = 80
_FIRST_WAIT, _MOST_TRIES = timedelta(seconds=5), 6
_CLAIM = """
    UPDATE partners_statementimport SET lease_until = %(until)s, fence = fence + 1, state = 'reading'
    WHERE bank_id = %(bank)s AND id = (
        SELECT id FROM partners_statementimport
        WHERE bank_id = %(bank)s AND due_at <= %(at)s
          AND (lease_until IS NULL OR lease_until <= %(at)s)
        ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id, fence
"""
# Two that bring the same file at once are told of one import.
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


class NotWaitingForColumns(Conflict):
    slug = "import-not-waiting"
    title = "This file does not wait for its columns"


@dataclass(frozen=True)
class Claim:
    """A file to be read, held by one worker until its lease ends; `fence` proves that it still is."""

    import_id: UUID
    fence: int


@dataclass(frozen=True)
class Brought:
    """A file as it came: under which name, through which door, by whom. `account` is said of a table alone."""

    import_id: UUID
    file_name: str
    door: str
    by: str
    sha256: str
    size: int
    account: str = ""


@dataclass(frozen=True)
class Batch:
    """Rows of one account that were stored in this transaction, and what they were."""

    entries: int
    added: int = 0
    known: int = 0
    changed: int = 0
    set_aside: int = 0
    too_old: int = 0


def keep_import(
    brought: Brought, *, refused: Malformed | None = None, at: datetime
) -> tuple[StatementImport, bool]:
    """The import of this file, in the bank's block; False where it was brought before, and nothing is to be done.

    A file that is being read, or was read whole, is that import. One of which something could not be kept
    then (an account that nobody had linked, days before what was allowed, a refusal, a fault of ours) is read
    again. `refused`: seen by how it begins.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ONE_AT_A_TIME, [f"{current_bank_id()}:{brought.sha256}"])
    before = same_file(brought.sha256)
    if before is not None and before.state == StatementImport.State.FAILED:
        # What is brought anew is read in its place: its own file may be what was wrong.
        _refuse(before, Malformed("file", gettext_noop("was brought again")), at=at)
        before.save()
    elif before is not None:
        return before, False
    row = StatementImport(
        id=brought.import_id,
        door=brought.door,
        by=brought.by,
        file_name=file_name_of(brought.file_name),
        sha256=brought.sha256,
        size=brought.size,
        given_digests=list(account_digests(brought.account)),
        given_mask=mask_of(brought.account),
        received_at=at,
        due_at=at,
    )
    if refused is not None:
        _refuse(row, refused, at=at)
    row.save(force_insert=True)
    if refused is None:
        wake_for_bank_after_commit(READ_DUE, bank_id=current_bank_id())
    return row, True


def claim_import(*, at: datetime, lease: timedelta) -> Claim | None:
    """The longest waiting file of the served bank; None where none is due."""
    values: dict[str, Any] = {"bank": current_bank_id(), "at": at, "until": at + lease}
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        found = cursor.fetchone()
    return None if found is None else Claim(*found)


def held_import(claim: Claim) -> StatementImport:
    """The claimed row, locked. Raises LeaseLost where another worker holds it by now."""
    mine = StatementImport.objects.select_for_update(no_key=True)
    row = mine.filter(
        bank_id=current_bank_id(), pk=claim.import_id, fence=claim.fence, lease_until__isnull=False
    ).first()
    if row is None:
        raise LeaseLost
    return row


def note_progress(claim: Claim, *, bytes_read: int, entries_read: int) -> None:
    """How far the reading has come, for whoever looks on. Raises LeaseLost."""
    mine = StatementImport.objects.filter(pk=claim.import_id, fence=claim.fence)
    if not mine.update(bytes_read=bytes_read, entries_read=entries_read):
        raise LeaseLost


def note_format(claim: Claim, found: str) -> None:
    row = held_import(claim)
    row.format = found
    row.save(update_fields=["format"])


def use_mapping(claim: Claim, mapping: StatementMapping) -> None:
    """Read the table as the bank said of others with its header."""
    row = held_import(claim)
    row.mapping, row.mapping_name = mapping.columns, mapping.name
    row.save(update_fields=["mapping", "mapping_name"])


def ask_for_mapping(claim: Claim) -> None:
    """Nobody has said yet what the table's columns are, or whose account it is: it waits for staff."""
    row = held_import(claim)
    row.state = StatementImport.State.NEEDS_MAPPING
    row.due_at = row.lease_until = None
    row.save(update_fields=["state", "due_at", "lease_until"])


def choose_mapping(
    *,
    import_id: UUID,
    columns: Columns,
    header: str,
    name: str,
    account: str,
    by: str,
    at: datetime,
) -> StatementImport:
    """Staff say how the table is read, and of which account it is; it is remembered for others with its header.

    Raises NotFound, NotWaitingForColumns, Invalid.
    """
    row = StatementImport.objects.select_for_update(no_key=True).filter(pk=import_id).first()
    if row is None:
        raise NotFound
    if row.state != StatementImport.State.NEEDS_MAPPING:
        raise NotWaitingForColumns
    digests = account_digests(account)
    if account and not digests:
        raise Invalid("Not an account's number.")
    if digests:
        row.given_digests, row.given_mask = list(digests), mask_of(account)
    if not row.given_digests:
        raise Invalid("Of which account is it?")
    said = {"columns": as_columns(columns), "name": name[:_LONGEST_MAPPING_NAME]}
    StatementMapping.objects.update_or_create(
        header_digest=header, defaults={**said, "changed_by": by, "changed_at": at}
    )
    row.mapping, row.mapping_name = said["columns"], str(said["name"])
    row.state, row.due_at = StatementImport.State.RECEIVED, at
    row.save()
    wake_for_bank_after_commit(READ_DUE, bank_id=current_bank_id())
    return row


def note_checked(claim: Claim, check: Check, *, at: datetime) -> StatementImport:
    """The file was read to its end, and is whole: what it holds may be stored from now on."""
    row = held_import(claim)
    row.statements, row.entries = check.statements, check.entries
    row.balances, row.in_order = check.balances, check.in_order
    row.problems = check.problems
    row.checked_at = at
    row.bytes_read = row.entries_read = 0
    row.save()
    return row


def count_batch(
    row: StatementImport, batch: Batch, *, through: int, problems: Sequence[Sequence[str]]
) -> None:
    """Count what was stored in the same transaction; `through`: entries of the file that are behind us."""
    row.added += batch.added
    row.known += batch.known
    row.changed += batch.changed
    row.set_aside += batch.set_aside
    row.too_old += batch.too_old
    row.stored = row.entries_read = through
    for where, reason in problems:
        note(row.problems, where, reason)
    row.save()


def count_left_out(
    row: StatementImport, entries: Mapping[tuple[str, str], int], *, through: int
) -> None:
    """Count rows of accounts that nothing may be kept of, by mask and why."""
    for (mask, why), number in entries.items():
        row.not_linked += number
        note_left_out(row.left_out, mask, why, number)
    row.stored = row.entries_read = through
    row.save()


def pause(claim: Claim, *, at: datetime) -> None:
    """Let others have their turn; it goes on where it stands."""
    row = held_import(claim)
    row.due_at, row.lease_until = at, None
    row.save(update_fields=["due_at", "lease_until"])


def finish(claim: Claim, *, at: datetime) -> None:
    """All of it is stored, as far as it may be."""
    row = held_import(claim)
    row.state, row.finished_at = StatementImport.State.DONE, at
    row.bytes_read, row.entries_read = row.size, row.entries
    row.fault = ""
    row.due_at = row.lease_until = None
    row.save()


def refuse(claim: Claim, why: Malformed, *, at: datetime) -> None:
    """The file is refused whole: of what it holds nothing was stored."""
    row = held_import(claim)
    _refuse(row, why, at=at)
    row.save()


def _refuse(row: StatementImport, why: Malformed, *, at: datetime) -> None:
    row.state, row.finished_at = StatementImport.State.REFUSED, at
    row.refused_where, row.refused_reason = why.where[:80], why.reason[:200]
    row.due_at = row.lease_until = None


def put_off(claim: Claim, fault: str, *, at: datetime) -> None:
    """Something of ours failed: try again later, and after some tries when somebody says so. The file is kept."""
    row = held_import(claim)
    row.attempts += 1
    row.fault, row.lease_until = fault, None
    row.due_at = at + _FIRST_WAIT * (1 << row.attempts)
    if row.attempts >= _MOST_TRIES:
        row.state, row.due_at = StatementImport.State.FAILED, None
    row.save()


def try_again(*, import_id: UUID, by: str, at: datetime) -> StatementImport:
    """Have a file that we gave up read from where it stood; one that is not given up is left as it is. Raises NotFound."""
    row = StatementImport.objects.select_for_update(no_key=True).filter(pk=import_id).first()
    if row is None:
        raise NotFound
    if row.state != StatementImport.State.FAILED:
        return row
    row.state, row.due_at, row.attempts = StatementImport.State.RECEIVED, at, 0
    row.save(update_fields=["state", "due_at", "attempts"])
    about = {"sha256": row.sha256[:12]}
    note_deed(what=StaffDeed.What.FILE_AGAIN, by=by, about=about, at=at)
    wake_for_bank_after_commit(READ_DUE, bank_id=current_bank_id())
    return row


_NOBODY_CAME: Mapping[str, str] = {
    StatementImport.State.NEEDS_MAPPING: gettext_noop("nobody said what its columns are"),
    StatementImport.State.FAILED: gettext_noop("could not be read, by a fault of ours"),
}


def give_up_waiting(*, before: datetime, at: datetime) -> list[UUID]:
    """Refuse what has waited for staff since then: for its columns, or to be tried again; which they were."""
    waiting = StatementImport.objects.select_for_update(no_key=True, skip_locked=True).filter(
        state__in=_NOBODY_CAME, received_at__lt=before
    )
    gone = []
    for row in waiting:
        _refuse(row, Malformed("file", _NOBODY_CAME[row.state]), at=at)
        row.save()
        gone.append(row.id)
    return gone


def forget_old(*, before: datetime) -> int:
    """Let go of what is known of files that were done with before then; how many."""
    old = StatementImport.objects.filter(bank_id=current_bank_id(), finished_at__lt=before)
    return old.delete()[0]
