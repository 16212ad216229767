"""Staff have what could not be read listed once more: the feed forgets its place, and is read within its budget."""

from datetime import datetime
from uuid import UUID

from partners.banks.actions import note_deed
from partners.banks.models import StaffDeed
from partners.connectors.catalogue import IN_ONE_LINE
from partners.feeds.cursors import held_place, take_from_workers
from partners.feeds.models import FeedCursor
from partners.feeds.unreadable import Unreadable
from partners.sync.actions import PULL_DUE
from partners.sync.rules import OVERLAP
from portal.rest.problems import NotFound
from portal.tenancy.blocks import current_bank_id
from portal.wakeups import wake_for_bank_after_commit


def read_again(cursor_id: UUID, *, staff_id: UUID, at: datetime) -> bool:
    """Do it, in the bank's block, and write down who did; False where it is being read, or nothing is to be.

    Raises NotFound.
    """
    row = held_place(cursor_id)
    if row is None:
        raise NotFound
    n = row.unreadable_rows
    if not may_be_read_again(row, at=at):
        return False
    _forget_place(row, at)
    row.save()
    note_deed(
        what=StaffDeed.What.ROWS_AGAIN,
        by=f"staff:{staff_id}",
        about={"kind": row.kind, "rows": n},
        at=at,
    )
    wake_for_bank_after_commit(PULL_DUE, bank_id=current_bank_id())
    return True


def may_be_read_again(row: FeedCursor, *, at: datetime) -> bool:
    """Whether there is something to list again, and nobody is at it: a history neither.

    `row` comes with its connection and integration.
    """
    is_first = row.kind == "transactions" and row.covered_until is None
    is_any_listed = row.unreadable_rows > refused_rows(row)
    if not is_any_listed or row.due_at is None or row.run_id is not None or is_first:
        return False
    return row.due_at > at or not _begins_before_them(row)


def refused_rows(row: FeedCursor) -> int:
    """How many of them are of days that the bank gives no more."""
    return Unreadable.of(row.unreadable).count - _listed_again(row).count


def _begins_before_them(row: FeedCursor) -> bool:
    """Whether the next reading lists them anyway."""
    if not _is_by_days(row):
        return not row.cursor
    first = _listed_again(row).first
    return row.covered_until is None or first is None or row.covered_until - OVERLAP <= first


def _listed_again(row: FeedCursor) -> Unreadable:
    """Those that the bank would list: where it gives no older days, theirs can only be read once it does."""
    return Unreadable.of(row.unreadable).listed_since(row.given_from)


def _is_by_days(row: FeedCursor) -> bool:
    """Whether it can be asked for from a day on; else all is listed again from the beginning."""
    return row.kind == "transactions" and row.connection.integration.connector not in IN_ONE_LINE


def _forget_place(row: FeedCursor, at: datetime) -> None:
    take_from_workers(row)
    if _is_by_days(row) and not _begins_before_them(row):
        first = _listed_again(row).first or at.date()
        row.covered_until = first + OVERLAP
    row.attempts, row.last_problem = 0, ""
    row.due_at = max(at, row.connection.resume_at or at)
