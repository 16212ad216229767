"""Which rows of several sources are one payment: decided for all that is told of one day and amount at once.

What is decided depends on what is told alone, never on what was told first. Sources stand in a fixed order; a
source that lists two rows has two payments, so of equals there are as many as the source that lists most of them.
Two sources' rows are one payment where they give it the same reference or the same words; an amount and a day
alone make nothing one. What is shown is what the first source says, and posted goes before pending.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

from partners.ledger.rules import POSTED, REMOVED, EntryRow, normal_text

LIVE = "live:"
# From the one that tells most; those that are not named come behind their kind, by name.
_LIVE_ORDER = ("live:uk_open_banking", "live:uk_open_banking_3_1", "live:cursor_sync")
_FILE_ORDER = ("statement:camt.053", "statement:mt940", "statement:ofx", "statement:csv")
# Shorter ones are a number in a list, and no reference.
_SHORTEST_REFERENCE = 6
_SHORTEST_WITHIN, _SHORTEST_BEGINNING = 5, 3
_SAME_REFERENCE, _SAME_WORDS, _PART_OF_THE_WORDS = 3, 2, 1
# Another day for the same payment: a weekend, and a day.
NEAR = timedelta(days=3)
MOST_PAIRS_OF_A_GROUP = 10

# A day, an amount and a currency.
Group = tuple[date, int, str]


@dataclass(frozen=True, slots=True)
class Telling:
    """A row as one source tells it. `entry_id`: the entry it was told of before; `is_shown`: as that entry."""

    row: EntryRow
    entry_id: UUID | None = None
    is_shown: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return (self.row.source, self.row.external_id)


@dataclass(slots=True)
class Payment:
    """Tellings of one payment, at most one of each source."""

    tellings: list[Telling]
    sources: set[str] = field(default_factory=set)
    entries: set[UUID] = field(default_factory=set)

    @property
    def shown(self) -> Telling:
        return min(self.tellings, key=lambda each: precedence(each.row))


def group_of(row: EntryRow) -> Group:
    return (row.booked_on, row.amount_minor, row.currency)


def is_live(source: str) -> bool:
    return source.startswith(LIVE)


def rank(source: str) -> tuple[bool, int, str]:
    """The place of a source: interfaces before files, then by how much each tells."""
    order = _LIVE_ORDER if is_live(source) else _FILE_ORDER
    place = order.index(source) if source in order else len(order)
    return (not is_live(source), place, source)


def likeness(one: EntryRow, other: EntryRow) -> int:
    """How surely two rows of one day and amount are one payment; 0 where nothing says so."""
    if _references(one) & _references(other):
        return _SAME_REFERENCE
    pairs = [(_name(one), each) for each in _texts(other)]
    pairs += [(_name(other), each) for each in _texts(one)]
    return max((_alike(*each) for each in pairs), default=0)


def _alike(one: str, other: str) -> int:
    if one == other:
        return _SAME_WORDS if one else 0
    short, long = sorted((one, other), key=len)
    if len(short) >= _SHORTEST_BEGINNING and long.startswith(short):
        return _PART_OF_THE_WORDS
    return _PART_OF_THE_WORDS if len(short) >= _SHORTEST_WITHIN and short in long else 0


def _name(row: EntryRow) -> str:
    return normal_text(row.merchant_name or row.description)


def _texts(row: EntryRow) -> set[str]:
    return {normal_text(each) for each in (row.merchant_name, row.description) if each}


def _references(row: EntryRow) -> set[str]:
    said = row.bank_references.split("\n")
    if is_live(row.source):
        said.append(row.external_id)
    found = {normal_text(each) for each in said}
    return {each for each in found if len(each) >= _SHORTEST_REFERENCE}


def payments_of(
    tellings: Iterable[Telling],
    *,
    taken: Mapping[UUID, Collection[str]] | None = None,
    apart: Collection[frozenset[UUID]] = (),
) -> list[Payment]:
    """The payments that these tellings of one group are.

    `taken`: sources that tell of an entry otherwise, so have no other row of it. `apart`: entries of which
    staff have said that they are two. A row that is told no more comes last: it has no say in what the others are.
    """
    by_source: defaultdict[tuple[bool, tuple[bool, int, str]], list[Telling]] = defaultdict(list)
    for each in tellings:
        by_source[each.row.status == REMOVED, rank(each.row.source)].append(each)
    found: list[Payment] = []
    for place in sorted(by_source):
        listed = sorted(by_source[place], key=_order)
        left = _joined(found, listed, taken or {}, apart)
        found += [_alone(each, taken or {}) for each in left]
    return found


def _order(telling: Telling) -> tuple[str, ...]:
    row = telling.row
    return (_name(row), row.description, row.bank_references, row.external_id)


def _alone(telling: Telling, taken: Mapping[UUID, Collection[str]]) -> Payment:
    payment = Payment([])
    _add(payment, telling, taken)
    return payment


def _add(payment: Payment, telling: Telling, taken: Mapping[UUID, Collection[str]]) -> None:
    payment.tellings.append(telling)
    payment.sources.add(telling.row.source)
    if telling.entry_id is not None:
        payment.entries.add(telling.entry_id)
        if telling.is_shown:
            payment.sources.update(taken.get(telling.entry_id, ()))


def _joined(
    found: Sequence[Payment],
    listed: Sequence[Telling],
    taken: Mapping[UUID, Collection[str]],
    apart: Collection[frozenset[UUID]],
) -> list[Telling]:
    """Give each telling to the payment that it is surest to be; those that are left are payments of their own."""
    sure = [
        (-like, place, number)
        for place, payment in enumerate(found)
        for number, each in enumerate(listed)
        if (like := max(likeness(each.row, other.row) for other in payment.tellings))
    ]
    done: set[int] = set()
    for _like, place, number in sorted(sure):
        payment, telling = found[place], listed[number]
        if number in done or not _may_join(payment, telling, apart):
            continue
        _add(payment, telling, taken)
        done.add(number)
    return [each for number, each in enumerate(listed) if number not in done]


def _may_join(payment: Payment, telling: Telling, apart: Collection[frozenset[UUID]]) -> bool:
    if telling.row.source in payment.sources:
        return False
    mine = telling.entry_id
    return mine is None or all(frozenset((mine, each)) not in apart for each in payment.entries)


def precedence(row: EntryRow) -> tuple[Any, ...]:
    """What is shown is the least: posted before pending, then by source."""
    return (row.status != POSTED, rank(row.source), row.external_id)


@dataclass(frozen=True, slots=True)
class Settled:
    """Payments under their entries' ids (None: a new one), and entries that are another's by now: gone, into."""

    payments: Sequence[tuple[UUID | None, Payment]]
    gone: Mapping[UUID, UUID]


def settle(payments: Sequence[Payment]) -> Settled:
    """Which entry each payment is: the oldest of those that it was shown as, else that it was told of."""
    named: dict[int, UUID] = {}
    used: set[UUID] = set()
    for shown_only in (True, False):
        for place, payment in enumerate(payments):
            mine = {
                each.entry_id
                for each in payment.tellings
                if each.entry_id is not None and (each.is_shown or not shown_only)
            } - used
            if place not in named and mine:
                named[place] = min(mine)
                used.add(named[place])
    shown = {
        each.entry_id: place
        for place, payment in enumerate(payments)
        for each in payment.tellings
        if each.is_shown and each.entry_id is not None
    }
    gone = {entry: named[place] for entry, place in shown.items() if entry not in used}
    return Settled([(named.get(n), payment) for n, payment in enumerate(payments)], gone)


def doubtful(payments: Sequence[Payment]) -> list[tuple[Payment, Payment]]:
    """Pairs that may be one payment after all: the same day and amount, other words, and no source lists both."""
    open_ = [
        (one, other)
        for one, other in combinations(payments, 2)
        if not one.sources & other.sources
        and REMOVED not in {one.shown.row.status, other.shown.row.status}
    ]
    return open_[:MOST_PAIRS_OF_A_GROUP]


# As it is kept of a source whose row is not the one that is shown: what is empty is left out.

_DATES = frozenset({"booked_on", "value_on"})
_APART = frozenset({"source", "external_id"})
_OTHERS = {
    "original_amount_minor": None,
    "booked_at": None,
    "value_on": None,
    "fraud_suspected": False,
}


def said_of(row: EntryRow) -> dict[str, Any]:
    """The row as plain values, without its name."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in row._asdict().items()
        if name not in _APART and value is not None and value is not False and value != ""
    }


def row_of(said: Mapping[str, Any], *, source: str, external_id: str) -> EntryRow:
    """The row again."""
    values: dict[str, Any] = {
        name: said.get(name, _OTHERS.get(name, "")) for name in EntryRow._fields
    }
    for name in _DATES & said.keys():
        values[name] = date.fromisoformat(said[name])
    if "booked_at" in said:
        values["booked_at"] = datetime.fromisoformat(said["booked_at"])
    return EntryRow(**{**values, "source": source, "external_id": external_id})
