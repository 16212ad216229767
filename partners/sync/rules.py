"""How far back a reading goes and has come, when the next one comes, and which rows are one payment by the bank's
own word.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from partners.connectors.base import TransactionRecord

# Banks book late and change what they booked: each reading looks this far behind the last one.
OVERLAP = timedelta(days=10)
BACK_FILL = timedelta(days=365)
# How far out of order, by their booked days, rows of an ordered list may stand.
DISORDER = timedelta(days=3)
_ALMOST = 99

_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=15)
_DOUBLINGS = 12


def read_since(*, covered_until: date | None, history_from: date | None, today: date) -> date:
    """The first day to ask for: ten days behind what is known, else all that was allowed."""
    if covered_until is not None:
        return covered_until - OVERLAP
    return max(history_from or date.min, today - BACK_FILL)


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


def wait_after(attempts: int) -> timedelta:
    """How long to leave a feed alone after so many failures in a row (1 or more)."""
    doublings = min(attempts - 1, _DOUBLINGS)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def was_pending(records: Iterable[TransactionRecord]) -> Mapping[str, str]:
    """Under which ids posted rows were pending, as the bank says itself: their ids now by those.

    A pending row that comes beside its posted one is the same payment, told twice.
    """
    return {
        each.pending_external_id: each.external_id
        for each in records
        if each.pending_external_id
        and each.external_id
        and each.status == "posted"
        and each.pending_external_id != each.external_id
    }
