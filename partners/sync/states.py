"""How a connection stands, and why: from its authorisation, the bank's budget, and its feeds' last readings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# In connections too; a rule is told by what a row says.
_ACTIVE = "active"
LINK_AGAIN = "link_again"
# Staff hold the history back, and the bank cannot be asked for what is new alone.
HISTORY_HELD = "history_held"
# The day's calls are used up, but for those that are kept for the customer.
CALLS_USED_UP = "calls_used_up"
# Nothing is wrong but with some of the rows, which are not here.
ROWS_UNREADABLE = "rows_unreadable"

# A failure or two in a row is tried again within seconds, and is nobody's business.
FAILING_AFTER = 3
# So many intervals behind its time, a reading is late.
LATE_AFTER = 2
EXPIRING_WITHIN = timedelta(days=7)


class State(StrEnum):
    """In the order in which one hides the next."""

    PAUSED = "paused"
    NEEDS_SIGN_IN = "needs_sign_in"
    RATE_LIMITED = "rate_limited"
    FAILING = "failing"
    LATE = "late"
    EXPIRING = "expiring"
    HEALTHY = "healthy"


@dataclass(frozen=True)
class ReadFeed:
    """One feed of one account, as its cursor has it; `due_at` None: it is not read at all."""

    due_at: datetime | None
    fresh_as_of: datetime | None = None
    ran_at: datetime | None = None
    problem: str = ""
    attempts: int = 0
    under_way: bool = False
    unreadable: int = 0


@dataclass(frozen=True)
class Facts:
    """What is known of a connection. `held_back`: problems that are the gate's word, and nothing wrong."""

    status: str
    authorised_until: datetime | None
    resume_at: datetime | None
    admitted: bool
    feeds: Sequence[ReadFeed]
    held_back: Collection[str] = ()


@dataclass(frozen=True)
class Standing:
    """`reason` is a code, empty where there is nothing to say.

    `fresh_as_of`: what we have is complete up to then, in every feed that we may read and have; `ran_at`: we
    asked last. `next_at` None: nobody is asked until somebody does something about it.
    """

    state: State
    reason: str
    next_at: datetime | None
    fresh_as_of: datetime | None
    ran_at: datetime | None


def standing_of(facts: Facts, *, at: datetime, every: timedelta) -> Standing:
    """The one state that says most; `every` is how often a feed is read without being asked for."""
    awake = [each for each in facts.feeds if each.due_at is not None]
    read = [each for each in awake if each.problem not in facts.held_back]
    state, reason = _finding(facts, awake, read, at, every)
    asks = state not in (State.PAUSED, State.NEEDS_SIGN_IN)
    counted = read or facts.feeds
    return Standing(
        state,
        reason,
        next_at=_next_at(facts, read, at) if asks else None,
        fresh_as_of=min((each.fresh_as_of for each in counted if each.fresh_as_of), default=None),
        ran_at=max((each.ran_at for each in counted if each.ran_at), default=None),
    )


def _finding(
    facts: Facts,
    awake: Sequence[ReadFeed],
    read: Sequence[ReadFeed],
    at: datetime,
    every: timedelta,
) -> tuple[State, str]:
    if not facts.admitted:
        return State.PAUSED, "bank_suspended"
    ended = _ended(facts, at)
    if ended:
        return State.NEEDS_SIGN_IN, ended
    if not read:
        return State.PAUSED, awake[0].problem if awake else _why_asleep(facts)
    if _is_held_off(facts, read, at):
        return State.RATE_LIMITED, "rate_limited"
    return _of_readings(read, at, every) or _of_a_good_one(facts, read, at)


def _why_asleep(facts: Facts) -> str:
    is_held = any(each.problem == HISTORY_HELD for each in facts.feeds)
    return HISTORY_HELD if is_held else "nothing_to_read"


def _of_readings(
    read: Sequence[ReadFeed], at: datetime, every: timedelta
) -> tuple[State, str] | None:
    """What is wrong with them; None where nothing is."""
    worst = max(read, key=lambda each: (bool(each.problem), each.attempts))
    if worst.problem and worst.attempts >= FAILING_AFTER:
        return State.FAILING, worst.problem
    if any(_is_late(each, at, every) for each in read):
        return State.LATE, worst.problem or "behind"
    return None


def _of_a_good_one(facts: Facts, read: Sequence[ReadFeed], at: datetime) -> tuple[State, str]:
    if facts.authorised_until is not None and facts.authorised_until - at <= EXPIRING_WITHIN:
        return State.EXPIRING, "expiring"
    if any(each.unreadable for each in read):
        return State.HEALTHY, ROWS_UNREADABLE
    if any(each.problem == CALLS_USED_UP for each in read):
        return State.HEALTHY, CALLS_USED_UP
    is_first = any(each.fresh_as_of is None for each in read)
    return State.HEALTHY, "first_reading" if is_first else ""


def _ended(facts: Facts, at: datetime) -> str:
    """Why the customer has to go to the bank again; empty where they need not."""
    if facts.status != _ACTIVE:
        return facts.status
    if facts.authorised_until is not None and facts.authorised_until <= at:
        return "expired"
    # Of a connection that goes on as well: a feed that nothing else would ever wake is not passed over.
    is_asleep = any(each.due_at is None and each.problem == LINK_AGAIN for each in facts.feeds)
    return "revoked" if is_asleep else ""


def _is_held_off(facts: Facts, read: Sequence[ReadFeed], at: datetime) -> bool:
    if facts.resume_at is not None and facts.resume_at > at:
        return True
    return any(
        each.problem == "rate_limited" and each.due_at is not None and each.due_at > at
        for each in read
    )


def _is_late(feed: ReadFeed, at: datetime, every: timedelta) -> bool:
    """A first reading of a long history is under way, and not late."""
    if feed.fresh_as_of is None and feed.under_way:
        return False
    expected = feed.due_at if feed.fresh_as_of is None else feed.fresh_as_of + every
    return expected is not None and at - expected >= LATE_AFTER * every


def _next_at(facts: Facts, read: Sequence[ReadFeed], at: datetime) -> datetime | None:
    """The earliest that is due, not before the bank will have it; never in the past."""
    due = min((each.due_at for each in read if each.due_at is not None), default=None)
    return None if due is None else max(due, facts.resume_at or at, at)
