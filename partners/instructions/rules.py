"""What becomes of an instruction after each time the bank was asked: pure functions.

Only the bank's word settles one: what its record says, or its refusal of the one request that was ever
sent. A request that nobody answered may still be on its way, whatever a later one is answered.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

REQUESTED, DONE, FAILED, UNKNOWN = "requested", "done", "failed", "unknown"
SETTLED = frozenset({DONE, FAILED})

# Our own reasons. None: silence. Whatever else a reason says is the bank's.
NOT_CONNECTED = "not_connected"  # we may not ask any more, until the customer links again
SUSPENDED = "suspended"  # the bank is asked nothing for now
UNSETTLED = "unsettled"  # the bank said something, and not what it did
_OURS = frozenset({NOT_CONNECTED, SUSPENDED, UNSETTLED})
_OTHER = "other"

# How long the customer reads "asking your bank" before we say that we do not know.
PATIENCE = timedelta(seconds=30)
# How long we go on asking after that: a bank may be away for a night. No request is on its way longer.
GIVEN_UP_AFTER = timedelta(days=2)

_FIRST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=10)
# What a bank says of a request that it has read and not taken; 409 speaks of another one under that id.
_FINAL = frozenset({400, 403, 404})


@dataclass(frozen=True)
class SoFar:
    """What is known when the bank is about to be asked.

    `sent_before`: a request may be there, or on its way. `refused_as`: how a later one was refused.
    """

    requested_at: datetime
    attempts: int = 1
    sent_before: bool = False
    refused_as: str = ""


@dataclass(frozen=True)
class Next:
    """The state from now on, and when to ask again (None: never)."""

    status: str
    due_at: datetime | None
    settled_at: datetime | None = None
    reason: str = ""
    refused_as: str = ""


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts (1 or more): doubling from one second to ten minutes."""
    doublings = min(max(attempts, 1) - 1, 20)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def may_send(so_far: SoFar, *, at: datetime) -> bool:
    """Whether it may be sent (again): not once it was refused, nor long after it was asked for."""
    return not so_far.refused_as and not _is_given_up(so_far, at)


def is_final(*, status: int, in_its_own_words: bool) -> bool:
    """Whether a refusal says that the bank has read the request and will not act by it."""
    return in_its_own_words and status in _FINAL


def is_change(*, status: str, reason: str, then: Next) -> bool:
    """Whether the customer reads something new: why we are still asking is not told."""
    return status != then.status or (then.status != REQUESTED and reason != then.reason)


def after_answer(
    so_far: SoFar, *, said: str, settled_at: datetime | None, reason: str, at: datetime
) -> Next:
    """The bank's record says so: done, failed, pending, unknown_to_bank. Never more than it said."""
    if said in SETTLED:
        return Next(said, None, settled_at, _of_the_banks(reason))
    if said == "unknown_to_bank" and so_far.refused_as and _is_given_up(so_far, at):
        return Next(FAILED, None, at, so_far.refused_as)
    return after_silence(so_far, at=at, reason=UNSETTLED)


def after_silence(
    so_far: SoFar, *, at: datetime, reason: str = "", retry_after: timedelta | None = None
) -> Next:
    """No answer, or none that settles it: asked again, and unknown once the patience is over."""
    waited = at - so_far.requested_at
    status = REQUESTED if waited < PATIENCE else UNKNOWN
    if _is_given_up(so_far, at):
        return Next(UNKNOWN, None, None, reason, so_far.refused_as)
    wait = max(wait_after(so_far.attempts), retry_after or timedelta(0))
    if status == REQUESTED:
        # Not past the moment at which the customer has to be told that we do not know.
        wait = min(wait, max(PATIENCE - waited, timedelta(seconds=1)))
    return Next(status, at + wait, None, reason, so_far.refused_as)


def after_refusal(so_far: SoFar, *, reason: str, final: bool, at: datetime) -> Next:
    """The bank refused a sending. It failed where that was the only one; else its record is asked.

    What it refused finally is not sent again.
    """
    if not final:
        return after_silence(so_far, at=at, reason=UNSETTLED)
    refused_as = _of_the_banks(reason)
    if not so_far.sent_before:
        return Next(FAILED, None, at, refused_as)
    return after_silence(replace(so_far, refused_as=refused_as), at=at, reason=UNSETTLED)


def after_end_of_connection(so_far: SoFar, *, at: datetime) -> Next:
    """We may not ask the bank any more: it failed if it never left us, else nobody can say."""
    if so_far.sent_before:
        return Next(UNKNOWN, None, None, NOT_CONNECTED, so_far.refused_as)
    return Next(FAILED, None, at, NOT_CONNECTED)


def while_suspended(so_far: SoFar, *, at: datetime) -> Next:
    """The bank may not be asked for now; given up, it failed if it never left us."""
    if _is_given_up(so_far, at) and not so_far.sent_before:
        return Next(FAILED, None, at, SUSPENDED)
    return after_silence(so_far, at=at, reason=SUSPENDED)


def _is_given_up(so_far: SoFar, at: datetime) -> bool:
    return at - so_far.requested_at > GIVEN_UP_AFTER


def _of_the_banks(reason: str) -> str:
    """A bank's reason, which is never taken for one of ours."""
    return _OTHER if reason in _OURS else reason
