"""Which of the portal's transactions is which of the bank's: by what they say, since ids are each side's own."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from benchmarks.main_job.records import BankRow, Money, PortalRow

Key = tuple[str, datetime | None, str, Money]
T = TypeVar("T")


@dataclass
class Matched:
    """How two lists of one account fit together."""

    pairs: dict[str, BankRow] = field(default_factory=dict)  # the portal's id -> the bank's row
    lost: list[BankRow] = field(default_factory=list)
    doubled: list[PortalRow] = field(default_factory=list)
    altered: list[tuple[BankRow, PortalRow]] = field(default_factory=list)
    unknown: list[PortalRow] = field(default_factory=list)


def bare(text: str) -> str:
    """Text as far as it must survive: letters and digits, in their order."""
    return "".join(mark for mark in text if mark.isalnum())


def match(
    bank: Iterable[BankRow],
    portal: Iterable[PortalRow],
    *,
    due: Mapping[str, str] | None = None,
    told: Mapping[str, str] | None = None,
) -> Matched:
    """Pair equals one to one; of what is left, the same payment with another amount is an altered one.

    Of several that say the same, one that is `due` to be told goes with one that was `told`: of two
    equal purchases in one second, one of them suspected, nobody else can say which is which.
    """
    found = Matched()
    ours = _Heap(sorted(bank, key=lambda row: ((due or {}).get(row.key, ""), row.seq)), key_of)
    theirs = _Heap(
        sorted(portal, key=lambda row: ((told or {}).get(row.id, ""), row.id)), _portal_key
    )
    known = set(ours.groups)
    for key in known & set(theirs.groups):
        rows, shown = ours.take(key), theirs.take(key)
        found.pairs |= {each.id: row for row, each in zip(rows, shown, strict=False)}
        ours.give_back(rows[len(shown) :])
        found.doubled += shown[len(rows) :]
    left = _Heap(ours.rest(), lambda row: key_of(row)[:3])
    for each in theirs.rest():
        same = left.groups.get(_portal_key(each)[:3])
        if same:
            row = same.pop(0)
            found.pairs[each.id] = row
            found.altered.append((row, each))
        else:
            found.unknown.append(each)
    found.lost = left.rest()
    return found


def key_of(row: BankRow) -> Key:
    return (row.account, row.shown_at, bare(row.text), row.money)


def _portal_key(row: PortalRow) -> Key:
    return (row.account, row.at, bare(row.text), row.money)


class _Heap(Generic[T]):
    """Things by a key, each group in the order given."""

    def __init__(self, things: Iterable[T], key: Callable[[T], object]) -> None:
        self._key = key
        self.groups: dict[object, list[T]] = defaultdict(list)
        self.give_back(list(things))

    def take(self, key: object) -> list[T]:
        return self.groups.pop(key)

    def give_back(self, things: Sequence[T]) -> None:
        for each in things:
            self.groups[self._key(each)].append(each)

    def rest(self) -> list[T]:
        return [each for group in self.groups.values() for each in group]
