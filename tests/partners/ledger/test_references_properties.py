"""One source's files that overlap, whatever it does with its references: they end as the history, in any order and parts."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count, pairwise
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.connectors.base import TransactionRecord
from partners.ledger.references import (
    MOST_LOOKED_AT,
    Elsewhere,
    Pair,
    Reference,
    Stored,
    under_stored_names,
)
from partners.ledger.rules import EntryRow, Seen, abouts, rows_of

ACCOUNT, SOURCE = UUID(int=1), "statement:ofx"
FIRST = date(2026, 3, 2)
SHOPS = ("Forno Lume", "Bar Sport")
ABOUT = abouts(ACCOUNT)


@dataclass(frozen=True)
class Paid:
    number: int
    day: int
    cents: int
    shop: str


Window = tuple[Paid, ...]
# The number of a file, of a row in it, and the payment.
Way = Callable[[int, int, Paid], str]
WAYS: Mapping[str, Way] = {
    "kept": lambda _file, _place, paid: f"{paid.number}",
    "counted": lambda _file, place, _paid: f"{place}",
    "new": lambda file, place, _paid: f"{file}-{place}",
}


@dataclass
class Book(Elsewhere):
    """What is stored of one source, in memory: that and no rule is the test's own."""

    stored: dict[UUID, tuple[EntryRow, set[str]]] = field(default_factory=dict)
    doubted: list[Pair] = field(default_factory=list)
    renumbers: bool = False
    looked_at: list[date] = field(default_factory=list)
    ids: count = field(default_factory=lambda: count(100))  # type: ignore[type-arg]  # of whole numbers

    def payments_of(self, days: Collection[date]) -> Mapping[date, int]:
        return Counter(
            row.booked_on for row, _names in self.stored.values() if row.booked_on in days
        )

    def stand_elsewhere(self, references: Collection[Reference]) -> bool:
        self.looked_at += sorted({each.day for each in references})
        return any(
            each.written == known.bank_references and each.about != ABOUT(known)
            for each in references
            for known, _names in self.stored.values()
        )

    def take(self, records: Sequence[TransactionRecord], seen: Seen) -> int:
        """Store a part of a file; how many rows were new."""
        told = rows_of(records, account_id=ACCOUNT, source=SOURCE, seen=seen)
        about = {ABOUT(row) for row in told}
        stored = [
            Stored(key, ABOUT(row), tuple(sorted(names)), row.bank_references)
            for key, (row, names) in self.stored.items()
            if ABOUT(row) in about
        ]
        found = under_stored_names(
            told,
            stored,
            about=ABOUT,
            seen=seen,
            renumbers=self.renumbers,
            doubted=self.doubted,
            elsewhere=self,
        )
        self.renumbers = found.renumbered
        for one, other in found.one:
            self.stored[one][1].update(self.stored.pop(other)[1])
        self.doubted = [each for each in self.doubted if each not in found.one + found.two]
        names = {name: key for key, (_row, names) in self.stored.items() for name in names}
        new = {
            row.external_id: UUID(int=next(self.ids))
            for row in found.rows
            if row.external_id not in names
        }
        self.stored |= {
            new[row.external_id]: (row, {row.external_id})
            for row in found.rows
            if row.external_id in new
        }
        assert len({row.external_id for row in found.rows}) == len(found.rows)
        self.doubted += [(names[known], new[name]) for known, name in found.doubts]
        return len(new)

    def payments(self) -> Counter[str]:
        """How many there are, once somebody has said that what may be one payment is."""
        seconds = {second for _first, second in self.doubted}
        return Counter(
            ABOUT(row) for key, (row, _names) in self.stored.items() if key not in seconds
        )


def record(paid: Paid, reference: str) -> TransactionRecord:
    return TransactionRecord(
        external_id=None,
        status="posted",
        amount_minor=paid.cents,
        currency="EUR",
        booked_on=FIRST + timedelta(days=paid.day),
        booked_on_source="date",
        merchant_name=paid.shop,
        references=(reference,),
    )


def file_of(way: str, number: int, window: Window) -> list[TransactionRecord]:
    return [record(paid, WAYS[way](number, place, paid)) for place, paid in enumerate(window, 1)]


def told(*windows: Window) -> Counter[str]:
    return Counter(
        ABOUT(row)
        for paid in set().union(*windows)
        for row in rows_of([record(paid, "")], account_id=ACCOUNT, source=SOURCE)
    )


# Few days, amounts and shops, so that genuine equals are common.
histories = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([-500, 800]), st.sampled_from(SHOPS)),
    min_size=1,
    max_size=12,
).map(lambda rows: tuple(Paid(number, *row) for number, row in enumerate(sorted(rows), 1)))


@st.composite
def windows(draw: st.DrawFn) -> list[Window]:
    """A history in files that begin with a day, and end anywhere: with the rest of it still to come."""
    history = draw(histories)
    begins = st.integers(0, 3).map(
        lambda day: next((n for n, each in enumerate(history) if each.day >= day), 0)
    )
    spans = draw(st.lists(st.tuples(begins, st.integers(1, len(history))), min_size=1, max_size=5))
    return [history[first:last] for first, last in spans if first < last] or [history]


def parts(
    listed: Sequence[TransactionRecord], data: st.DataObject
) -> list[Sequence[TransactionRecord]]:
    cuts = data.draw(st.sets(st.integers(1, len(listed)), max_size=2))
    return [listed[first:last] for first, last in pairwise([0, *sorted(cuts), len(listed)])]


@settings(max_examples=150, deadline=None)
@given(files=windows(), way=st.sampled_from(sorted(WAYS)), data=st.data())
def test_files_that_overlap_end_as_the_history(
    files: list[Window], way: str, data: st.DataObject
) -> None:
    book = Book()
    for number, window in enumerate(files):
        listed = file_of(way, number, window)
        new = 0
        for _time in range(data.draw(st.integers(1, 2))):
            seen = Seen()
            new = sum(book.take(each, seen) for each in parts(listed, data))

        assert _time == 0 or new == 0
        assert book.payments() == told(*files[: number + 1])
    assert way == "new" or not book.doubted
    assert not (book.renumbers and book.doubted)


@pytest.mark.parametrize("days_in_part", [1, 3, 12])
def test_the_first_days_in_doubt_alone_are_looked_at_whatever_the_parts(days_in_part: int) -> None:
    def listed(reference: str) -> list[TransactionRecord]:
        return [
            record(Paid(day, day, -500, shop), written)
            for day in range(12)
            for shop, written in zip(SHOPS, (f"{day}{reference}", f"{day}"), strict=True)
        ]

    book, seen = Book(), Seen()
    book.take(listed("a"), Seen())
    rows = listed("b")
    for place in range(0, len(rows), 2 * days_in_part):
        book.take(rows[place : place + 2 * days_in_part], seen)
        seen = seen.of_days_to_come()

    assert book.looked_at == [FIRST + timedelta(days=day) for day in range(MOST_LOOKED_AT)]
    assert len(book.doubted) == 12
    assert not book.renumbers
