"""When a bank is asked again about an instruction, and when we say that we do not know."""

from datetime import datetime, timedelta

# Without a word from the bank for this many tries, the customer is told to call.
TRIES_BEFORE_UNKNOWN = 3
# A bank that says "pending" has it: it is given this long.
PENDING_BEFORE_UNKNOWN = timedelta(minutes=5)
# Then it is still asked, ever more slowly, for as long as this.
ASKED_FOR = timedelta(days=3)

_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_PENDING_WAIT = timedelta(seconds=30)
_FIRST_SLOW_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(minutes=15)
_DOUBLINGS = 12


def is_unknown(*, attempts: int, requested_at: datetime, at: datetime, pending: bool) -> bool:
    """Whether the card has to say that the bank has not said; `attempts` counts this one."""
    if pending:
        return at - requested_at >= PENDING_BEFORE_UNKNOWN
    return attempts >= TRIES_BEFORE_UNKNOWN


def ask_again_at(
    *, attempts: int, requested_at: datetime, at: datetime, pending: bool
) -> datetime | None:
    """When to ask the bank next; None: it has been asked for long enough."""
    if at - requested_at >= ASKED_FOR:
        return None
    if pending:
        return at + min(_doubled(_FIRST_WAIT, attempts), _LONGEST_PENDING_WAIT)
    if attempts < TRIES_BEFORE_UNKNOWN:
        return at + _doubled(_FIRST_WAIT, attempts)
    slow = _doubled(_FIRST_SLOW_WAIT, attempts - TRIES_BEFORE_UNKNOWN + 1)
    return at + min(slow, _LONGEST_WAIT)


def _doubled(first: timedelta, attempts: int) -> timedelta:
    return first * 2 ** min(max(attempts - 1, 0), _DOUBLINGS)
