"""What a caller of `transactions/sync` is told, from where it stood before: pure functions."""

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID

# Pages of one walk that a place remembers one by one.
_PAGES = 32


@dataclass(frozen=True)
class Place:
    """How far one account was told: up to the change number `seq`, and without a gap up to `known`.

    `walk`: the pages of a walk that is under way since, each as (told up to this number, while the account's
    changes were numbered up to that one). `terms`: under which it was told. `begun`: up to which number
    something was forgotten of the account already when it began.
    """

    terms: str
    begun: int = 0
    seq: int = 0
    known: int = 0
    walk: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Seen:
    """A transaction as it is now, as far as it matters here. `before`: as `Entry.seqs_before`."""

    id: UUID
    account_id: UUID
    seq: int
    before: Sequence[int]
    removed: bool
    booked_on: date


@dataclass(frozen=True)
class CutAt:
    """The account in whose midst a page ends, and how far its changes were numbered when it was read."""

    account_id: UUID
    head: int


@dataclass(frozen=True)
class News:
    """Ids to tell, in the order of change, and the places after them."""

    added: tuple[UUID, ...]
    modified: tuple[UUID, ...]
    removed: tuple[UUID, ...]
    places: Mapping[UUID, Place]


def terms_of(history_from: date, masked_fields: Collection[str]) -> str:
    """What is shown of an account, in short: from which day on, and what is held back."""
    said = "\n".join([history_from.isoformat(), *sorted(masked_fields)])
    return hashlib.sha256(said.encode()).hexdigest()[:10]


def news_of(
    changes: Iterable[Seen],
    places: Mapping[UUID, Place],
    *,
    history_from: Mapping[UUID, date],
    cut: CutAt | None = None,
) -> News:
    """Sort the changes of each account, in the order of their numbers, into what the caller is told."""
    told: dict[str, list[UUID]] = {"added": [], "modified": [], "removed": []}
    last: dict[UUID, int] = {}
    for each in changes:
        last[each.account_id] = each.seq
        if each.booked_on >= history_from[each.account_id]:
            kind = _kind(each, places[each.account_id])
            if kind:
                told[kind].append(each.id)
    after = {
        account: _after(account, place, last.get(account), cut)
        for account, place in places.items()
    }
    return News(
        tuple(told["added"]), tuple(told["modified"]), tuple(told["removed"]), places=after
    )


def _kind(change: Seen, place: Place) -> str:
    """`added`, `modified`, `removed`, or nothing to tell."""
    if _has(change, place):
        return "removed" if change.removed else "modified"
    return "" if change.removed else "added"


def _has(change: Seen, place: Place) -> bool:
    """Whether the caller has the transaction, by the last of its versions that a page told."""
    numbers = [*map(abs, change.before), change.seq]
    told = -1
    for through, head in ((place.known, place.known), *place.walk):
        # What it was as the page was read; the page told it unless its turn was still to come.
        version = bisect_right(numbers, head) - 1
        if version >= 0 and numbers[version] <= through:
            told = max(told, version)
    return told >= 0 and change.before[told] > 0


def _after(account: UUID, place: Place, last: int | None, cut: CutAt | None) -> Place:
    if cut is None or account < cut.account_id:
        seq = place.seq if last is None else last
        return Place(place.terms, place.begun, seq, known=seq)
    if last is None:
        return place
    return replace(place, seq=last, walk=_longer(place.walk, last, cut.head))


def _longer(walk: Sequence[tuple[int, int]], seq: int, head: int) -> tuple[tuple[int, int], ...]:
    """The walk with one page more; pages read of the same state are one."""
    pages = [*walk]
    if pages and pages[-1][1] == head:
        pages.pop()
    pages.append((seq, head))
    if len(pages) > _PAGES:
        # Of two that become one, what changed between them counts as told: told of again, never left out.
        pages[:2] = [(pages[1][0], pages[0][1])]
    return tuple(pages)
