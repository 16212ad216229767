"""How far back a reading goes, when the next one comes, and which rows are one payment by the bank's own word."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta

from partners.connectors.base import TransactionRecord
from partners.ledger.rules import PENDING_WITHIN

# Banks book late and change what they booked: each reading looks this far behind the last one.
OVERLAP = timedelta(days=10)
BACK_FILL = timedelta(days=365)
# Banks that give more to those alone who have just signed in give ninety days at any time. A connector asks a day early,
# and some banks count in hours.
GIVEN_AT_ANY_TIME = timedelta(days=88)

_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(minutes=15)
_DOUBLINGS = 12


def read_since(
    *,
    covered_until: date | None,
    history_from: date | None,
    today: date,
    pending_since: date | None = None,
    given_from: date | None = None,
) -> date:
    """The first day to ask for: ten days behind what is known, else all that was allowed, and that the bank gives.

    What is still pending is looked for from its own day on, for as long as a payment can be pending.
    """
    allowed_from, given_from = history_from or date.min, given_from or date.min
    if covered_until is None:
        return max(allowed_from, given_from, today - BACK_FILL)
    since = max(covered_until - OVERLAP, given_from)
    if pending_since is None:
        return since
    return min(since, max(pending_since, overdue_before(today), allowed_from))


def overdue_before(today: date) -> date:
    """What is pending since before that day, and is listed no more, will not be posted."""
    return today - PENDING_WITHIN


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
