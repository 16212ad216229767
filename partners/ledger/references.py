"""Whether references tell a statement's rows apart, and which stored payments the rows are where they do not.

A bank gives a payment the same reference in every file, or counts the rows of each file anew, or makes another up each
time. A reference that is kept tells equals of a day apart, also where only one of them is in a file; one that is not
would make two of a payment that two files tell. Which it is shows where a file tells a day again: rows whose equals are
stored under other references only, and that no row of the file names, are these payments, and equals are matched by their
number, where there are several such, more than rows that are known by their reference and more than those that only
the file or only what is stored has of these days, or where such a reference stands at another payment. That holds for the account
from then on. Where it cannot be said, both are kept, as a pair that staff decide; once it can be, such pairs are one.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol
from uuid import UUID

from partners.ledger.rules import EntryRow, Seen, name_of

Pair = tuple[UUID, UUID]

# Of how many days in doubt a file's references are looked for elsewhere. Each costs thousands of entries, with the account
# locked; where rows are counted anew, the first such days show it.
MOST_LOOKED_AT = 5


class Stored(NamedTuple):
    """A payment as the source has told it: its names, of which the first one stays."""

    entry_id: UUID
    about: str
    names: tuple[str, ...]
    references: str


class Reference(NamedTuple):
    """What stands at a payment of that day and amount, which is about that."""

    day: date
    amount_minor: int
    about: str
    written: str


class Elsewhere(Protocol):
    """What is stored beside the equals of a part's rows: asked for only where there is a doubt."""

    def payments_of(self, days: Collection[date]) -> Mapping[date, int]:
        """How many payments the source has told of each day."""
        ...

    def stand_elsewhere(self, references: Collection[Reference]) -> bool:
        """Whether one of these references stands at a payment that is about something else."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """Rows under the names that they are stored by.

    `renumbered`: references are given anew, and are no names. `doubts`: names of payments, each with that of a row that may be it.
    Of what was doubted before: `one` are one payment after all, `two` are told side by side.
    """

    rows: list[EntryRow]
    renumbered: bool = False
    doubts: list[tuple[str, str]] = field(default_factory=list)
    one: list[Pair] = field(default_factory=list)
    two: list[Pair] = field(default_factory=list)


class _Equals:
    """Rows of a part that are about the same, and what is stored of it, in order: a payment that may be another stands behind."""

    def __init__(
        self,
        about: str,
        told: Sequence[EntryRow],
        stored: Sequence[Stored],
        seen: Seen,
        doubted: Collection[Pair],
    ) -> None:
        self.about = about
        self.told = told
        self.stored = list(stored)
        self.names = {name for each in stored for name in each.names}
        self.known = [row for row in told if row.external_id in self.names]
        self.new = [row for row in told if row.external_id not in self.names]
        self.named = [each for each in stored if any(map(seen.has_told, each.names))]
        named = {each.entry_id for each in self.named}
        # What a row of this file may be already is not another's too.
        named |= {first for first, second in doubted if second in named}
        self.left = [each for each in stored if each.entry_id not in named]
        self.number = seen.told_about(about)
        self.again = min(len(self.new), len(self.left))

    @property
    def day(self) -> date:
        return self.told[0].booked_on

    def by_number(self) -> dict[str, EntryRow]:
        """Each row as the payment that has its number, or as a new one; by the name that it came with."""
        found: dict[str, EntryRow] = {}
        before = self.number - len(self.told)
        for place, row in enumerate(self.told, before):
            if place < len(self.stored):
                same = self.stored[place]
                found[row.external_id] = row._replace(
                    external_id=same.names[0], bank_references=same.references
                )
            elif row.external_id in self.names:
                found[row.external_id] = row._replace(external_id=self._free(place + 1))
        return found

    def _free(self, place: int) -> str:
        taken = {*self.names, *(row.external_id for row in self.told)}
        while (name := name_of(self.about, place)) in taken:
            place += 1
        self.names.add(name)
        return name


def under_stored_names(
    rows: Sequence[EntryRow],
    stored: Iterable[Stored],
    *,
    about: Callable[[EntryRow], str],
    seen: Seen,
    renumbers: bool,
    doubted: Collection[Pair],
    elsewhere: Elsewhere,
) -> Named:
    """The rows of a part of a file as they are stored.

    `seen` counts them already. `renumbers`: it is known that references are given anew. `doubted`: entries that may be one,
    the older first.
    """
    groups = _grouped(rows, stored, about, seen, doubted)
    renumbered = renumbers or _are_given_anew(groups, seen, elsewhere)
    one, two = _decided(groups, doubted, renumbered=renumbered)
    if not renumbered:
        doubts = [
            (known.names[0], row.external_id)
            for each in groups
            for known, row in zip(each.left, each.new, strict=False)
        ]
        seen.unsure.update(each.about for each in groups if each.again)
        return Named(list(rows), doubts=doubts, two=two)
    into = {second for _first, second in one}
    other: dict[str, EntryRow] = {}
    for each in groups:
        each.stored = [known for known in each.stored if known.entry_id not in into]
        other |= each.by_number()
    return Named(
        [other.get(row.external_id, row) for row in rows], renumbered=True, one=one, two=two
    )


def _grouped(
    rows: Iterable[EntryRow],
    stored: Iterable[Stored],
    about: Callable[[EntryRow], str],
    seen: Seen,
    doubted: Collection[Pair],
) -> list[_Equals]:
    told: defaultdict[str, list[EntryRow]] = defaultdict(list)
    for row in rows:
        told[about(row)].append(row)
    kept: defaultdict[str, list[Stored]] = defaultdict(list)
    behind = {second for _first, second in doubted}
    for each in sorted(stored, key=lambda known: known.entry_id in behind):
        kept[each.about].append(each)
    return [_Equals(each, told[each], kept.get(each, ()), seen, doubted) for each in told]


def _are_given_anew(groups: Sequence[_Equals], seen: Seen, elsewhere: Elsewhere) -> bool:
    doubtful = [each for each in groups if each.again]
    if not doubtful:
        return False
    days = {each.day for each in doubtful}
    of_these = [each for each in groups if each.day in days]
    again = sum(each.again for each in doubtful)
    known = sum(len(each.known) for each in of_these if not each.again)
    if len(seen.unsure | {each.about for each in doubtful}) > 1:
        own = _own(of_these, elsewhere.payments_of(days))
        if again > known + own:
            return True
    looked_at = _looked_at(days, seen)
    references = {
        Reference(each.day, each.told[0].amount_minor, each.about, written)
        for each in doubtful
        if each.day in looked_at
        for written in (
            *(row.bank_references for row in each.new),
            *(known.references for known in each.left),
        )
        if written
    }
    told_of = {row.bank_references: each.about for each in groups for row in each.told}
    if any(told_of.get(each.written, each.about) != each.about for each in references):
        return True
    return elsewhere.stand_elsewhere(references)


def _looked_at(days: Iterable[date], seen: Seen) -> Collection[date]:
    """The first of the file's days in doubt: the same ones whatever its parts are."""
    for day in sorted(days):
        if len(seen.looked_at) < MOST_LOOKED_AT:
            seen.looked_at.add(day)
    return seen.looked_at


def _own(groups: Sequence[_Equals], payments: Mapping[date, int]) -> int:
    """How many rows of these days are told by the file alone or stored alone: of each day, the fewer."""
    told: Counter[date] = Counter()
    kept: Counter[date] = Counter(payments)
    for each in groups:
        told[each.day] += len(each.new) - each.again
        kept[each.day] -= len(each.named) + each.again
    return sum(max(0, min(told[day], kept[day])) for day in told)


def _decided(
    groups: Sequence[_Equals], doubted: Collection[Pair], *, renumbered: bool
) -> tuple[list[Pair], list[Pair]]:
    """Of pairs that are doubted, those that are one payment, and those of which the file tells both."""
    named = {known.entry_id for each in groups for known in each.named}
    told = {
        known.entry_id
        for each in groups
        for known in (
            each.stored[: each.number] if renumbered else [*each.named, *each.left[: each.again]]
        )
    }
    two: list[Pair] = []
    stands = set(told)
    for first, second in sorted(doubted, key=lambda pair: pair[1] not in named):
        if second not in told:
            continue
        if first in stands:
            two.append((first, second))
        # Of those that may be the first, one alone is it in this file.
        stands.add(first)
    return [pair for pair in doubted if renumbered and pair not in two], two
