"""Reading accounts, balances and entries; every hot read names its accounts itself."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from partners.ledger.models import Account, Balance, Entry, EntryAlias, EntryPair
from partners.ledger.sources import LIVE
from portal.tenancy.blocks import current_bank_id

_CHANGES = """
    SELECT e.*, a.change_seq AS head
    FROM unnest(%(accounts)s::uuid[], %(seqs)s::bigint[]) AS place (account_id, seq)
    JOIN partners_account a ON a.bank_id = %(bank)s AND a.id = place.account_id
    CROSS JOIN LATERAL (
        SELECT * FROM partners_entry e
        WHERE e.bank_id = %(bank)s AND e.account_id = place.account_id
          AND e.change_seq > place.seq
        ORDER BY e.change_seq LIMIT %(limit)s
    ) e
    ORDER BY e.account_id, e.change_seq LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Before:
    """The last entry of the page before: the next one starts right after it."""

    booked_on: date
    entry_id: UUID


def accounts_of(account_ids: Sequence[UUID]) -> list[Account]:
    """The accounts, by name; those out of reach are left out."""
    mine = Account.objects.filter(bank_id=current_bank_id(), id__in=account_ids)
    return list(mine.order_by("name", "id"))


def balances_of(account_ids: Sequence[UUID]) -> list[Balance]:
    """What the bank last said these accounts hold, at most one row a kind."""
    mine = Balance.objects.filter(bank_id=current_bank_id(), account_id__in=account_ids)
    return list(mine.order_by("account_id", "kind"))


def entries_page(
    account_ids: Sequence[UUID],
    *,
    before: Before | None = None,
    limit: int,
    history_from: Mapping[UUID, date] | None = None,
    by_month: bool = False,
) -> list[Entry]:
    """Entries newest day first, without removed ones; at most `limit`, none older than `history_from`.

    An account that `history_from` leaves out is not limited. `by_month`: newest month first, and within
    it those heard of last.
    """
    page = Entry.objects.raw(
        _page_statement(
            before, "date_trunc('month', e.booked_on)::date" if by_month else "e.booked_on"
        ),
        {
            "bank": current_bank_id(),
            "accounts": list(account_ids),
            "floors": [(history_from or {}).get(each, date.min) for each in account_ids],
            "day": _day_of(before, by_month=by_month),
            "entry": before.entry_id if before else None,
            "limit": limit,
        },
    )
    return list(page)


def _day_of(before: Before | None, *, by_month: bool) -> date | None:
    if before is None:
        return None
    return before.booked_on.replace(day=1) if by_month else before.booked_on


def _page_statement(before: Before | None, day: str) -> str:
    # By account first, so that each walks its own index in order and stops at the limit.
    after = f"AND ({day}, e.id) < (%(day)s, %(entry)s)" if before else ""
    return f"""
        SELECT e.* FROM unnest(%(accounts)s::uuid[], %(floors)s::date[]) AS mine (account_id, floor)
        CROSS JOIN LATERAL (
            SELECT * FROM partners_entry e
            WHERE e.bank_id = %(bank)s AND e.account_id = mine.account_id
              AND e.booked_on >= mine.floor AND e.status <> 'removed' {after}
            ORDER BY {day} DESC, e.id DESC LIMIT %(limit)s
        ) e
        ORDER BY {day} DESC, e.id DESC LIMIT %(limit)s
    """  # noqa: S608  # our own words; every value is a parameter


@dataclass(frozen=True, slots=True)
class Changed:
    """Entries as they are now, and how far the changes of their accounts were numbered at that moment."""

    entries: Sequence[Entry]
    heads: Mapping[UUID, int]


def changes_since(places: Mapping[UUID, int], *, limit: int) -> Changed:
    """Entries of each account changed after its place, in the order of change; removed ones too.

    `places`: account -> the last `change_seq` seen of it (0: none). At most `limit`, account by account, in
    the order of their ids. One statement: what it sees was committed up to one moment.
    """
    in_order = sorted(places)
    found: list[Any] = list(
        Entry.objects.raw(
            _CHANGES,
            {
                "bank": current_bank_id(),
                "accounts": in_order,
                "seqs": [places[each] for each in in_order],
                "limit": limit,
            },
        )
    )
    return Changed(found, heads={each.account_id: each.head for each in found})


def entries_between(
    account_id: UUID, *, since: int, through: int, booked_from: date, limit: int
) -> list[UUID]:
    """Ids of entries whose last change is numbered after `since`, up to `through`, in that order."""
    changed = Entry.objects.filter(
        bank_id=current_bank_id(),
        account_id=account_id,
        change_seq__gt=since,
        change_seq__lte=through,
        booked_on__gte=booked_from,
    )
    return list(changed.order_by("change_seq").values_list("id", flat=True)[:limit])


def forgotten_of(account_ids: Sequence[UUID]) -> dict[UUID, tuple[int, date]]:
    """Accounts of which something was forgotten: before which number, and booked before which day."""
    mine = Account.objects.filter(bank_id=current_bank_id(), id__in=account_ids)
    forgotten = mine.filter(forgotten_seq__gt=0)
    rows = forgotten.values_list("id", "forgotten_seq", "forgotten_before")
    return {each: (seq, before or date.max) for each, seq, before in rows}


def pending_since(account_id: UUID) -> date | None:
    """The day of the account's oldest pending entry; None where nothing is pending."""
    pending = Entry.objects.filter(
        bank_id=current_bank_id(), account_id=account_id, status=Entry.Status.PENDING
    )
    return pending.order_by("booked_on").values_list("booked_on", flat=True).first()


def get_entries(entry_ids: Sequence[UUID]) -> dict[UUID, Entry]:
    """The entries by id; those out of reach are left out."""
    found = Entry.objects.filter(bank_id=current_bank_id(), id__in=entry_ids)
    return {each.id: each for each in found}


def entries_named(account_id: UUID, external_ids: Collection[str]) -> dict[str, UUID]:
    """The account's entries by the ids of its bank's interfaces, their present ones or ones that they had before.

    An id means something within its source alone: one that means two payments, each of another, names none.
    """
    named = {
        "bank_id": current_bank_id(),
        "account_id": account_id,
        "external_id__in": external_ids,
        "source__startswith": LIVE,
    }
    before = EntryAlias.objects.filter(**named).values_list("source", "external_id", "entry_id")
    present = Entry.objects.filter(**named).values_list("source", "external_id", "id")
    meant = {(source, key): entry for source, key, entry in (*before, *present)}
    found: dict[str, set[UUID]] = {}
    for (_source, key), entry_id in meant.items():
        found.setdefault(key, set()).add(entry_id)
    return {key: min(entries) for key, entries in found.items() if len(entries) == 1}


def doubted_names(account_id: UUID) -> list[EntryPair]:
    """Pairs that may be one payment under two references of one source, as nobody has decided yet."""
    open_ = EntryPair.objects.filter(
        bank_id=current_bank_id(),
        account_id=account_id,
        state=EntryPair.State.OPEN,
        reason=EntryPair.Reason.NAMES,
    )
    return list(open_.select_related("first", "second").order_by("id"))


def two_payments(account_id: UUID) -> frozenset[frozenset[UUID]]:
    """Pairs of the account's entries of which staff have said that they are two."""
    said = EntryPair.objects.filter(
        bank_id=current_bank_id(), account_id=account_id, state=EntryPair.State.TWO
    )
    return frozenset(frozenset(each) for each in said.values_list("first_id", "second_id"))
