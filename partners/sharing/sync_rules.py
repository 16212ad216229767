"""What a caller of `transactions/sync` is told, from where it stood before: pure functions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID


@dataclass(frozen=True)
class Place:
    """How far one account was told: the last change number, and when (in microseconds since 1970)
    that change was made. Up to `until` it is being told for the first time."""

    seq: int = 0
    told: int = 0
    until: int = 0


@dataclass(frozen=True)
class Seen:
    """A transaction as it is now, as far as it matters here."""

    id: UUID
    account_id: UUID
    seq: int
    removed: bool
    booked_on: date
    created: int
    changed: int


@dataclass(frozen=True)
class News:
    """Ids to tell, in the order of change, and the places after them."""

    added: tuple[UUID, ...]
    modified: tuple[UUID, ...]
    removed: tuple[UUID, ...]
    places: Mapping[UUID, Place]


def news_of(
    changes: Iterable[Seen], places: Mapping[UUID, Place], *, history_from: Mapping[UUID, date]
) -> News:
    """Sort the changes of each account, in the order of their numbers, into what the caller is told."""
    told: dict[str, list[UUID]] = {"added": [], "modified": [], "removed": []}
    after = dict(places)
    for each in changes:
        kind = _kind(each, places[each.account_id], history_from[each.account_id])
        if kind:
            told[kind].append(each.id)
        before = after[each.account_id]
        after[each.account_id] = Place(each.seq, max(before.told, each.changed), before.until)
    return News(
        tuple(told["added"]), tuple(told["modified"]), tuple(told["removed"]), places=after
    )


def _kind(change: Seen, place: Place, since: date) -> str:
    """`added`, `modified`, `removed`, or nothing to tell."""
    if change.booked_on < since:
        return ""
    is_first = change.seq <= place.until or change.created > place.told
    if change.removed:
        return "" if is_first else "removed"
    return "added" if is_first or change.created == change.changed else "modified"
