"""A customer's data as the API reads it: gate, one read, disclosure, in the open block."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from partners.feeds.models import FeedCursor
from partners.feeds.queries import cursors_of
from partners.feeds.rules import ACCOUNTS
from partners.ledger.models import Account, Entry
from partners.ledger.queries import (
    Before,
    Changed,
    accounts_of,
    balances_of,
    changes_since,
    entries_page,
    forgotten_of,
)
from partners.purchases.models import Receipt, Shipment
from partners.purchases.queries import lines_of, page_of, receipts_of, shipments_of, stops_of
from partners.sharing.coverage import covered_days
from partners.sharing.gate import (
    Allowed,
    Ask,
    Door,
    Recipient,
    Refused,
    Scope,
    authorize,
    disclosed,
    refuse,
)
from partners.sharing.receipts_beside import receipts_beside
from partners.sharing.shapes import (
    account_shape,
    balance_shape,
    instant,
    receipt_shape,
    shipment_shape,
    transaction_shape,
)
from partners.sharing.sync_rules import CutAt, Place, Seen, news_of, terms_of
from portal.middleware import current_request_id

BALANCES, TRANSACTIONS = "balances", "transactions"
RECEIPTS, SHIPMENTS = "receipts", "shipments"
Row = TypeVar("Row", Receipt, Shipment)


@dataclass(frozen=True)
class Reader:
    """Who reads, when, through which door."""

    recipient: Recipient
    at: datetime
    door: Door = Door.REST


@dataclass(frozen=True)
class Read:
    """What was read, JSON-ready, and under which disclosure."""

    body: Mapping[str, Any]
    disclosure_id: UUID


@dataclass(frozen=True)
class Page(Read):
    """One page; `following` is where the next one begins, None after the last."""

    following: Before | None


@dataclass(frozen=True)
class Listed(Read):
    """One page of a list; `following` is the row behind which the next one begins, None after the last."""

    following: UUID | None


@dataclass(frozen=True)
class Cut(Generic[Row]):
    """The rows of a page, and the last of them where more follow."""

    rows: Sequence[Row]
    following: UUID | None


@dataclass(frozen=True)
class Listing:
    """Which page of a list: at most `limit` rows behind one, of one transaction where it is named."""

    limit: int
    before: UUID | None = None
    entry_id: UUID | None = None

    def cut(self, rows: "QuerySet[Row]") -> Cut[Row]:
        found = page_of(rows, before=self.before, entry_id=self.entry_id, limit=self.limit + 1)
        page = found[: self.limit]
        return Cut(page, page[-1].id if len(found) > self.limit else None)


@dataclass(frozen=True)
class Changes(Read):
    """What changed since the places before; `places` are where to go on."""

    places: Mapping[UUID, Place]
    has_more: bool


def read_accounts(reader: Reader) -> Read:
    """Every account that something is shared of."""
    allowed = _allowed(reader, ACCOUNTS, None)
    accounts = accounts_of(allowed.account_ids)
    noted = disclosed(allowed, dict.fromkeys(allowed.account_ids, 1))
    return Read({"accounts": _account_shapes(accounts, allowed)}, noted)


def read_account(reader: Reader, account_id: UUID) -> Read:
    allowed = _allowed(reader, ACCOUNTS, (account_id,))
    (account,) = accounts_of(allowed.account_ids)
    (shape,) = _account_shapes([account], allowed)
    return Read(shape, disclosed(allowed, {account_id: 1}))


def _account_shapes(accounts: Sequence[Account], allowed: Allowed) -> list[dict[str, Any]]:
    return [account_shape(each, allowed.masked_of_accounts) for each in accounts]


def read_balances(reader: Reader, account_id: UUID) -> Read:
    """What the account holds, and as of when the bank last answered in full."""
    allowed = _allowed(reader, BALANCES, (account_id,))
    balances = balances_of(allowed.account_ids)
    body = {
        "account_id": str(account_id),
        "balances": [balance_shape(each, allowed.masked_fields) for each in balances],
        "fresh_as_of": _fresh_as_of(account_id, BALANCES),
    }
    return Read(body, disclosed(allowed, {account_id: len(balances)}))


def read_transactions(
    reader: Reader, account_id: UUID, *, before: Before | None, limit: int
) -> Page:
    """A page of the account's transactions, newest day first; at most `limit`."""
    allowed = _allowed(reader, TRANSACTIONS, (account_id,))
    found = entries_page(
        allowed.account_ids,
        before=before,
        limit=limit + 1,
        history_from=allowed.history_from,
        by_month=allowed.by_month,
    )
    page = found[:limit]
    cursors = cursors_of([account_id])
    following = _place_of(page[-1], allowed) if len(found) > limit else None
    body = {
        "account_id": str(account_id),
        "transactions": [transaction_shape(each, allowed.masked_fields) for each in page],
        "history_from": allowed.history_from[account_id].isoformat(),
        **covered_days(
            cursors,
            history_from=allowed.history_from[account_id],
            by_month=allowed.by_month,
        ),
        "fresh_as_of": _freshest(cursors, TRANSACTIONS),
    }
    return Page(body, disclosed(allowed, {account_id: len(page)}), following)


def _place_of(entry: Entry, allowed: Allowed) -> Before:
    # A cursor is signed and can be read: where months alone are shown, it holds no day either.
    day = entry.booked_on.replace(day=1) if allowed.by_month else entry.booked_on
    return Before(day, entry.id)


def read_receipts(reader: Reader, account_id: UUID, asked: Listing) -> Listed:
    """A page of the account's receipts, those heard of last first."""
    allowed = _allowed(reader, RECEIPTS, (account_id,))
    found = asked.cut(receipts_of(allowed.history_from))
    lines = lines_of([each.id for each in found.rows])
    shapes = [
        receipt_shape(each, lines.get(each.id, ()), allowed.masked_fields) for each in found.rows
    ]
    return _listed(allowed, account_id, RECEIPTS, shapes, found.following)


def read_shipments(reader: Reader, account_id: UUID, asked: Listing) -> Listed:
    """The same of shipments."""
    allowed = _allowed(reader, SHIPMENTS, (account_id,))
    found = asked.cut(shipments_of(allowed.history_from))
    stops = stops_of([each.id for each in found.rows])
    receipts = receipts_beside(found.rows, allowed)
    shapes = [
        shipment_shape(
            each,
            stops.get(each.id, ()),
            allowed.masked_fields,
            receipt_id=receipts.get(each.id),
        )
        for each in found.rows
    ]
    return _listed(allowed, account_id, SHIPMENTS, shapes, found.following)


def _listed(
    allowed: Allowed,
    account_id: UUID,
    kind: str,
    shapes: Sequence[Mapping[str, Any]],
    following: UUID | None,
) -> Listed:
    body = {
        "account_id": str(account_id),
        kind: shapes,
        "history_from": allowed.history_from[account_id].isoformat(),
        "fresh_as_of": _fresh_as_of(account_id, kind),
    }
    return Listed(body, disclosed(allowed, {account_id: len(shapes)}), following)


def read_changes(reader: Reader, places: Mapping[UUID, Place], *, limit: int) -> Changes:
    """Added, modified and removed transactions of all shared accounts after `places`.

    An account without a place is new: it starts from nothing. One with a place that is no longer
    shared, or of which other things are shown by now, or of which more was forgotten than its place allows for,
    comes back in `removed_accounts`; where it is shared still, it starts from nothing in the next answer.
    """
    allowed = _allowed(reader, TRANSACTIONS, None)
    terms = {
        each: terms_of(allowed.history_from[each], allowed.masked_fields)
        for each in allowed.account_ids
    }
    asked = _asked(places, terms)
    found = changes_since({each: place.seq for each, place in asked.items()}, limit=limit + 1)
    # Only now: what is forgotten from here on was read.
    current = _still_good(asked, places, allowed)
    page = [each for each in found.entries[:limit] if each.account_id in current]
    news = news_of(
        (_seen(each) for each in page),
        current,
        history_from=allowed.history_from,
        cut=_cut(found, limit),
    )
    shown = {each.id: transaction_shape(each, allowed.masked_fields) for each in page}
    body = {
        "added": [shown[each] for each in news.added],
        "modified": [shown[each] for each in news.modified],
        "removed": [
            {"id": shown[each]["id"], "account_id": shown[each]["account_id"]}
            for each in news.removed
        ],
        "removed_accounts": sorted(str(each) for each in places if each not in current),
    }
    told = {*news.added, *news.modified, *news.removed}
    counts = Counter(each.account_id for each in page if each.id in told)
    noted = disclosed(allowed, counts)
    has_more = len(found.entries) > limit or len(current) < len(allowed.account_ids)
    return Changes(body, noted, places=news.places, has_more=has_more)


def _asked(places: Mapping[UUID, Place], terms: Mapping[UUID, str]) -> dict[UUID, Place]:
    """Where each account that is shared begins or goes on, without those of which other things are shown by now."""
    new = [each for each in terms if each not in places]
    forgotten = forgotten_of(new) if new else {}
    begun = {each: forgotten[each][0] if each in forgotten else 0 for each in new}
    return {
        each: Place(terms[each], begun[each]) if each in begun else places[each]
        for each in terms
        if each in begun or places[each].terms == terms[each]
    }


def _still_good(
    asked: Mapping[UUID, Place], places: Mapping[UUID, Place], allowed: Allowed
) -> dict[UUID, Place]:
    """Places without those behind which something was forgotten that the caller may have."""
    forgotten = forgotten_of([each for each in asked if each in places])
    lost = {
        each
        for each, (seq, before) in forgotten.items()
        if max(asked[each].seq, asked[each].begun) < seq and allowed.history_from[each] < before
    }
    return {each: place for each, place in asked.items() if each not in lost}


def _cut(found: Changed, limit: int) -> CutAt | None:
    if len(found.entries) <= limit:
        return None
    account_id = found.entries[limit].account_id
    return CutAt(account_id, found.heads[account_id])


def _seen(entry: Entry) -> Seen:
    return Seen(
        id=entry.id,
        account_id=entry.account_id,
        seq=entry.change_seq,
        before=entry.seqs_before or (),
        removed=entry.status == Entry.Status.REMOVED,
        booked_on=entry.booked_on,
    )


def _fresh_as_of(account_id: UUID, kind: str) -> str | None:
    return _freshest(cursors_of([account_id]), kind)


def _freshest(cursors: Iterable[FeedCursor], kind: str) -> str | None:
    """When the bank last answered in full, over whichever connection did so last."""
    of_kind: Iterable[datetime | None] = (
        each.fresh_as_of for each in cursors if each.kind == kind
    )
    return instant(max((each for each in of_kind if each is not None), default=None))


def _allowed(reader: Reader, code: str, account_ids: tuple[UUID, ...] | None) -> Allowed:
    decision = authorize(
        Ask(
            recipient=reader.recipient,
            purpose=None,
            scope=Scope.FEED,
            code=code,
            account_ids=account_ids,
            door=reader.door,
            at=reader.at,
            request_id=current_request_id(),
        )
    )
    if isinstance(decision, Refused):
        refuse(decision)
    return decision
