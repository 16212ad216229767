"""What becomes of an instruction after each time the bank was asked: pure functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta

REQUESTED, DONE, FAILED, UNKNOWN = "requested", "done", "failed", "unknown"
SETTLED = frozenset({DONE, FAILED})

# How long the customer reads "asking your bank" before we say that we do not know.
PATIENCE = timedelta(seconds=30)
# How long we go on asking after that: a bank may be away for a night.
GIVEN_UP_AFTER = timedelta(days=2)

_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=10)


@dataclass(frozen=True)
class Next:
    """The state from now on, and when to ask again (None: never)."""

    status: str
    due_at: datetime | None
    settled_at: datetime | None = None
    reason: str = ""


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts (1 or more): doubling from one second to ten minutes."""
    doublings = min(max(attempts, 1) - 1, 20)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def after_answer(
    *,
    said: str,
    settled_at: datetime | None,
    reason: str,
    attempts: int,
    requested_at: datetime,
    at: datetime,
) -> Next:
    """The bank answered `said`: done, failed, or pending. Never more than it said."""
    if said in SETTLED:
        return Next(said, None, settled_at, reason)
    return after_silence(attempts=attempts, requested_at=requested_at, at=at)


def after_silence(
    *,
    attempts: int,
    requested_at: datetime,
    at: datetime,
    retry_after: timedelta | None = None,
) -> Next:
    """No answer, or none that settles it: asked again, and unknown once the patience is over."""
    waited = at - requested_at
    status = REQUESTED if waited < PATIENCE else UNKNOWN
    if waited > GIVEN_UP_AFTER:
        return Next(UNKNOWN, None)
    wait = max(wait_after(attempts), retry_after or timedelta(0))
    if status == REQUESTED:
        # Not past the moment at which the customer has to be told that we do not know.
        wait = min(wait, max(requested_at + PATIENCE - at, timedelta(seconds=1)))
    return Next(status, at + wait)


def after_refusal(*, reason: str, at: datetime) -> Next:
    """The bank understood and will not."""
    return Next(FAILED, None, at, reason)


def after_end_of_connection(*, may_have_arrived: bool, at: datetime) -> Next:
    """We may not ask the bank any more: it failed if it never left us, else nobody can say."""
    if may_have_arrived:
        return Next(UNKNOWN, None, None, "not_connected")
    return Next(FAILED, None, at, "not_connected")
