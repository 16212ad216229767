"""A statement's rows under the names that they are stored by, whatever the bank does with its references."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from uuid import UUID

from partners.ledger import staging
from partners.ledger.models import Account, EntryPair
from partners.ledger.queries import doubted_names
from partners.ledger.references import (
    Elsewhere,
    Named,
    Pair,
    Reference,
    Stored,
    under_stored_names,
)
from partners.ledger.rules import POSTS_WITHIN, EntryRow, Seen, abouts, fingerprint_in
from partners.ledger.sources import row_of
from partners.ledger.staging import Place


def as_stored(
    account: Account,
    place: Place,
    rows: Sequence[EntryRow],
    *,
    seen: Seen,
    shown: Collection[str],
) -> Named:
    """The rows of a part of a file, and what is decided of pairs; `shown`: their names that entries have.

    Where nothing of its days is stored, or all of it is known by its name, that costs next to nothing, whoever
    shows its payments.
    """
    renumbers = place.source in account.renumbers
    doubted, two = _doubted(place)
    among = _on_stored_days(place, rows)
    if not (among or doubted):
        return Named(list(rows), renumbered=renumbers, two=two)
    left = [row.external_id for row in among if row.external_id not in shown]
    if not (renumbers or doubted) and _are_known(place, left):
        return Named(list(rows), two=two)
    found = under_stored_names(
        rows,
        _stored(place, among) if among else [],
        about=abouts(place.account_id),
        seen=seen,
        renumbers=renumbers,
        doubted=doubted,
        elsewhere=_Elsewhere(place),
    )
    return replace(found, two=[*found.two, *two])


def _are_known(place: Place, names: Collection[str]) -> bool:
    """Whether the source has told them all of entries that others show."""
    return not names or staging.ids_of(place, list(names)).keys() >= set(names)


def _doubted(place: Place) -> tuple[list[Pair], list[Pair]]:
    """Entries that may be one, as this source has told them; and those that are two, as another source tells both."""
    pairs = doubted_names(place.account_id)
    if not pairs:
        return [], []
    told_by = tellers_of(place, pairs)
    mine = [
        (pair.first_id, pair.second_id)
        for pair in pairs
        if place.source in told_by[pair.first_id] & told_by[pair.second_id]
    ]
    two = [(one, other) for one, other in mine if (told_by[one] & told_by[other]) - {place.source}]
    return [each for each in mine if each not in two], two


def tellers_of(place: Place, pairs: Sequence[EntryPair]) -> Mapping[UUID, set[str]]:
    """Which sources tell of each of these entries, whichever of them shows it."""
    told_by: defaultdict[UUID, set[str]] = defaultdict(set)
    for pair in pairs:
        told_by[pair.first_id].add(pair.first.source)
        told_by[pair.second_id].add(pair.second.source)
    for (source, _name), each in staging.told_otherwise(place, list(told_by)).items():
        if each.said:
            told_by[each.entry_id].add(source)
    return told_by


def _on_stored_days(place: Place, rows: Sequence[EntryRow]) -> list[EntryRow]:
    stored = staging.days(place)
    if stored is None:
        return []
    first, last = stored
    return [row for row in rows if first <= row.booked_on <= last]


def _stored(place: Place, among: Sequence[EntryRow]) -> list[Stored]:
    """What the source has told that is about the same as these rows."""
    about = abouts(place.account_id)
    by_print = {fingerprint_in(each): each for each in map(about, among)}
    days = {row.booked_on for row in among}
    found: dict[tuple[UUID, str], Stored] = {}
    for entry_id, name, fingerprint, references in staging.told_by(
        place, list(by_print), days=days
    ):
        key = entry_id, by_print[fingerprint]
        found[key] = Stored(*key, (name,), references)
    # An entry may be shown under the day of another source.
    told = staging.told_by_otherwise(
        place, first=min(days) - POSTS_WITHIN, last=max(days) + POSTS_WITHIN
    )
    for entry_id, name, said in told:
        row = row_of(said, source=place.source, external_id=name)
        key = entry_id, about(row)
        if fingerprint_in(key[1]) in by_print:
            before = found.get(key, Stored(*key, (), row.bank_references))
            found[key] = before._replace(names=(*before.names, name))
    return list(found.values())


class _Elsewhere(Elsewhere):
    def __init__(self, place: Place) -> None:
        self.place = place

    def payments_of(self, days: Collection[date]) -> Mapping[date, int]:
        return staging.payments_of(self.place, days)

    def stand_elsewhere(self, references: Collection[Reference]) -> bool:
        by_day: defaultdict[date, list[Reference]] = defaultdict(list)
        for each in references:
            by_day[each.day].append(each)
        return any(
            staging.stand_elsewhere(
                self.place,
                [(each.written, fingerprint_in(each.about), each.amount_minor) for each in mine],
                day=day,
            )
            for day, mine in sorted(by_day.items())
        )
