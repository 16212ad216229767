"""What one source says of an account, brought together with what the others say: decided group by group."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from partners.ledger import staging
from partners.ledger.rules import PENDING, POSTED, REMOVED, EntryRow, Known
from partners.ledger.sources import (
    NEAR,
    Group,
    Payment,
    Telling,
    doubtful,
    group_of,
    likeness,
    payments_of,
    precedence,
    row_of,
    said_of,
    settle,
)
from partners.ledger.staging import Key, Otherwise, Place
from portal.tenancy.ids import new_id

_AROUND = [timedelta(days=step) for step in range(-NEAR.days, NEAR.days + 1)]


@dataclass(frozen=True, slots=True)
class Put:
    """An entry as it is to be stored; `before`: as it was."""

    id: UUID
    row: EntryRow
    before: Known | None


@dataclass
class Joined:
    """What is to be written. `gone`: entries that another one is by now; `given_up`: those whose names change."""

    puts: list[Put] = field(default_factory=list)
    gone: dict[UUID, UUID] = field(default_factory=dict)
    given_up: set[UUID] = field(default_factory=set)
    otherwise: dict[Key, Otherwise] = field(default_factory=dict)
    forgotten: set[Key] = field(default_factory=set)
    # Entries of which all is decided, and which of them may be one after all.
    settled: set[UUID] = field(default_factory=set)
    other_words: list[tuple[UUID, UUID]] = field(default_factory=list)
    other_day: list[tuple[UUID, UUID]] = field(default_factory=list)


class Joining:
    """One page of one source on its way into an account of which others tell too."""

    def __init__(self, place: Place, *, apart: Collection[frozenset[UUID]] = ()) -> None:
        self.place = place
        self.apart = apart
        self.new: list[EntryRow] = []
        # Entries of which this source's row is the one that is shown, and those of which it is another one.
        self.shown: dict[UUID, EntryRow] = {}
        self.told: dict[Key, tuple[UUID, EntryRow]] = {}
        # Entries that this source says are no more, and what it says no more of others.
        self.removed: dict[UUID, EntryRow] = {}
        self.unsaid: dict[Key, tuple[UUID, EntryRow]] = {}
        self._corrected: dict[UUID, EntryRow] = {}
        self._one: list[tuple[UUID, UUID]] = []

    def take(self, known: Known, row: EntryRow) -> None:
        """The row is what an entry is now: as it is shown, or as this source tells it otherwise."""
        if known.row.source == self.place.source:
            self.shown[known.id] = row
        else:
            self.told[(row.source, row.external_id)] = (known.id, row)

    def correct(self, entry_id: UUID, row: EntryRow) -> None:
        """Staff say that the entry is so, whatever was told before."""
        self._corrected[entry_id] = row

    def bring_together(self, first: UUID, second: UUID) -> None:
        """Staff say that the two are one payment, known by the id of the first."""
        self._one.append((first, second))

    def settle(self) -> Joined:
        """Decide all groups that the page touches."""
        told = [*self.told.values(), *self.unsaid.values()]
        rows = [*self.new, *self.shown.values(), *(row for _id, row in told)]
        rows += [*self._corrected.values(), *self.removed.values()]
        if not rows and not self._one:
            return Joined()
        stored = staging.told(
            self.place,
            days=sorted({each.booked_on + step for each in rows for step in _AROUND}),
            amounts=sorted({each.amount_minor for each in rows}),
            ids=[
                *self.shown,
                *self._corrected,
                *self.removed,
                *(entry_id for entry_id, _row in told),
                *(each for pair in self._one for each in pair),
            ],
        )
        table = _Table(stored, staging.told_otherwise(self.place, stored))
        for entry_id, row in self.shown.items():
            table.show(entry_id, row)
        for key, (entry_id, row) in self.told.items():
            table.tell(key, entry_id, row)
        for key, (entry_id, row) in self.unsaid.items():
            table.unsay(key, entry_id, row)
        for entry_id in self.removed:
            table.remove(entry_id)
        for entry_id, row in self._corrected.items():
            table.correct(entry_id, row)
        for first, second in self._one:
            table.bring_together(first, second)
        table.settle({group_of(each) for each in rows} | table.moved, self.new, self.apart)
        return table.joined()


class _Names:
    """What sources tell of entries otherwise than they are shown: by its name, and by the entry."""

    def __init__(self, told: Mapping[Key, Otherwise]) -> None:
        self.told: dict[Key, Otherwise] = {}
        self._of: defaultdict[UUID, set[Key]] = defaultdict(set)
        for key, each in told.items():
            self.put(key, each)

    def put(self, key: Key, each: Otherwise) -> None:
        self.drop(key)
        self.told[key] = each
        self._of[each.entry_id].add(key)

    def drop(self, key: Key) -> None:
        before = self.told.pop(key, None)
        if before is not None:
            self._of[before.entry_id].discard(key)

    def of(self, entry_id: UUID) -> list[tuple[Key, Otherwise]]:
        return [(key, self.told[key]) for key in sorted(self._of.get(entry_id, ()))]


class _Table:
    """The entries of some groups, and all that is told of them, as they are to be."""

    def __init__(self, stored: Mapping[UUID, Known], otherwise: Mapping[Key, Otherwise]) -> None:
        self.stored = stored
        self.before = otherwise
        self.rows = {entry_id: each.row for entry_id, each in stored.items()}
        self.otherwise = _Names(otherwise)
        self.moved: set[Group] = set()
        self.gone: dict[UUID, UUID] = {}
        self.settled: set[UUID] = set()
        self.doubtful: list[tuple[UUID, UUID]] = []

    def show(self, entry_id: UUID, row: EntryRow) -> None:
        """The entry's own row is another one now; it may have another name."""
        before = self.rows[entry_id]
        if _key(before) != _key(row):
            self.otherwise.put(_key(before), Otherwise(entry_id, {}))
        self._put(entry_id, row)

    def tell(self, key: Key, entry_id: UUID, row: EntryRow) -> None:
        """Another source's row of the entry is another one now."""
        before = self.before.get(key)
        by_staff = before is not None and before.by_staff
        shown = self.rows[entry_id]
        if precedence(row) < precedence(shown):
            self.otherwise.drop(key)
            self._put(entry_id, row)
            self.otherwise.put(_key(shown), Otherwise(entry_id, say(shown, row), by_staff))
        else:
            self.otherwise.put(key, Otherwise(entry_id, say(row, shown), by_staff))

    def unsay(self, key: Key, entry_id: UUID, row: EntryRow) -> None:
        """Another source's row of the entry is told no more."""
        self.otherwise.put(key, Otherwise(entry_id, {}, self.before[key].by_staff))
        self.moved.add(group_of(row))

    def remove(self, entry_id: UUID) -> None:
        """The entry's own row is told no more: what another source tells of it as posted is what it is."""
        before = self.rows[entry_id]
        self._put(entry_id, before._replace(status=REMOVED))
        posted = [
            (row_of(each.said, source=key[0], external_id=key[1]), each.by_staff)
            for key, each in self.otherwise.of(entry_id)
            if each.said.get("status") == POSTED
        ]
        # What is of this day and amount is decided with all others of it.
        apart = [
            (row, by_staff)
            for row, by_staff in posted
            if by_staff or group_of(row) != group_of(before)
        ]
        if apart:
            row, by_staff = min(apart, key=lambda each: precedence(each[0]))
            self.otherwise.drop(_key(row))
            self.otherwise.put(_key(before), Otherwise(entry_id, {}, by_staff))
            self._put(entry_id, row)

    def correct(self, entry_id: UUID, row: EntryRow) -> None:
        """The entry is what staff say, and what another source tells of it stays told of it."""
        before = self.rows[entry_id]
        if _key(before) != _key(row):
            self.otherwise.drop(_key(row))
            self.otherwise.put(_key(before), Otherwise(entry_id, say(before, row)))
        self._put(entry_id, row)
        self._pin(entry_id)

    def bring_together(self, first: UUID, second: UUID) -> None:
        """The second entry is the first by now; nothing that is told later parts them."""
        one, other = self.rows[first], self.rows[second]
        shown, hidden = (one, other) if precedence(one) < precedence(other) else (other, one)
        self._let_go(second, first)
        self.otherwise.drop(_key(shown))
        self.otherwise.put(_key(hidden), Otherwise(first, say(hidden, shown)))
        self._put(first, shown)
        self._pin(first)

    def _pin(self, entry_id: UUID) -> None:
        for key, each in self.otherwise.of(entry_id):
            self.otherwise.put(key, Otherwise(entry_id, each.said, by_staff=True))

    def _put(self, entry_id: UUID, row: EntryRow) -> None:
        self.rows[entry_id] = row
        self.moved.add(group_of(row))
        if row.status == POSTED:
            # What was pending has no more say once it is posted.
            for key, each in self.otherwise.of(entry_id):
                if each.said.get("status") == PENDING:
                    self.otherwise.put(key, Otherwise(entry_id, {}, each.by_staff))

    def settle(
        self,
        groups: Iterable[Group],
        new: Iterable[EntryRow],
        apart: Collection[frozenset[UUID]],
    ) -> None:
        """Decide what is one payment in each of these groups; none reaches into another."""
        entries, rows = self._grouped(), _grouped(new)
        for group in groups:
            self._settle(group, entries.get(group, ()), rows.get(group, ()), apart)

    def _grouped(self) -> Mapping[Group, list[UUID]]:
        found: defaultdict[Group, list[UUID]] = defaultdict(list)
        for entry_id, row in self.rows.items():
            found[group_of(row)].append(entry_id)
        return found

    def _settle(
        self,
        group: Group,
        mine: Collection[UUID],
        new: Iterable[EntryRow],
        apart: Collection[frozenset[UUID]],
    ) -> None:
        tellings = [Telling(self.rows[each], each, is_shown=True) for each in sorted(mine)]
        taken: defaultdict[UUID, set[str]] = defaultdict(set)
        for entry_id in mine:
            for key, each in self.otherwise.of(entry_id):
                if not each.said:
                    continue
                row = row_of(each.said, source=key[0], external_id=key[1])
                if each.by_staff or group_of(row) != group:
                    taken[entry_id].add(key[0])
                else:
                    tellings.append(Telling(row, entry_id))
        tellings += [Telling(row) for row in new]
        payments = payments_of(tellings, taken=taken, apart=apart)
        settled = settle(payments)
        ids = {id(payment): entry_id or new_id() for entry_id, payment in settled.payments}
        for _entry_id, payment in settled.payments:
            self._keep(ids[id(payment)], payment)
        for entry_id, into in settled.gone.items():
            self._let_go(entry_id, into)
        self.settled.update(ids.values())
        self.doubtful += [(ids[id(one)], ids[id(other)]) for one, other in doubtful(payments)]

    def _keep(self, entry_id: UUID, payment: Payment) -> None:
        shown = payment.shown
        self.rows[entry_id] = shown.row
        self.otherwise.drop(shown.key)
        for each in payment.tellings:
            if each is not shown:
                self.otherwise.put(each.key, Otherwise(entry_id, say(each.row, shown.row)))

    def _let_go(self, entry_id: UUID, into: UUID) -> None:
        self.gone[entry_id] = into
        self.rows.pop(entry_id)
        for key, each in self.otherwise.of(entry_id):
            self.otherwise.put(key, Otherwise(into, each.said, each.by_staff))

    def joined(self) -> Joined:
        """What is not as it is stored."""
        found = Joined(gone=self.gone, settled=self.settled, other_words=self.doubtful)
        found.other_day = self._near()
        for entry_id, row in self.rows.items():
            before = self.stored.get(entry_id)
            if before is None or before.row != row:
                found.puts.append(Put(entry_id, row, before))
            if before is not None and _key(before.row) != _key(row):
                found.given_up.add(entry_id)
        found.given_up |= set(self.gone)
        told = self.otherwise.told
        changed = {key for key, each in told.items() if self.before.get(key) != each}
        found.otherwise = {key: told[key] for key in changed}
        found.forgotten = (changed & self.before.keys()) | (self.before.keys() - told.keys())
        return found

    def _near(self) -> list[tuple[UUID, UUID]]:
        """New entries with those that may be the same a few days apart."""
        new = self.rows.keys() - self.stored.keys()
        if not new:
            return []
        tells: defaultdict[UUID, set[str]] = defaultdict(set)
        for (source, _name), each in self.otherwise.told.items():
            if each.said:
                tells[each.entry_id].add(source)
        for entry_id, row in self.rows.items():
            tells[entry_id].add(row.source)
        grouped = self._grouped()
        return [
            (one, other)
            for one in new
            for group in _around(group_of(self.rows[one]))
            for other in grouped.get(group, ())
            if not tells[one] & tells[other] and _may_be_one(self.rows[one], self.rows[other])
        ]


def _grouped(rows: Iterable[EntryRow]) -> Mapping[Group, list[EntryRow]]:
    found: defaultdict[Group, list[EntryRow]] = defaultdict(list)
    for each in rows:
        found[group_of(each)].append(each)
    return found


def _around(group: Group) -> Iterator[Group]:
    """The same amount on the days before and after."""
    day, amount, currency = group
    return ((day + step, amount, currency) for step in _AROUND if step)


def _may_be_one(one: EntryRow, other: EntryRow) -> bool:
    return other.status != REMOVED and likeness(one, other) > 0


def _key(row: EntryRow) -> Key:
    return (row.source, row.external_id)


def say(row: EntryRow, shown: EntryRow) -> dict[str, Any]:
    """What is kept of a row that is not shown: of one that is posted by now, its name alone."""
    return {} if shown.status == POSTED and row.status != POSTED else said_of(row)
