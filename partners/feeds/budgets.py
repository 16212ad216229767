"""When a feed may be asked for again: within what the bank allows a day, part of it kept for the customer.

A bank that counts says so as the customer links (Berlin Group: four calls a day of each account's list while the customer is
not there, unless more is agreed), or in the headers of its answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, ip_address

A_DAY = timedelta(days=1)
# A bank's clock and ours, and the way there.
_MARGIN = timedelta(minutes=2)
# Of more than so many a day each is not counted here: they are far enough apart, and headers say the rest.
COUNTED_UP_TO = 48


@dataclass(frozen=True)
class Budget:
    """`limit` calls a day, None where there is none; `calls`: when they were made, of the last day at least.

    `left` and `resets_at`: what the bank said last, of whatever it counts.
    """

    limit: int | None = None
    calls: Sequence[datetime] = ()
    left: int | None = None
    resets_at: datetime | None = None


def is_counted(limit: int | None) -> bool:
    return limit is not None and limit <= COUNTED_UP_TO


def kept_back(limit: int) -> int:
    """Of so many calls, those that nobody but a customer who waits may use."""
    return limit // 4


def gap(limit: int | None) -> timedelta:
    """How far apart readings stand that nobody asks for."""
    return timedelta() if limit is None else A_DAY / max(limit - kept_back(limit), 1)


def free_at(budget: Budget, *, at: datetime, is_wanted: bool) -> datetime:
    """When the next call may be made, `at` or later. `is_wanted`: a customer waits for it.

    What is kept back is theirs. Hints of the bank's come in bursts: the more of the day's calls are used, the longer
    the next one waits.
    """
    earliest = max(at, _by_the_banks_word(budget, at, is_wanted=is_wanted))
    limit = budget.limit
    if limit is None or not is_counted(limit):
        return earliest
    recent = recent_calls(budget.calls, at=at)
    usable = limit if is_wanted else max(limit - kept_back(limit), 1)
    if len(recent) >= usable:
        earliest = max(earliest, recent[-usable] + A_DAY + _MARGIN)
    if recent and not is_wanted:
        earliest = max(earliest, recent[-1] + gap(limit) * len(recent) / usable)
    return earliest


def _by_the_banks_word(budget: Budget, at: datetime, *, is_wanted: bool) -> datetime:
    if budget.left is None or budget.resets_at is None or budget.resets_at <= at:
        return at
    kept = 0 if is_wanted else min(kept_back(budget.left), 1)
    return budget.resets_at if budget.left <= kept else at


def next_at(budget: Budget, *, at: datetime, every: timedelta) -> datetime:
    """When a feed that was read just now is read next without being asked for: spread over what is left of the day."""
    wanted = max(at + every, at + gap(budget.limit))
    left, resets_at = budget.left, budget.resets_at
    if left is not None and resets_at is not None and resets_at > at:
        usable = left - kept_back(left)
        wanted = max(wanted, at + (resets_at - at) / usable if usable > 0 else resets_at)
    return max(wanted, free_at(budget, at=wanted, is_wanted=False))


def not_since(at: datetime) -> datetime:
    """What seldom changes may be asked for again where it was not asked for later: once a day, whatever the bank allows."""
    return at - A_DAY - _MARGIN


def can_be_told(asked_from: str) -> bool:
    """Whether the bank can be told that the customer is there: the standard's header has room for version 4 alone."""
    try:
        address = ip_address(asked_from)
    except ValueError:
        return False
    return isinstance(address, IPv4Address) or address.ipv4_mapped is not None


def recent_calls(calls: Sequence[datetime], *, at: datetime) -> list[datetime]:
    """Those that still count, oldest first."""
    return sorted(each for each in calls if each > at - A_DAY - _MARGIN)
