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


def _booked(records: Sequence[TransactionRecord]) -> list[date]:
    return [each.booked_on for each in records if each.status == "posted"]
