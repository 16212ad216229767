"""How far the first reading of a history has come, and which days of it are whole: by the rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from partners.feeds.models import FeedCursor

# How far out of order, by their booked days, rows of an ordered list may stand.
DISORDER = timedelta(days=3)
_ALMOST = 99


@dataclass(frozen=True)
class Reached:
    """Of a history so far: rows, the first and the last booked day among them, and in which order they came.

    `order`: "back" (newest first), "forward", "mixed", or empty while all are of about one day.
    """

    rows: int = 0
    first: date | None = None
    last: date | None = None
    order: str = ""


def reached_with(so_far: Reached, days: Sequence[date], *, rows: int) -> Reached:
    """With one more page: the booked days of its posted rows, as they stood in it."""
    if not days:
        return Reached(so_far.rows + rows, so_far.first, so_far.last, so_far.order)
    first = min(days) if so_far.first is None else min(so_far.first, *days)
    last = max(days) if so_far.last is None else max(so_far.last, *days)
    order = so_far.order if so_far.order == "mixed" else _order_of(so_far, days)
    return Reached(so_far.rows + rows, first, last, order)


def _order_of(so_far: Reached, days: Sequence[date]) -> str:
    falls = so_far.order != "forward" and _falls(days, so_far.first)
    rises = so_far.order != "back" and _rises(days, so_far.last)
    if falls and rises:
        return ""
    return "back" if falls else "forward" if rises else "mixed"


def _falls(days: Sequence[date], lowest: date | None) -> bool:
    """Banks sort by one day and book by another: a few days out of order are in order."""
    for each in days:
        if lowest is not None and each > lowest + DISORDER:
            return False
        lowest = each if lowest is None else min(lowest, each)
    return True


def _rises(days: Sequence[date], highest: date | None) -> bool:
    for each in days:
        if highest is not None and each < highest - DISORDER:
            return False
        highest = each if highest is None else max(highest, each)
    return True


def covered_so_far(reached: Reached, *, until: date) -> date | None:
    """Of a history that is not read to its end: from which day on it is whole, up to `until`; None: of none.

    Only one that comes newest first says so, and of its last days more may follow.
    """
    if reached.order != "back" or reached.first is None:
        return None
    since = reached.first + DISORDER + timedelta(days=1)
    return since if since <= until else None


def share_read(reached: Reached, *, wanted_from: date, until: date) -> int | None:
    """Of the days that were asked for, how many in a hundred are read; None where the order does not say.

    Never all of them before the end: the bank may list rows beyond what it was asked for.
    """
    days = (until - wanted_from).days
    if days <= 0 or reached.first is None or reached.last is None or reached.order == "mixed":
        return None
    read = (until - reached.first if reached.order == "back" else reached.last - wanted_from).days
    if not reached.order:
        read = (reached.last - reached.first).days
    return max(0, min(read * 100 // days, _ALMOST))


def reached_of(row: FeedCursor) -> Reached:
    return Reached(row.history_rows, row.reached_from, row.reached_until, row.history_order)


def missing_before(row: FeedCursor) -> date | None:
    """From which day on the bank gives payments, where it refused older ones and these are not here."""
    is_here = row.given_from and row.covered_from and row.covered_from < row.given_from
    return None if is_here else row.given_from


def state_of(row: FeedCursor) -> str:
    """reading, paused, cancelled, or complete."""
    return row.history or ("complete" if row.covered_until else "reading")


def percent_of(row: FeedCursor, *, today: date) -> int | None:
    """Of the days that were asked for, how many in a hundred are read."""
    if row.history_from is None:
        return None
    until = row.history_until or today
    return share_read(reached_of(row), wanted_from=row.history_from, until=until)
