"""Keeping what a bank says of accounts, balances and entries."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from partners.connectors.base import AccountRecord, BalanceRecord, TransactionRecord
from partners.ledger import staging
from partners.ledger.models import Account, Balance, Entry, EntryAlias, EntryConflict
from partners.ledger.rules import (
    EntryRow,
    Known,
    Page,
    Verdict,
    judge,
    one_for_each_id,
    renumbered,
    rows_of,
)
from partners.ledger.staging import ChangedRow, Place
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id


@dataclass(frozen=True, slots=True)
class ChangedEntry:
    """An entry that this merge added or changed, as it is now."""

    id: UUID
    row: EntryRow


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge did to an account. `through_seq`: its counter of changes afterwards."""

    added: Sequence[ChangedEntry] = ()
    modified: Sequence[ChangedEntry] = ()
    removed: int = 0
    conflicts: int = 0
    through_seq: int = 0

    @property
    def changes(self) -> int:
        return len(self.added) + len(self.modified) + self.removed


@dataclass(frozen=True, slots=True)
class FallenBalance:
    """A balance before and after a reading; `before_minor` None: it was not known."""

    kind: str
    before_minor: int | None
    after_minor: int
    currency: str
    as_of: datetime


def record_accounts(records: Iterable[AccountRecord]) -> Mapping[str, Account]:
    """The served bank's accounts of these external ids, new or known, as the bank describes them now."""
    by_id = {each.external_id: each for each in records}
    Account.objects.bulk_create(
        [Account(external_id=key, **_described(by_id[key])) for key in sorted(by_id)],
        ignore_conflicts=True,
    )
    stored = {
        each.external_id: each
        for each in Account.objects.select_for_update(no_key=True)
        .filter(external_id__in=by_id)
        .order_by("id")
    }
    for key, account in stored.items():
        said = _described(by_id[key])
        # The currency is what all its entries are in: it never changes under them.
        changed = {n: v for n, v in said.items() if n != "currency" and getattr(account, n) != v}
        for name, value in changed.items():
            setattr(account, name, value)
        if changed:
            account.save(update_fields=sorted(changed))
    return stored


def _described(record: AccountRecord) -> dict[str, str]:
    return {
        "kind": record.kind,
        "name": record.name,
        "currency": record.currency,
        "masked_identification": record.masked_identification,
    }


def held_account(account_id: UUID) -> Account:
    """The account with its bank, its row locked: whoever changes what is its takes this first."""
    locked = Account.objects.select_for_update(no_key=True, of=("self",))
    return locked.select_related("bank").get(bank_id=current_bank_id(), pk=account_id)


def record_balances(
    account: Account, *, records: Sequence[BalanceRecord], at: datetime
) -> list[FallenBalance]:
    """Keep the balances as read; before and after of each. An older one than is stored is passed over.

    `account` is held.
    """
    stored = {each.kind: each for each in Balance.objects.filter(account_id=account.id)}
    moved = []
    for record in records:
        before = stored.get(record.kind)
        if record.currency != account.currency or (before and before.as_of > record.as_of):
            continue
        moved.append(
            FallenBalance(
                record.kind,
                before.amount_minor if before else None,
                record.amount_minor,
                record.currency,
                record.as_of,
            )
        )
        row = before or Balance(account_id=account.id, kind=record.kind)
        row.amount_minor, row.currency = record.amount_minor, record.currency
        row.as_of, row.read_at = record.as_of, at
        row.save()
    return moved


def merge_entries(
    account: Account,
    *,
    source: str,
    records: Sequence[TransactionRecord],
    window_from: date | None,
    remove_missing: bool,
    at: datetime,
    seen: Counter[str] | None = None,
) -> Merged:
    """Merge what was read of one account into its entries; twice is once, and order does not matter.

    `source`: who says so, `live:<connector>` or `statement:<format>`: an id means something within its
    source alone. `window_from`: `records` are all that the bank lists from that day on, so ids that are
    listed no more can be told from ids not read yet (None: one page of several). `remove_missing`:
    pending entries of that window which are not listed have gone, and are kept as removed.

    A statement's rows come from `statement_rows.py: record_of`, have no ids and no window, and are merged
    some thousand at a time, all parts of one file with the same empty counter `seen`: which of several
    equal rows of the file each is, is told by it. What is read again, or overlaps, changes nothing.
    What follows from a merge is `partners/sync/actions.py: tell`.

    `account` is held: changes of one account are numbered without a gap in the order in which they
    become visible.
    """
    place = Place(current_bank_id(), account.id, source)
    page = one_for_each_id(rows_of(records, account_id=account.id, source=source, seen=seen))
    staging.stage(page.rows)
    merge = _Merge(place, page, next_seq=account.change_seq + 1, at=at)
    merge.sort_out(window_from)
    merge.write()
    removed = merge.remove_gone(window_from) if window_from and remove_missing else 0
    _count(account, source, merge.next_seq - 1)
    return Merged(
        merge.added, merge.modified, removed, len(merge.aside), through_seq=merge.next_seq - 1
    )


def _count(account: Account, source: str, through_seq: int) -> None:
    changed = []
    if through_seq > account.change_seq:
        account.change_seq = through_seq
        changed = ["change_seq"]
        if source not in account.sources:
            account.sources = [*account.sources, source]
            changed.append("sources")
        account.save(update_fields=changed)


class _Merge:
    """One merge under way: what is decided and not yet written."""

    def __init__(self, place: Place, page: Page, *, next_seq: int, at: datetime) -> None:
        self.place = place
        self.page = page
        self.next_seq = next_seq
        self.at = at
        self.added: list[ChangedEntry] = []
        self.modified: list[ChangedEntry] = []
        self.aside: list[tuple[UUID, EntryRow, str]] = []
        self._rows: list[ChangedRow] = []
        self._renamed: list[tuple[UUID, str]] = []
        self._highest: dict[str, int] = {}

    def sort_out(self, window_from: date | None) -> None:
        """Decide of each row that is not stored as it is."""
        ids = [row.external_id for row in self.page.rows]
        found = staging.not_as_stored(self.place, ids)
        changed = [row for row in self.page.rows if row.external_id in found]
        unknown = [row for row in changed if found[row.external_id] is None]
        named = {key: known for key, known in found.items() if known}
        if unknown:
            named |= self._other_names(unknown, window_from)
        prints = {row.fingerprint for row in changed}
        if prints:
            self._highest = staging.occurrences(self.place, sorted(prints))
        for row in changed:
            known = named.get(row.external_id)
            if known is None:
                self._add(row)
            else:
                self._judge(known, row)

    def _other_names(
        self, unknown: Sequence[EntryRow], window_from: date | None
    ) -> dict[str, Known]:
        """The entries that rows with unknown ids are; each entry once."""
        once: dict[str, Known] = {}
        taken: set[UUID] = set()
        by_alias = staging.known_by_alias(self.place, [row.external_id for row in unknown])
        for key, known in sorted(by_alias.items()):
            if known.id not in taken:
                once[key] = known
                taken.add(known.id)
        if window_from is None:
            return once
        left = [row for row in unknown if row.external_id not in once]
        prints = [row.fingerprint for row in left]
        candidates = staging.vanished(self.place, fingerprints=prints, since=window_from)
        return once | dict(renumbered(left, [each for each in candidates if each.id not in taken]))

    def _judge(self, known: Known, row: EntryRow) -> None:
        verdict, why = judge(known, row)
        if verdict is Verdict.CONFLICT:
            self.aside.append((known.id, row, why))
        elif verdict is Verdict.CHANGE:
            if known.external_id != row.external_id:
                self._renamed.append((known.id, known.external_id))
            same = known.fingerprint == row.fingerprint
            occurrence = known.occurrence if same else self._next_occurrence(row)
            self.modified.append(self._put(known.id, occurrence, row))

    def _add(self, row: EntryRow) -> None:
        self.added.append(self._put(new_id(), self._next_occurrence(row), row))

    def _next_occurrence(self, row: EntryRow) -> int:
        self._highest[row.fingerprint] = self._highest.get(row.fingerprint, 0) + 1
        return self._highest[row.fingerprint]

    def _put(self, entry_id: UUID, occurrence: int, row: EntryRow) -> ChangedEntry:
        self._rows.append(ChangedRow(entry_id, occurrence, self.next_seq, row))
        self.next_seq += 1
        return ChangedEntry(entry_id, row)

    def write(self) -> None:
        """Write what was decided: entries, the ids they had before, and what contradicts them."""
        if self._rows:
            staging.write(self.place, self._rows, at=self.at)
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
        self._keep_aside()

    def _keep_aside(self) -> None:
        twice = self.page.contradicted
        if twice:
            stored = Entry.objects.filter(
                account_id=self.place.account_id,
                source=self.place.source,
                external_id__in=[r.external_id for r in twice],
            ).values_list("external_id", "id")
            ids = dict(stored)
            self.aside += [(ids[r.external_id], r, "listed_twice") for r in twice]
        EntryConflict.objects.bulk_create(
            [
                EntryConflict(
                    account_id=self.place.account_id,
                    entry_id=entry_id,
                    reason=why,
                    amount_minor=row.amount_minor,
                    currency=row.currency,
                    seen_at=self.at,
                )
                for entry_id, row, why in self.aside
            ],
            ignore_conflicts=True,
        )

    def remove_gone(self, since: date) -> int:
        """Keep the window's pending entries that the bank lists no more as removed; how many."""
        ids = staging.gone(self.place, since=since)
        for entry_id in ids:
            Entry.objects.filter(pk=entry_id).update(
                status=Entry.Status.REMOVED, change_seq=self.next_seq, changed_at=self.at
            )
            self.next_seq += 1
        return len(ids)
