"""What is old, what keeps it, and what went."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.db import connection, models
from django.db.models import Q, QuerySet

from accounts.consent.models import ConsentResource, Purpose
from accounts.linking.models import Link
from partners.connections.models import Connection
from partners.ledger.models import Account, Entry
from partners.records.queries import live_holds
from partners.retention.models import Kept, RetentionRule, RetentionRun
from partners.retention.rules import NAMES, RAW, Days, Grant, kept_from
from partners.sharing.rules import FEED_OF_ALERT, TIED_TO
from portal.tenancy.blocks import current_bank_id

# By account first, so that each walks an index of its own from its oldest row and stops at the limit.
_OLD = """
    SELECT old.id, a.id FROM unnest(%(accounts)s::uuid[], %(floors)s::text[]) AS a (id, floor)
    CROSS JOIN LATERAL (
        SELECT t.id FROM {table} t
        WHERE t.bank_id = %(bank)s AND t.account_id = a.id AND t.{day} < a.floor::{type} {more}
        ORDER BY t.{day} LIMIT %(limit)s
    ) old
    LIMIT %(limit)s
"""
# A payment that the bank is asked about just now stays until that is over.
_NOBODY_ASKS = """
    AND NOT EXISTS (
        SELECT FROM partners_alert l JOIN partners_instruction i
          ON i.bank_id = l.bank_id AND i.alert_id = l.id
        WHERE l.bank_id = t.bank_id AND l.entry_id = t.id AND i.status IN ('requested', 'unknown'))
"""
EVERYTHING = "infinity"


@dataclass(frozen=True)
class Source:
    """A table that ages out by the account: `day` says how old a row is. `whole`: with the last consent alone."""

    table: str
    day: str
    type: str = "timestamptz"
    more: str = ""
    whole: bool = False

    @property
    def statement(self) -> str:
        return _OLD.format(table=self.table, day=self.day, type=self.type, more=self.more)


SOURCES: Mapping[str, tuple[Source, ...]] = {
    Kept.TRANSACTIONS: (Source("partners_entry", "booked_on", "date", _NOBODY_ASKS),),
    Kept.RECEIPTS: (Source("partners_receipt", "issued_at"),),
    Kept.SHIPMENTS: (Source("partners_shipment", "updated_at"),),
    Kept.BALANCES: (
        Source("partners_balance", "read_at", whole=True),
        Source("partners_alert", "raised_at", more="AND t.entry_id IS NULL"),
    ),
}


def chosen_days() -> Days:
    """What the served bank chose."""
    rows = RetentionRule.objects.values_list("kind", "purpose", "days")
    return {(kind, purpose): days for kind, purpose, days in rows}


def purposes_of(kind: str) -> dict[str, str]:
    """The purposes that need a kind, code and title; of what is read for none, one without a name."""
    if kind in {RAW, NAMES}:
        return {"": ""}
    newest = {each.code: each for each in Purpose.objects.order_by("version")}
    return {
        code: each.title
        for code, each in sorted(newest.items())
        if kind in _feeds_for(each.feeds, each.alert_types)
    }


def floors_of(
    account_ids: Sequence[UUID], *, kind: str, chosen: Days, at: datetime
) -> dict[UUID, date | None]:
    """From which day on each account's rows of that kind are kept; None: none are."""
    grants: dict[UUID, list[Grant]] = defaultdict(list)
    rows = ConsentResource.objects.filter(
        bank_id=current_bank_id(), account_id__in=account_ids
    ).values_list(
        *("account_id", "scope", "code", "consent__purpose__code"),
        *("consent__history_from", "consent__ended_at", "consent__expires_at"),
    )
    for account_id, scope, code, *of_consent in rows:
        feeds = _feeds_for([code], []) if scope == "feed" else _feeds_for([], [code])
        grants[account_id].append(Grant(feeds, *of_consent))
    return {each: kept_from(grants[each], kind=kind, chosen=chosen, at=at) for each in account_ids}


def _feeds_for(feeds: Collection[str], alert_types: Collection[str]) -> frozenset[str]:
    """What has to be read: the feeds, what alerts are found in, what receipts and parcels are tied to."""
    found = {FEED_OF_ALERT[each] for each in alert_types if each in FEED_OF_ALERT}
    return frozenset({*feeds, *found, *(TIED_TO[each] for each in feeds if each in TIED_TO)})


def old_rows(source: Source, floors: Mapping[UUID, str], *, limit: int) -> list[tuple[UUID, UUID]]:
    """Rows older than their account's floor, oldest first of each, with the account; at most `limit`."""
    asked = {
        account: floor
        for account, floor in floors.items()
        if floor == EVERYTHING or not source.whole
    }
    if not asked:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            source.statement,
            {
                "bank": current_bank_id(),
                "accounts": list(asked),
                "floors": list(asked.values()),
                "limit": limit,
            },
        )
        return list(cursor.fetchall())


def old_removals(
    account_ids: Sequence[UUID], *, before: datetime, limit: int
) -> list[tuple[UUID, UUID]]:
    """Entries that were removed before then, with their accounts; at most `limit`."""
    old = Entry.objects.filter(
        bank_id=current_bank_id(),
        account_id__in=account_ids,
        status=Entry.Status.REMOVED,
        changed_at__lt=before,
    )
    return list(old.values_list("id", "account_id")[:limit])


def forgotten_by_account(entry_ids: Collection[UUID]) -> dict[UUID, tuple[int, date | None]]:
    """By account: the highest number of these entries' changes, and the last day of those not removed."""
    of_account = Entry.objects.filter(bank_id=current_bank_id(), id__in=entry_ids)
    shown = ~models.Q(status=Entry.Status.REMOVED)
    found = of_account.values_list("account_id").annotate(
        through=models.Max("change_seq"), last_day=models.Max("booked_on", filter=shown)
    )
    return {account: (seq, last_day) for account, seq, last_day in found.order_by("account_id")}


def accounts_after(last: UUID | None, *, limit: int) -> list[UUID]:
    """The next accounts of the served bank, in the order of their ids."""
    accounts = Account.objects.filter(bank_id=current_bank_id()).order_by("id")
    if last is not None:
        accounts = accounts.filter(id__gt=last)
    return list(accounts.values_list("id", flat=True)[:limit])


def named_no_more(account_ids: Collection[UUID], *, before: datetime, at: datetime) -> set[UUID]:
    """Of these accounts, those with a name that nobody has been connected with since `before`, and no consent names.

    Somebody is connected with an account while it is linked to them by an authorisation that is in force.
    """
    tied = Link.objects.filter(bank_id=current_bank_id(), account_id__in=account_ids)
    connected = Q(ended_at=None) & Q(connection__status=Connection.Status.ACTIVE)
    lately = Q(ended_at__gt=before) | Q(ended_at=None, connection__changed_at__gt=before)
    named = ConsentResource.objects.filter(bank_id=current_bank_id(), account_id__in=account_ids)
    allowed = named.filter(consent__ended_at=None, consent__expires_at__gt=at)
    kept = {
        *tied.filter(connected | lately).values_list("account_id", flat=True),
        *allowed.values_list("account_id", flat=True),
    }
    asked = Account.objects.filter(bank_id=current_bank_id(), id__in=account_ids)
    old = asked.filter(created_at__lte=before).exclude(name="", masked_identification="")
    return set(old.values_list("id", flat=True)) - kept


def held_accounts(among: Collection[UUID] | None = None) -> set[UUID]:
    """Accounts that are, or were, those of a customer of whom the bank has to keep everything."""
    links = Link.objects.filter(
        bank_id=current_bank_id(), customer_id__in=live_holds().values("customer_id")
    )
    if among is not None:
        links = links.filter(account_id__in=among)
    return set(links.values_list("account_id", flat=True))


def names_at_bank(account_ids: Collection[UUID]) -> list[str]:
    """What the bank calls these accounts, as its hints do."""
    found = Account.objects.filter(bank_id=current_bank_id(), id__in=account_ids)
    return list(found.values_list("external_id", flat=True))


def customers_of(account_ids: Collection[UUID]) -> list[UUID]:
    """Whose these accounts are, or were."""
    links = Link.objects.filter(bank_id=current_bank_id(), account_id__in=account_ids)
    return sorted(set(links.values_list("customer_id", flat=True)))


def runs() -> "QuerySet[RetentionRun]":
    """What aged out, newest first."""
    return RetentionRun.objects.filter(bank_id=current_bank_id()).order_by("-on", "kind")


def runs_after(last: UUID | None, *, limit: int) -> "QuerySet[RetentionRun]":
    """A page of all runs, in the order in which they began."""
    found = RetentionRun.objects.filter(bank_id=current_bank_id()).order_by("id")
    return (found if last is None else found.filter(id__gt=last))[:limit]
