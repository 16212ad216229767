"""One merge under way: what is decided of rows, and the writing of it, numbered without a gap."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from partners.ledger import staging
from partners.ledger.joining import Joined, Joining
from partners.ledger.models import Account, Entry, EntryAlias, EntryConflict, EntryPair
from partners.ledger.queries import two_payments
from partners.ledger.references import Named, Pair
from partners.ledger.rules import (
    MOST_NUMBERED,
    EntryRow,
    Known,
    Page,
    Perhaps,
    Verdict,
    contradiction,
    digest_of,
    fingerprints,
    judge,
    moment,
    perhaps_posted,
    renumbered,
)
from partners.ledger.sources import said_of
from partners.ledger.staging import ChangedRow, Key, Otherwise, Place
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_ids

# Rows that are written while the next are decided, which takes two thirds as long: so each part is half as large again as
# the one before it. Nothing is done while the first is decided and the last is written: those are small.
_SMALL_PART, _PART = 200, 1_000


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did to an account. `through_seq`: its counter of changes afterwards."""

    added: Sequence[ChangedRow] = ()
    modified: Sequence[ChangedRow] = ()
    removed: int = 0
    conflicts: int = 0
    # Entries that turned out to be others: gone, into. They count among the removed.
    gone: Mapping[UUID, UUID] = field(default_factory=dict)
    through_seq: int = 0

    @property
    def changes(self) -> int:
        return len(self.added) + len(self.modified) + self.removed

    def then(self, later: "Merged") -> "Merged":
        """Both, of one transaction, as one."""
        return Merged(
            [*self.added, *later.added],
            [*self.modified, *later.modified],
            self.removed + later.removed,
            self.conflicts + later.conflicts,
            {**self.gone, **later.gone},
            later.through_seq,
        )


def _parts(rows: Sequence[EntryRow]) -> Iterator[Sequence[EntryRow]]:
    first, size = 0, _SMALL_PART
    while first < len(rows):
        yield rows[first : first + size]
        first += size
        left = len(rows) - first
        size = min(size * 3 // 2, _PART, max(left // 2, _SMALL_PART))


def _note(account: Account, through_seq: int, *, told_by: str) -> None:
    """Count the account's changes, and who tells of it."""
    changed = []
    if through_seq > account.change_seq:
        account.change_seq = through_seq
        changed.append("change_seq")
    if told_by and told_by not in account.sources:
        account.sources = [*account.sources, told_by]
        changed.append("sources")
    if changed:
        account.save(update_fields=changed)


class Merge:
    """One merge under way: what is decided and not yet written."""

    def __init__(
        self,
        account: Account,
        source: str,
        page: Page,
        *,
        at: datetime,
        stored: Mapping[str, str | None] | None = None,
    ) -> None:
        """`stored`: what the entries say that the page's rows name, as a digest."""
        self.account = account
        self.place = Place(current_bank_id(), account.id, source)
        self.page = page
        self._stored = stored or {}
        self.next_seq = account.change_seq + 1
        self.at = at
        self.removed = 0
        self.added: list[ChangedRow] = []
        self.modified: list[ChangedRow] = []
        self.aside: list[tuple[UUID, EntryRow, str]] = []
        # Where other sources tell of the account too.
        self.joining: Joining | None = None
        self.joined = Joined()
        self._perhaps: list[Perhaps] = []
        # Names under which the source may tell of one payment twice.
        self._doubts: Sequence[tuple[str, str]] = ()
        self._told_side_by_side: Sequence[Pair] = ()
        self._rows: list[ChangedRow] = []
        # What no other source has a say in is decided while it is written: these rows, and the entries they name.
        self._undecided: Sequence[EntryRow] = ()
        self._named: Mapping[str, Known] = {}
        self._renamed: list[tuple[UUID, str]] = []
        self._highest: dict[str, int] = {}
        self._fingerprint = fingerprints(account.id)
        self._listed = [row.external_id for row in page.rows]
        self._has_aliases = staging.has_aliases(self.place)

    def join(self) -> Joining:
        """Bring together what is written with what other sources say of the account."""
        self.joining = Joining(self.place, apart=two_payments(self.place.account_id))
        return self.joining

    def take_names(self, named: Named) -> None:
        """What became of pairs of the source's own entries, and which are in doubt now."""
        self._doubts, self._told_side_by_side = named.doubts, named.two
        if named.renumbered and self.place.source not in self.account.renumbers:
            self.account.renumbers = [*self.account.renumbers, self.place.source]
            self.account.save(update_fields=["renumbers"])
        if named.one:
            joining = self.joining or self.join()
            for first, second in named.one:
                joining.bring_together(first, second)

    def sort_out(self, window_from: date | None) -> None:
        """Decide of each row that is not stored as it is."""
        unknown, told_anew = self._not_as_stored()
        named = {row.external_id: known for row, known in told_anew}
        if unknown:
            named |= self._other_names(unknown, window_from)
        changed = [*unknown, *(row for row, _known in told_anew)]
        if unknown and told_anew:
            changed.sort(key=moment)
        if self.joining is not None:
            self._take(self.joining, changed, named)
            self.settle()
            return
        self._count_equals(changed)
        self._undecided, self._named = changed, named

    def _decide(self, rows: Sequence[EntryRow]) -> None:
        ids = iter(new_ids(len(rows)))
        for row in rows:
            known = self._named.get(row.external_id)
            if known is None:
                self._put(next(ids), row, None)
            elif self._is_change(known, row):
                if known.row.external_id != row.external_id:
                    self._renamed.append((known.id, known.row.external_id))
                self._put(known.id, row, known)

    def _not_as_stored(self) -> tuple[list[EntryRow], list[tuple[EntryRow, Known]]]:
        """Rows with ids that name no entry, and those that differ from the entry they name.

        What an entry says is known by its digest; where that is not what the row's is, all of it is compared.
        """
        rows, said = self.page.rows, self._stored
        unknown = [row for row in rows if row.external_id not in said]
        unsure = [
            row
            for row in rows
            if row.external_id in said and said[row.external_id] != digest_of(row)
        ]
        if not unsure:
            return unknown, []
        stored = staging.named(self.place, [row.external_id for row in unsure])
        found = [(row, stored[row.external_id]) for row in unsure]
        same = {known.id: digest_of(row) for row, known in found if known.row == row}
        if same:
            staging.note_as_stored(self.place, same)
        return unknown, [(row, known) for row, known in found if known.row != row]

    def _count_equals(self, rows: Sequence[EntryRow]) -> None:
        stored = staging.days(self.place) if rows else None
        if stored is None:
            return
        first, last = stored
        # The day is in the fingerprint: on days of which there is nothing there are no equals.
        among = [row for row in rows if first <= row.booked_on <= last]
        if among:
            prints = {self._fingerprint(row) for row in among}
            days = {row.booked_on for row in among}
            self._highest = staging.occurrences(self.place, sorted(prints), days=days)

    def _other_names(
        self, unknown: Sequence[EntryRow], window_from: date | None
    ) -> dict[str, Known]:
        """The entries that rows with unknown ids are; each entry once."""
        once: dict[str, Known] = {}
        taken: set[UUID] = set()
        for key, known in sorted(self._by_alias(unknown).items()):
            if known.id not in taken:
                once[key] = known
                taken.add(known.id)
        if window_from is None:
            return once
        left = [(r, self._fingerprint(r)) for r in unknown if r.external_id not in once]
        prints = [fingerprint for _row, fingerprint in left]
        candidates = staging.vanished(
            self.place, fingerprints=prints, since=window_from, listed=self._listed
        )
        open_ = [each for each in candidates if each.id not in taken]
        once |= renumbered(left, open_)
        self._perhaps = perhaps_posted(
            [row for row, _print in left if row.external_id not in once],
            [each for each in open_ if each.id not in {known.id for known in once.values()}],
        )
        return once

    def _by_alias(self, unknown: Sequence[EntryRow]) -> Mapping[str, Known]:
        if not self._has_aliases:
            return {}
        ids = [row.external_id for row in unknown]
        return staging.known_by_alias(self.place, ids, listed=self._listed)

    def _is_change(self, known: Known, row: EntryRow) -> bool:
        verdict, why = judge(known, row)
        if verdict is Verdict.CONFLICT:
            self.aside.append((known.id, row, why))
        return verdict is Verdict.CHANGE

    def _take(
        self, joining: Joining, changed: Sequence[EntryRow], named: Mapping[str, Known]
    ) -> None:
        said = staging.said_before(self.place, [row.external_id for row in changed])
        for row in changed:
            known = named.get(row.external_id)
            if known is None:
                joining.new.append(row)
            elif said.get(row.external_id) != said_of(row) and self._is_change(known, row):
                joining.take(known, row)

    def settle(self) -> None:
        """Decide what is one payment, and with that what is to be written."""
        if self.joining is None:
            return
        self.joined = self.joining.settle()
        self._count_equals([each.row for each in self.joined.puts])
        for put in sorted(self.joined.puts, key=lambda each: moment(each.row)):
            self._put(put.id, put.row, put.before)

    def _put(self, entry_id: UUID, row: EntryRow, before: Known | None) -> None:
        fingerprint = self._fingerprint(row)
        if before is not None and before.fingerprint == fingerprint:
            occurrence = before.occurrence
        else:
            occurrence = self._next_occurrence(fingerprint)
        changed = ChangedRow(
            before is None, entry_id, occurrence, self.next_seq, digest_of(row), fingerprint, row
        )
        self._rows.append(changed)
        (self.modified if before else self.added).append(changed)
        self.next_seq += 1

    def _next_occurrence(self, fingerprint: str) -> int:
        following = self._highest.get(fingerprint, 0) + 1
        occurrence = self._highest[fingerprint] = min(following, MOST_NUMBERED)
        return occurrence

    def write(self) -> None:
        """Write what was decided: entries, the names they have otherwise, and what contradicts them."""
        self._make_room()
        with staging.Writing(self.place, at=self.at, has_aliases=self._has_aliases) as writing:
            if self._rows:
                writing.send(self._rows)
            for part in _parts(self._undecided):
                self._rows = []
                self._decide(part)
                writing.send(self._rows)
        EntryAlias.objects.bulk_create(
            [
                EntryAlias(
                    account_id=self.place.account_id,
                    entry_id=entry_id,
                    source=self.place.source,
                    external_id=before,
                )
                for entry_id, before in self._renamed
            ],
            ignore_conflicts=True,
        )
        write_otherwise(self.place.account_id, self.joined.otherwise)
        self._keep_aside()
        self._keep_pairs()

    def _make_room(self) -> None:
        """Let go of entries that others are by now, and of names that entries give up."""
        joined = self.joined
        if joined.given_up:
            staging.give_up_names(self.place, joined.given_up)
        if joined.forgotten:
            staging.forget_otherwise(self.place, joined.forgotten)
        for entry_id, into in sorted(joined.gone.items()):
            let_go(entry_id, into, seq=self.next_seq, at=self.at)
            self._count_removed()

    def _keep_aside(self) -> None:
        twice = self.page.contradicted
        if twice:
            stored = Entry.objects.filter(
                account_id=self.place.account_id,
                source=self.place.source,
                external_id__in=[r.external_id for r in twice],
            ).values_list("external_id", "id")
            ids = dict(stored)
            self.aside += [
                (ids[r.external_id], r, "listed_twice") for r in twice if r.external_id in ids
            ]
        if self.aside:
            self._write_aside()

    def _write_aside(self) -> None:
        """Ask about each version that is not what is stored, and was not left for what is stored before."""
        ids = {entry_id for entry_id, _row, _why in self.aside}
        stored = staging.told(self.place, days=[], amounts=[], ids=sorted(ids))
        left = EntryConflict.objects.filter(entry_id__in=ids, state=EntryConflict.State.KEPT)
        kept = {
            (entry_id, *what)
            for entry_id, before, *what in _what(left, "entry_id", "stored")
            if _is_of(before, stored[entry_id].row)
        }
        EntryConflict.objects.bulk_create(
            [
                EntryConflict(
                    account_id=self.place.account_id,
                    entry_id=entry_id,
                    reason=why,
                    amount_minor=row.amount_minor,
                    currency=row.currency,
                    source=row.source,
                    external_id=row.external_id,
                    said=said_of(row),
                    stored=said_of(stored[entry_id].row),
                    seen_at=self.at,
                )
                for entry_id, row, why in self.aside
                if contradiction(stored[entry_id].row, row)
                and (entry_id, why, row.amount_minor, row.currency) not in kept
            ],
            ignore_conflicts=True,
        )

    def _keep_pairs(self) -> None:
        doubtful = self._perhaps or self._doubts
        ids = {each.row.external_id: each.id for each in self.added} if doubtful else {}
        pairs = [
            (
                each.entry_id,
                ids[each.external_id],
                EntryPair.Reason.DAY if each.same_amount else EntryPair.Reason.AMOUNT,
            )
            for each in self._perhaps
            if each.external_id in ids
        ]
        pairs += [(*each, EntryPair.Reason.NAMES) for each in self._in_doubt()]
        pairs += [(*each, EntryPair.Reason.WORDS) for each in self.joined.other_words]
        pairs += [(*each, EntryPair.Reason.DAY) for each in self.joined.other_day]
        for first, second in self._told_side_by_side:
            _doubted(self.place.account_id).filter(first_id=first, second_id=second).delete()
        if self.joined.settled:
            _forget_pairs(self.place.account_id, self.joined)
        EntryPair.objects.bulk_create(
            [
                EntryPair(
                    account_id=self.place.account_id,
                    first_id=min(one, other),
                    second_id=max(one, other),
                    reason=reason,
                    found_at=self.at,
                )
                for one, other, reason in pairs
            ],
            ignore_conflicts=True,
        )

    def _in_doubt(self) -> list[Pair]:
        """Entries that the source may tell twice. Where others tell of them too, which is which is decided by now."""
        if not self._doubts:
            return []
        names = [name for each in self._doubts for name in each]
        ids = staging.ids_of(self.place, names)
        alone = {
            each.id: each.fingerprint
            for each in self.added
            if each.row.source == self.place.source
        }
        prints = {row.external_id: self._fingerprint(row) for row in self.page.rows}
        found = []
        for known, name in self._doubts:
            if not {known, name} <= ids.keys():
                continue
            one, other = ids[known], ids[name]
            if not {one, other} & alone.keys():
                # Of several equals it is another one that nobody else tells of.
                mine = (key for key, fingerprint in alone.items() if fingerprint == prints[name])
                other = next(mine, one)
            alone.pop(other, None)
            if one != other:
                found.append((one, other))
        return found

    def remove_gone(self, since: date, *, overdue_before: date | None) -> None:
        """Keep pending entries that the bank lists no more as removed: the window's, and those of before that day."""
        listed = self._listed
        for entry_id, booked_on in staging.gone(
            self.place, since=since, overdue_before=overdue_before, listed=listed
        ):
            why = Entry.Removal.NOT_LISTED if booked_on >= since else Entry.Removal.OVERDUE
            staging.remove(entry_id, seq=self.next_seq, at=self.at, why=why)
            self._count_removed()

    def _count_removed(self) -> None:
        self.removed += 1
        self.next_seq += 1

    def end(self) -> Merged:
        """Number the account's changes; what was done."""
        through_seq = self.next_seq - 1
        _note(self.account, through_seq, told_by=self.place.source if self.page.rows else "")
        return Merged(
            self.added,
            self.modified,
            self.removed,
            len(self.aside),
            self.joined.gone,
            through_seq=through_seq,
        )


def _doubted(account_id: UUID) -> QuerySet[EntryPair]:
    return EntryPair.objects.filter(
        account_id=account_id, state=EntryPair.State.OPEN, reason=EntryPair.Reason.NAMES
    )


def _forget_pairs(account_id: UUID, joined: Joined) -> None:
    """Of pairs with other words, those that are none any more: the two have become one, or have parted."""
    now = {frozenset(each) for each in joined.other_words}
    open_ = EntryPair.objects.filter(
        account_id=account_id,
        state=EntryPair.State.OPEN,
        reason=EntryPair.Reason.WORDS,
        first_id__in=joined.settled,
        second_id__in=joined.settled,
    )
    named = open_.values_list("id", "first_id", "second_id")
    old = [pair for pair, first, second in named if frozenset((first, second)) not in now]
    EntryPair.objects.filter(id__in=old).delete()


def let_go(entry_id: UUID, into: UUID, *, seq: int, at: datetime) -> None:
    """Keep the entry as removed: it is `into` by now. Its name is free already."""
    staging.remove(entry_id, seq=seq, at=at, why=Entry.Removal.ANOTHER, into=into)
    EntryAlias.objects.filter(entry_id=entry_id).update(entry_id=into)
    open_pairs = EntryPair.objects.filter(state=EntryPair.State.OPEN)
    open_pairs.filter(Q(first_id=entry_id) | Q(second_id=entry_id)).delete()
    _move_conflicts(entry_id, into)


def _move_conflicts(entry_id: UUID, into: UUID) -> None:
    """What contradicts the one contradicts the other by now, and is asked once; what was decided of it holds."""
    open_ = EntryConflict.objects.filter(state=EntryConflict.State.OPEN)
    known = set(_what(open_.filter(entry_id=into)))
    mine = _what(open_.filter(entry_id=entry_id), "id")
    open_.filter(pk__in=[pk for pk, *what in mine if tuple(what) in known]).delete()
    EntryConflict.objects.filter(entry_id=entry_id).update(entry_id=into)


def _is_of(before: Mapping[str, Any], row: EntryRow) -> bool:
    """Whether what was stored then is what is stored now; of old ones it is not known."""
    money = (before.get("amount_minor"), before.get("currency"))
    return not before or money == (row.amount_minor, row.currency)


def _what(conflicts: QuerySet[EntryConflict], *beside: str) -> Iterable[tuple[Any, ...]]:
    return conflicts.values_list(*beside, "reason", "amount_minor", "currency")


def write_otherwise(account_id: UUID, otherwise: Mapping[Key, Otherwise]) -> None:
    """Keep what entries are called otherwise, and what is said of them under those names."""
    EntryAlias.objects.bulk_create(
        [
            EntryAlias(
                account_id=account_id,
                entry_id=each.entry_id,
                source=source,
                external_id=external_id,
                said=dict(each.said),
                by_staff=each.by_staff,
            )
            for (source, external_id), each in otherwise.items()
        ]
    )
