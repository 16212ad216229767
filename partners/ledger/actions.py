"""Keeping what a bank says of accounts, balances and entries."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from partners.connectors.base import AccountRecord, BalanceRecord, TransactionRecord
from partners.ledger.identifying import keep_numbers, renamed_accounts
from partners.ledger.merging import Merge, Merged
from partners.ledger.models import Account, Balance
from partners.ledger.naming import as_stored
from partners.ledger.references import Named
from partners.ledger.rules import POSTED, Page, Seen, one_for_each_id, rows_of
from partners.ledger.sources import is_live
from partners.ledger.staging import Place, digests, looked_up
from portal.tenancy.blocks import current_bank_id


@dataclass(frozen=True, slots=True)
class FallenBalance:
    """A balance before and after a reading; `before_minor` None: it was not known."""

    kind: str
    before_minor: int | None
    after_minor: int
    currency: str
    as_of: datetime


def record_accounts(
    records: Iterable[AccountRecord], *, holder: UUID | None = None
) -> Mapping[str, Account]:
    """The served bank's accounts of these external ids, new or known, as the bank describes them now.

    One that the bank lists under a new id is the same account, by its number. `holder`: who links them.
    """
    by_id = {each.external_id: each for each in records}
    for key, account in renamed_accounts(by_id, holder=holder).items():
        Account.objects.filter(pk=account.pk).update(external_id=key)
    Account.objects.bulk_create(
        [Account(external_id=key, **_described(by_id[key])) for key in sorted(by_id)],
        ignore_conflicts=True,
    )
    stored = _held(by_id)
    _describe(stored, by_id)
    return stored


def describe_accounts(records: Iterable[AccountRecord]) -> list[Account]:
    """Keep what the bank calls accounts that are known here; those that it calls otherwise than before."""
    by_id = {each.external_id: each for each in records}
    return _describe(_held(by_id), by_id)


def _held(external_ids: Collection[str]) -> dict[str, Account]:
    rows = Account.objects.filter(bank_id=current_bank_id(), external_id__in=external_ids)
    held = rows.select_for_update(no_key=True).order_by("id")
    return {each.external_id: each for each in held}


def _describe(stored: Mapping[str, Account], by_id: Mapping[str, AccountRecord]) -> list[Account]:
    found = []
    for key, account in stored.items():
        changed = told_otherwise(account, by_id[key])
        for name, value in changed.items():
            setattr(account, name, value)
        if changed:
            account.save(update_fields=sorted(changed))
            found.append(account)
    keep_numbers(stored, by_id)
    return found


def told_otherwise(account: Account, record: AccountRecord) -> dict[str, str]:
    """What the bank says of the account that is not as it stands here; what it says nothing of stays.

    The currency is what all its entries are in: it never changes under them.
    """
    said = _described(record).items()
    return {n: v for n, v in said if n != "currency" and v and getattr(account, n) != v}


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

    None is of later than when it was read: a bank's clock may be ahead, or it says the end of the day, and what
    it tells in the meantime would be older. `account` is held.
    """
    stored = {each.kind: each for each in Balance.objects.filter(account_id=account.id)}
    moved = []
    for record in records:
        before, as_of = stored.get(record.kind), min(record.as_of, at)
        # What was kept before that was so may still say a later day.
        is_older = before is not None and min(before.as_of, before.read_at) > as_of
        if record.currency != account.currency or is_older:
            continue
        moved.append(
            FallenBalance(
                record.kind,
                before.amount_minor if before else None,
                record.amount_minor,
                record.currency,
                as_of,
            )
        )
        row = before or Balance(account_id=account.id, kind=record.kind)
        row.amount_minor, row.currency = record.amount_minor, record.currency
        row.credit_line_minor = record.credit_line_minor
        row.credit_line_included = record.credit_line_included
        row.as_of, row.read_at = as_of, at
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
    seen: Seen | None = None,
    overdue_before: date | None = None,
) -> Merged:
    """Merge what was read of one account into its entries; twice is once, and order does not matter.

    `source`: who says so, `live:<connector>` or `statement:<format>`: an id means something within its
    source alone. `window_from`: `records` are all that the bank lists from that day on, so ids that are
    listed no more can be told from ids not read yet (None: one page of several). `remove_missing`:
    pending entries of that window which are not listed have gone, and are kept as removed; so have those
    of before `overdue_before`, which may lie before it.

    A statement's rows come from `statement_rows.py: record_of`, have no ids and no window, and are merged
    some thousand at a time, all parts of one file with the same `seen`, empty at first: which of several
    equal rows of the file each is, is told by it. What is read again, or overlaps, changes nothing, whether
    the bank keeps its references or not (`references.py`).
    What follows from a merge is `partners/sync/actions.py: tell`.

    `account` is held: changes of one account are numbered without a gap in the order in which they
    become visible.
    """
    # A statement tells what is booked; a row of it that is not yet comes again when it is.
    told = records if is_live(source) else [each for each in records if each.status == POSTED]
    place = Place(current_bank_id(), account.id, source)
    named, page, stored = _looked_up(account, place, told, seen=seen or Seen())
    merge = Merge(account, source, page, at=at, stored=stored)
    if set(account.sources) - {source}:
        merge.join()
    merge.take_names(named)
    merge.sort_out(window_from)
    merge.write()
    if window_from and remove_missing:
        merge.remove_gone(window_from, overdue_before=overdue_before)
    return merge.end()


def _looked_up(
    account: Account, place: Place, told: Sequence[TransactionRecord], *, seen: Seen
) -> tuple[Named, Page, Mapping[str, str | None]]:
    """The rows, one for each id, and what is stored under these ids: looked up meanwhile, where the bank gives each one."""
    ids = [each.external_id for each in told if each.external_id]

    def rows() -> Named:
        return Named(rows_of(told, account_id=account.id, source=place.source, seen=seen))

    if len(ids) == len(told):
        with looked_up(place, ids) as found:
            named = rows()
            return named, one_for_each_id(named.rows), found()
    named = rows()
    stored = digests(place, [row.external_id for row in named.rows])
    if not is_live(place.source) and place.source in account.sources:
        as_told = named.rows
        named = as_stored(account, place, as_told, seen=seen, shown=stored)
        if named.rows != as_told:
            stored = digests(place, [row.external_id for row in named.rows])
    return named, one_for_each_id(named.rows), stored
