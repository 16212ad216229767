"""Rows of a feed that could not be read, kept until they were: how many, since when, which field and why.

Never what a row says. Where the bank's id of it could be read, a digest of that tells when it is read at last; else a
whole reading of its days does, which lists all that there is of them.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

# So many are known by themselves; what more there is, by its field and reason alone.
MOST_BY_THEMSELVES = 100


@dataclass(frozen=True)
class Row:
    """One row, or several of which no more is known than the field, the reason and perhaps the day.

    `first`, `last`: between which days it is booked. `to_be_read`: a reading is under way that will list it again.
    """

    key: str
    field: str
    reason: str
    first: date
    last: date
    since: datetime
    day: date | None = None
    n: int = 1
    to_be_read: bool = False

    @property
    def name(self) -> tuple[Any, ...]:
        return (self.key,) if self.key else (self.field, self.reason, self.day)

    @property
    def nameless(self) -> Self:
        return replace(self, key="", day=None)

    def told(self, again: Self, *, in_full: bool) -> Self:
        """The same row, or rows, told once more."""
        if self.key or self.to_be_read:
            n = again.n
        else:
            n = max(self.n, again.n) if in_full else self.n + again.n
        first, last = min(self.first, again.first), max(self.last, again.last)
        return replace(again, n=n, first=first, last=last, since=self.since)


@dataclass(frozen=True)
class Cause:
    """How many rows could not be read for one reason."""

    field: str
    reason: str
    n: int


@dataclass(frozen=True)
class Unreadable:
    """All of them, of one feed of one account."""

    rows: tuple[Row, ...] = ()

    @classmethod
    def of(cls, kept: Iterable[dict[str, Any]]) -> Self:
        return cls(tuple(_read(each) for each in kept))

    def as_json(self) -> list[dict[str, Any]]:
        return [_written(each) for each in self.rows]

    @property
    def count(self) -> int:
        return sum(each.n for each in self.rows)

    @property
    def since(self) -> datetime | None:
        return min((each.since for each in self.rows), default=None)

    @property
    def first(self) -> date | None:
        """The oldest day that one of them may be of."""
        return min((each.first for each in self.rows), default=None)

    @property
    def causes(self) -> list[Cause]:
        """By field and reason, most first."""
        counted: dict[tuple[str, str], int] = {}
        for each in self.rows:
            counted[each.field, each.reason] = counted.get((each.field, each.reason), 0) + each.n
        found = [Cause(field, reason, n) for (field, reason), n in counted.items()]
        return sorted(found, key=lambda each: (-each.n, each.field, each.reason))

    def since_day(self, day: date | None) -> Self:
        """Those that may be of that day or a later one."""
        if day is None:
            return self
        kept = (each for each in self.rows if each.last >= day)
        return self._with(replace(each, first=max(each.first, day)) for each in kept)

    def listed_since(self, day: date | None) -> Self:
        """Those that a reading from that day on settles, or may: of what is nameless it must list all days."""
        if day is None:
            return self
        listed = (each for each in self.rows if each.key or each.first >= day)
        return self._with(listed).since_day(day)

    def read_anew(self, since: date | None) -> Self:
        """A reading begins that lists all from that day on; None: from the beginning."""
        return self._with(
            replace(each, to_be_read=since is None or each.first >= since) for each in self.rows
        )

    def read_to_the_end(self) -> Self:
        """It is at its end: what it was to list again and did not tell as unreadable is read, or is no more."""
        return self._with(each for each in self.rows if not each.to_be_read)

    def without(self, keys: Collection[str]) -> Self:
        """These were read, or are no more."""
        return self._with(each for each in self.rows if not each.key or each.key not in keys)

    def told(self, rows: Iterable[Row], *, in_full: bool) -> Self:
        """These could not be read. `in_full`: they are all of the reading, and not of some of its pages."""
        known = {each.name: each for each in self.rows}
        told: dict[tuple[Any, ...], Row] = {}
        for row in rows:
            fits = row.name in known or len(known) + len(told) < MOST_BY_THEMSELVES
            each = row if fits else row.nameless
            before = told.get(each.name)
            told[each.name] = each if before is None else before.told(each, in_full=False)
        for name, each in told.items():
            before = known.get(name)
            known[name] = each if before is None else before.told(each, in_full=in_full)
        return self._with(known.values())

    def _with(self, rows: Iterable[Row]) -> Self:
        return replace(self, rows=tuple(rows))


def key_of(account_id: UUID, external_id: str) -> str:
    """What a row is known again by, without its id."""
    return sha256(f"{account_id}:{external_id}".encode()).hexdigest()[:20]


def _written(row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "field": row.field,
        "reason": row.reason,
        "first": row.first.isoformat(),
        "last": row.last.isoformat(),
        "since": row.since.isoformat(),
        "day": row.day and row.day.isoformat(),
        "n": row.n,
        "to_be_read": row.to_be_read,
    }


def _read(kept: dict[str, Any]) -> Row:
    days = {name: date.fromisoformat(kept[name]) for name in ("first", "last")}
    day = kept["day"] and date.fromisoformat(kept["day"])
    since = datetime.fromisoformat(kept["since"])
    return Row(**{**kept, **days, "day": day, "since": since})
