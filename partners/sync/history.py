"""What staff decide about the first reading of a history: paused, resumed, cancelled, begun again.

While it is paused no page of it is asked for, and what is new is read: a window of days, as after a history. A bank
that tells one line of changes from its beginning on cannot be asked for what is new alone: nothing is asked of it.
Whoever reads just then loses the lease, and does not store the page under way.
"""

from collections.abc import Callable
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from partners.banks.actions import note_deed
from partners.connections.models import Connection
from partners.connections.queries import connection_of_account
from partners.connectors.catalogue import IN_ONE_LINE
from partners.feeds.cursors import held_history, take_from_workers
from partners.feeds.histories import covered_so_far, reached_of
from partners.feeds.models import FeedCursor
from partners.sync.actions import PULL_DUE
from partners.sync.models import SyncRun
from partners.sync.states import HISTORY_HELD
from portal.rest.problems import NotFound
from portal.tenancy.blocks import current_bank_id
from portal.wakeups import wake_for_bank_after_commit

_History = FeedCursor.History


class Decision(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    BEGIN_AGAIN = "begin_again"


def decide_history(
    decision: Decision, *, customer_id: UUID, account_id: UUID, staff_id: UUID, at: datetime
) -> bool:
    """Do it, in the bank's block, and write down who did; False where it is so already, or there is nothing to do.

    Raises NotFound where nothing is read of the account for this customer.
    """
    way = connection_of_account(customer_id=customer_id, account_id=account_id)
    row = held_history(connection_id=way.id, account_id=account_id) if way else None
    if row is None:
        raise NotFound
    run_id = row.run_id
    if not _DECIDED[decision](row, at):
        return False
    row.save()
    _write_down(row, _OUTCOMES[decision], run_id, staff_id, at)
    wake_for_bank_after_commit(PULL_DUE, bank_id=current_bank_id())
    return True


def _pause(row: FeedCursor, at: datetime) -> bool:
    if row.covered_until is not None or row.history:
        return False
    place = row.cursor
    _step_aside(row, at)
    row.history, row.history_place = _History.PAUSED, place
    return True


def _cancel(row: FeedCursor, at: datetime) -> bool:
    if row.history == _History.PAUSED:
        take_from_workers(row)
    elif row.covered_until is None and not row.history:
        _step_aside(row, at)
    else:
        return False
    row.history, row.history_place = _History.CANCELLED, ""
    return True


def _resume(row: FeedCursor, at: datetime) -> bool:
    if row.history != _History.PAUSED:
        return False
    place = row.history_place
    _read_on(row, at)
    row.cursor = place
    return True


def _begin_again(row: FeedCursor, at: datetime) -> bool:
    if row.history != _History.CANCELLED:
        return False
    _read_on(row, at)
    return True


def _step_aside(row: FeedCursor, at: datetime) -> None:
    """What is read from now on is what is new since the history was begun."""
    until = row.history_until if row.cursor else None
    row.covered_until = until or _today(row, at)
    row.covered_from = covered_so_far(reached_of(row), until=row.covered_until) if until else None
    take_from_workers(row)
    if row.connection.integration.connector in IN_ONE_LINE:
        row.due_at, row.last_problem = None, HISTORY_HELD


def _read_on(row: FeedCursor, at: datetime) -> None:
    """The history is to be read. What is newer was read meanwhile, up to the last reading."""
    take_from_workers(row)
    row.history_until, row.covered_until = row.covered_until, None
    row.history = row.history_place = ""
    row.attempts, row.last_problem = 0, ""
    if row.connection.status == Connection.Status.ACTIVE:
        row.due_at = at


def _today(row: FeedCursor, at: datetime) -> date:
    return at.astimezone(ZoneInfo(row.connection.integration.bank.time_zone)).date()


def _write_down(
    row: FeedCursor, outcome: SyncRun.Outcome, run_id: UUID | None, staff_id: UUID, at: datetime
) -> None:
    """Among what staff did; and at the account, with the reading that it ends where there is one."""
    decided_by = f"staff:{staff_id}"
    note_deed(what=f"history_{outcome}", by=decided_by, about={"kind": row.kind}, at=at)
    ended = SyncRun.objects.filter(pk=run_id, finished_at=None) if run_id else None
    if ended and ended.update(outcome=outcome, finished_at=at, decided_by=decided_by):
        return
    SyncRun.objects.create(
        connection_id=row.connection_id,
        account_id=row.account_id,
        kind=row.kind,
        outcome=outcome,
        started_at=at,
        finished_at=at,
        decided_by=decided_by,
    )


_DECIDED: dict[Decision, Callable[[FeedCursor, datetime], bool]] = {
    Decision.PAUSE: _pause,
    Decision.RESUME: _resume,
    Decision.CANCEL: _cancel,
    Decision.BEGIN_AGAIN: _begin_again,
}
_OUTCOMES = {
    Decision.PAUSE: SyncRun.Outcome.PAUSED,
    Decision.RESUME: SyncRun.Outcome.RESUMED,
    Decision.CANCEL: SyncRun.Outcome.CANCELLED,
    Decision.BEGIN_AGAIN: SyncRun.Outcome.BEGUN,
}
