"""How far the first reading of a history has come, and which days are covered: by the rows that were stored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from partners.connectors.base import TransactionRecord
from partners.feeds.histories import Reached, reached_of, reached_with
from partners.feeds.models import FeedCursor


@dataclass(frozen=True)
class Covered:
    """Between which days booked rows were read in full; `since` None: there is none, or nobody can say."""

    since: date | None
    until: date


def note_reached(
    row: FeedCursor, records: Sequence[TransactionRecord], *, asked_from: date | None, today: date
) -> None:
    """A page of a history is stored; saving is the caller's. One without a place before it is the first."""
    so_far = reached_of(row)
    if not row.cursor:
        so_far = Reached()
        row.history_from, row.history_until = asked_from, today
    found = reached_with(so_far, _booked(records), rows=len(records))
    row.history_rows, row.history_order = found.rows, found.order
    row.reached_from, row.reached_until = found.first, found.last


def covered_after(
    row: FeedCursor, records: Sequence[TransactionRecord], *, window_from: date | None, today: date
) -> Covered:
    """A reading is at its end. What the bank lists of a history begins with the first row of it."""
    if row.covered_until is None:
        since = row.reached_from
        if since is not None and row.given_from is not None:
            # It is asked for a day early, and of that day the bank may give the end alone.
            since = max(since, row.given_from)
        # Rows that came since its first page was read are in none of its pages.
        return Covered(since, row.history_until or today)
    if row.history:
        return Covered(row.covered_from or window_from, today)
    known = [row.covered_from] if row.covered_from else []
    return Covered(min([*known, *_booked(records)], default=None), today)


def covered_without(row: FeedCursor, *, fresh_on: date | None) -> tuple[date | None, date | None]:
    """What is covered, from and until, of a feed of which the bank gives nothing of before `given_from`.

    `fresh_on`: when it last answered in full. All was read up to then, also where older days were to be read
    again since; but for the end of a history, which is read up to its beginning.
    """
    since, until, given_from = row.covered_from, row.covered_until, row.given_from
    ends = [until] if until == row.history_until else [until, fresh_on]
    reached = max((each for each in ends if each is not None), default=None)
    if reached is None or given_from is None or reached < given_from:
        return None, until if row.history else None
    if until is None:
        # The history is to be read: what the bank gives of it is here already, or it is read.
        is_here = since is not None and since <= given_from
        return (since, reached) if is_here else (None, None)
    return since, until


def _booked(records: Sequence[TransactionRecord]) -> list[date]:
    return [each.booked_on for each in records if each.status == "posted"]
