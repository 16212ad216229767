"""One history told by six sources, in any order and with overlaps, is one set of rows: thousands of orders."""

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import count
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.ledger.rules import REMOVED, EntryRow, one_for_each_id, rows_of
from partners.ledger.sources import (
    Group,
    Telling,
    group_of,
    payments_of,
    row_of,
    said_of,
    settle,
)
from tests.partners.ledger.history import SHOPS, SOURCES, Payment

ACCOUNT = UUID(int=1)
DAYS = 4
ORDERS = 60
BEST = "live:uk_open_banking"
Piece = tuple[EntryRow, ...]

# Few amounts, days and shops, so that genuine equals are common.
histories = st.lists(
    st.tuples(
        st.integers(0, DAYS - 1), st.sampled_from([-500, -1250, 800]), st.sampled_from(SHOPS)
    ),
    min_size=1,
    max_size=9,
).map(lambda rows: tuple(Payment(number, *row) for number, row in enumerate(rows, 1)))
told_by = st.sets(st.sampled_from(sorted(SOURCES)), min_size=2)


class Book:
    """What the ledger keeps of several sources, in memory: only that and no rule is the test's own."""

    def __init__(self) -> None:
        self.tellings: dict[tuple[str, str], Telling] = {}
        self.ids = (UUID(int=number) for number in count(100))
        self.gone: dict[UUID, UUID] = {}

    def take(self, piece: Iterable[EntryRow]) -> None:
        new = [row for row in piece if (row.source, row.external_id) not in self.tellings]
        for row in new:
            self.tellings[row.source, row.external_id] = Telling(row)
        for group in {group_of(row) for row in new}:
            self.settle(group)

    def settle(self, group: Group) -> None:
        mine = [each for each in self.tellings.values() if group_of(each.row) == group]
        settled = settle(payments_of(mine))
        for entry_id, payment in settled.payments:
            named = entry_id or next(self.ids)
            for each in payment.tellings:
                shown = each is payment.shown
                self.tellings[each.key] = replace(each, entry_id=named, is_shown=shown)
        self.gone |= settled.gone

    def remove(self, source: str, external_id: str) -> None:
        """The source says that it is no more: nothing is kept of what is not shown."""
        told = self.tellings.pop((source, external_id))
        if told.is_shown:
            gone = told.row._replace(status=REMOVED)
            self.tellings[told.key] = replace(told, row=gone)
        self.settle(group_of(told.row))

    def shown(self) -> Counter[EntryRow]:
        listed = [each.row for each in self.tellings.values() if each.is_shown]
        return Counter(each for each in listed if each.status != REMOVED)

    def sure(self) -> None:
        """Each entry shows one row, and is told of at most once by each source."""
        ids = [each.entry_id for each in self.tellings.values() if each.is_shown]
        told = [(each.entry_id, each.row.source) for each in self.tellings.values()]
        assert len(set(ids)) == len(ids)
        assert len(set(told)) == len(told)
        assert {entry for entry, _source in told} == set(ids)
        assert not set(ids) & set(self.gone)


def rows(source: str, payments: Sequence[Payment]) -> Piece:
    told = SOURCES[source](payments)
    return tuple(one_for_each_id(rows_of(told, account_id=ACCOUNT, source=source)).rows)


@cache
def pieces(history: tuple[Payment, ...], source: str) -> list[Piece]:
    """The source's history in parts of whole days that overlap, and some of them again."""
    spans = [(0, 2), (1, 3), (2, DAYS), (0, DAYS), (3, DAYS)]
    listed = [[each for each in history if first <= each.day < last] for first, last in spans]
    return [rows(source, each) for each in listed if each]


def told_in_order(parts: Sequence[Piece]) -> Book:
    book = Book()
    for each in parts:
        book.take(each)
    return book


@settings(max_examples=60, deadline=None)
@given(history=histories, sources=told_by, seed=st.integers(0, 2**32))
def test_any_order_ends_as_one_set_of_rows(
    history: tuple[Payment, ...], sources: set[str], seed: int
) -> None:
    parts = [each for source in sorted(sources) for each in pieces(history, source)]
    wanted = told_in_order(parts).shown()
    draw = random.Random(seed)  # noqa: S311  # an order, and no secret

    for _order in range(ORDERS):
        shuffled = draw.sample(parts, len(parts)) + draw.sample(parts, min(3, len(parts)))
        book = told_in_order(shuffled)
        book.sure()
        assert book.shown() == wanted


@settings(max_examples=60, deadline=None)
@given(history=histories, sources=told_by)
def test_with_an_interface_among_them_there_are_as_many_rows_as_payments(
    history: tuple[Payment, ...], sources: set[str]
) -> None:
    everybody = {*sources, BEST}

    book = told_in_order([each for source in everybody for each in pieces(history, source)])

    assert book.shown() == Counter(rows(BEST, history))


@settings(max_examples=60, deadline=None)
@given(
    history=histories,
    missing=st.sets(st.integers(1, 9)),
    other=st.sampled_from(sorted(SOURCES.keys() - {BEST})),
)
def test_what_one_source_leaves_out_another_fills_in(
    history: tuple[Payment, ...], missing: set[int], other: str
) -> None:
    some = [each for each in history if each.number not in missing]
    parts = [rows(BEST, some), rows(other, history)]

    forth, back = told_in_order(parts).shown(), told_in_order(parts[::-1]).shown()

    assert forth == back
    assert Counter(each for each in forth.elements() if each.source == BEST) == Counter(
        rows(BEST, some)
    )
    assert sorted(each.amount_minor for each in forth.elements()) == sorted(
        each.cents for each in history
    )


Event = Piece | tuple[str, str]


def in_some_order(events: Mapping[str, Sequence[Event]], draw: random.Random) -> list[Event]:
    """What all sources tell, mixed; what one source tells stays in its own order."""
    turns = [source for source, told in events.items() for _each in told]
    left = {source: iter(told) for source, told in events.items()}
    return [next(left[source]) for source in draw.sample(turns, len(turns))]


@settings(max_examples=60, deadline=None)
@given(
    history=histories,
    sources=told_by,
    gone=st.sets(st.tuples(st.sampled_from(sorted(SOURCES)), st.integers(1, 9))),
    seed=st.integers(0, 2**32),
)
def test_what_sources_tell_and_take_back_in_any_order_ends_as_what_they_still_tell(
    history: tuple[Payment, ...], sources: set[str], gone: set[tuple[str, int]], seed: int
) -> None:
    told = {source: rows(source, history) for source in sorted(sources)}
    events: dict[str, list[Event]] = {}
    wanted = Book()
    for source, listed in told.items():
        names = [
            (source, row.external_id) for n, row in enumerate(listed, 1) if (source, n) in gone
        ]
        events[source] = [*pieces(history, source), *names]
        wanted.take(row for row in listed if (source, row.external_id) not in names)
    draw = random.Random(seed)  # noqa: S311  # an order, and no secret

    for _order in range(ORDERS // 4):
        book = Book()
        for event in in_some_order(events, draw):
            if isinstance(event[0], str):
                book.remove(*event)
            else:
                book.take(event)

        assert book.shown() == wanted.shown()


@given(history=histories, source=st.sampled_from(sorted(SOURCES)))
@settings(max_examples=30, deadline=None)
def test_what_is_kept_of_a_row_is_the_row(history: tuple[Payment, ...], source: str) -> None:
    for row in rows(source, history):
        kept: Mapping[str, object] = said_of(row)

        assert row_of(kept, source=row.source, external_id=row.external_id) == row
