"""What is kept, as pure functions: what a consent needs, and for a while after it has ended.

A row is kept as long as a consent that holds could show it, and after that for the days that the bank chose
for that feed and that consent's purpose. What no consent keeps goes.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

# A reading looks ten days behind the last one, and tells by what it finds there what was renumbered.
OVERLAP = timedelta(days=10)
# For so long a caller that has not come by is told that a payment is gone.
REMOVALS_KEPT = timedelta(days=400)
FEEDS = ("transactions", "receipts", "shipments", "balances")
RAW = "raw"
NAMES = "names"


@dataclass(frozen=True)
class Limits:
    """Days: at least, at most, and where the bank has chosen nothing."""

    least: int
    most: int
    default: int


LIMITS: Mapping[str, Limits] = {
    **dict.fromkeys(FEEDS, Limits(least=0, most=365, default=30)),
    RAW: Limits(least=7, most=90, default=30),
    NAMES: Limits(least=0, most=365, default=30),
}


@dataclass(frozen=True)
class Grant:
    """One thing that one consent names of an account: `feed` is the feed that has to be read for it."""

    feeds: frozenset[str]
    purpose: str
    history_from: date
    ended_at: datetime | None
    expires_at: datetime

    @property
    def over_at(self) -> datetime:
        return self.expires_at if self.ended_at is None else min(self.ended_at, self.expires_at)


Days = Mapping[tuple[str, str], int]  # (kind, purpose): where the bank has chosen


def days_of(chosen: Days, kind: str, purpose: str) -> int:
    """What the bank chose, within what is sane, or the default."""
    limits = LIMITS[kind]
    return min(max(chosen.get((kind, purpose), limits.default), limits.least), limits.most)


def kept_from(grants: Iterable[Grant], *, kind: str, chosen: Days, at: datetime) -> date | None:
    """The first day of which rows of that kind are kept; None where none are."""
    days = [
        each.history_from - OVERLAP
        for each in grants
        if kind in each.feeds
        and at < each.over_at + timedelta(days=days_of(chosen, kind, each.purpose))
    ]
    return min(days, default=None)


def said(
    chosen: Days, *, kind: str, purposes: Collection[str], on: date
) -> list[dict[str, object]]:
    """The rules of a kind as a run keeps them: what ended before that day keeps nothing any more."""
    rules = [(each, days_of(chosen, kind, each)) for each in purposes]
    return [
        {"purpose": purpose, "days": days, "before": (on - timedelta(days=days)).isoformat()}
        for purpose, days in rules
    ]
