"""What the console's pages read across rooms; each function is called in a bank's block."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDate

from accounts.clients.models import Client
from accounts.consent.models import (
    Consent,
    ConsentEvent,
    ConsentResource,
    Objection,
    Purpose,
)
from accounts.disclosure.models import Disclosure
from accounts.disclosure.queries import NO_READERS, STAFF
from accounts.linking.models import Link
from accounts.signin.models import WidgetSession
from partners.alerts.models import Alert
from partners.banks.models import Bank, Customer
from partners.banks.paging import KeyPage, Place, cut_page, newest_first
from partners.connections.models import Connection
from partners.feeds.models import Feed, FeedCursor, FeedKind
from partners.integrations.models import Integration
from partners.ledger.models import Entry
from partners.sharing.rules import Reason
from partners.sync.models import Notification
from partners.sync.queries import histories, standing_alone, standings, standings_by_account
from partners.sync.states import CALLS_USED_UP, Standing

DAYS = 14
PAGE = 25
LONGEST_HISTORY = 20
LAST_CHARACTER = "\U0010ffff"


@dataclass(frozen=True)
class Day:
    """One calendar day in the bank's zone."""

    day: date
    transactions: int
    alerts: int


def overview(bank: Bank, *, at: datetime) -> dict[str, Any]:
    """Health, counts and the last fourteen days, at the instant `at`."""
    zone = ZoneInfo(bank.time_zone)
    today = at.astimezone(zone).date()
    begin = datetime.combine(today, time.min, zone)
    days = activity(bank.id, zone, today)
    cursors = FeedCursor.objects.aggregate(
        fresh=Max("fresh_as_of"),
        ran=Max("ran_at"),
        due=Count("id", filter=Q(due_at__lte=at)),
        # What the gate holds back waits for a consent: nothing is wrong with it.
        failing=Count("id", filter=~Q(last_problem__in=["", CALLS_USED_UP, *Reason])),
    )
    shown, refused = decisions_since(begin)
    integration = Integration.objects.order_by("mode").first()
    feeds = Feed.objects.aggregate(on=Count("id", filter=Q(enabled=True)))
    return {
        "integration": integration,
        "shares_nothing": not feeds["on"],
        "fresh_as_of": cursors["fresh"],
        "ran_at": cursors["ran"],
        "due_work": cursors["due"],
        "failing_work": cursors["failing"],
        "counts": {
            "customers_linked": Link.objects.filter(ended_at=None).aggregate(
                n=Count("customer_id", distinct=True)
            )["n"],
            "transactions_today": days[-1].transactions,
            "alerts_today": days[-1].alerts,
            "disclosures_today": shown,
            "refusals_today": refused,
        },
        "days": days,
        "notifications": list(Notification.objects.order_by("-received_at")[:6]),
        "feeds_on": feeds["on"],
        "feeds_all": len(FeedKind),
    }


def activity(bank_id: UUID, zone: ZoneInfo, today: date) -> list[Day]:
    """Transactions first seen and alerts raised on each of the last days, oldest first.

    Days that are over do not change, so they are counted once; today is counted each time.
    """
    first = today - timedelta(days=DAYS - 1)
    return [*_days_over(bank_id, zone, first, today), *_days_counted(zone, today, days=1)]


def _days_over(bank_id: UUID, zone: ZoneInfo, first: date, today: date) -> list[Day]:
    key = f"console:days:{bank_id}:{zone.key}:{today}"
    kept: list[Day] | None = cache.get(key)
    if kept is None:
        kept = _days_counted(zone, first, days=DAYS - 1)
        cache.set(key, kept, timeout=24 * 3600)
    return kept


def _days_counted(zone: ZoneInfo, first: date, *, days: int) -> list[Day]:
    since = datetime.combine(first, time.min, zone)
    until = datetime.combine(first + timedelta(days=days), time.min, zone)
    entries = _by_day(
        Entry.objects.filter(created_at__gte=since, created_at__lt=until), "created_at", zone
    )
    alerts = _by_day(
        Alert.objects.filter(raised_at__gte=since, raised_at__lt=until), "raised_at", zone
    )
    each_day = (first + timedelta(days=step) for step in range(days))
    return [Day(day, entries.get(day, 0), alerts.get(day, 0)) for day in each_day]


def _by_day(rows: Any, column: str, zone: ZoneInfo) -> dict[date, int]:
    days = rows.annotate(day=TruncDate(column, tzinfo=zone)).values("day")
    return {each["day"]: each["n"] for each in days.annotate(n=Count("id"))}


def customers_page(*, query: str, place: Place | None) -> KeyPage[Customer]:
    """Customers in the order of the bank's own reference; `query` is how that begins."""
    rows = Customer.objects.all()
    if query:
        # A range of code points and not LIKE, which may use no index under a row policy.
        rows = rows.filter(external_id__gte=query, external_id__lt=query + LAST_CHARACTER)
    back = place is not None and place.direction == "before"
    if place is not None:
        rows = rows.filter(**{"external_id__lt" if back else "external_id__gt": str(place.key)})
    links = Link.objects.filter(customer_id=OuterRef("pk"), ended_at=None).order_by()
    counted = links.values("customer_id").annotate(n=Count("id")).values("n")
    newest = Connection.objects.filter(customer_id=OuterRef("pk")).order_by("-created_at")
    seen = WidgetSession.objects.filter(customer_id=OuterRef("pk")).order_by("-created_at")
    found = rows.order_by("-external_id" if back else "external_id").annotate(
        linked_accounts=Subquery(counted),
        connection_id=Subquery(newest.values("id")[:1]),
        connection_status=Subquery(newest.values("status")[:1]),
        last_seen_at=Subquery(seen.values("created_at")[:1]),
    )
    return cut_page(
        list(found[: PAGE + 1]), size=PAGE, place=place, key_of=lambda each: each.external_id
    )


def standings_of(
    customers: Iterable[Customer], *, bank: Bank, at: datetime
) -> dict[UUID, Standing]:
    """How the newest connection of each stands, by the connection's id."""
    ids = [each for each in (getattr(row, "connection_id", None) for row in customers) if each]
    connections = Connection.objects.filter(pk__in=ids).defer("access_token", "refresh_token")
    return standings(connections, bank=bank, at=at)


def accounts_of(customer_id: UUID, *, bank: Bank, at: datetime) -> list[dict[str, Any]]:
    """The customer's linked accounts, and how the connection of each stands as far as the account goes."""
    links = Link.objects.filter(customer_id=customer_id, ended_at=None).order_by("linked_at", "id")
    found = list(links.select_related("account", "connection"))
    read_to = histories({each.connection_id for each in found})
    read = standings_by_account([each.connection for each in found], bank=bank, at=at)
    unreadable: dict[tuple[UUID, UUID], list[FeedCursor]] = {}
    for row in _unreadable().filter(connection__customer_id=customer_id).order_by("kind"):
        unreadable.setdefault((row.connection_id, row.account_id), []).append(row)
    return [
        {
            "account": each.account,
            "standing": read.get((each.connection_id, each.account_id))
            or standing_alone(each.connection, bank=bank, at=at),
            "history": read_to.get((each.connection_id, each.account_id)),
            "unreadable": unreadable.get((each.connection_id, each.account_id), ()),
        }
        for each in found
    ]


def unreadable_page(*, place: Place | None) -> KeyPage[FeedCursor]:
    """Feeds with rows that could not be read, each with its account, connection and customer."""
    return newest_first(_unreadable(), size=PAGE, place=place)


def unreadable_counts() -> dict[str, int]:
    """How many rows, and of how many accounts."""
    found = FeedCursor.objects.filter(unreadable_rows__gt=0).aggregate(
        rows=Coalesce(Sum("unreadable_rows"), 0), accounts=Count("account_id", distinct=True)
    )
    return {"rows": found["rows"], "accounts": found["accounts"]}


def _unreadable() -> QuerySet[FeedCursor]:
    rows = FeedCursor.objects.filter(unreadable_rows__gt=0)
    return rows.select_related("connection__integration", "connection__customer").defer(
        "connection__access_token", "connection__refresh_token"
    )


def back_fill_of(customer_id: UUID, account_id: UUID) -> FeedCursor | None:
    """Where reading the account's payments for the customer stands; None where they are not read."""
    links = Link.objects.filter(customer_id=customer_id, account_id=account_id, ended_at=None)
    link = links.first()
    if link is None:
        return None
    return histories([link.connection_id]).get((link.connection_id, account_id))


def consents_of(customer_id: UUID) -> list[Consent]:
    """A customer's consents, newest first, each with what it names in `resources`."""
    rows = Consent.objects.filter(customer_id=customer_id).select_related("purpose", "client")
    found = list(rows.order_by("-granted_at", "-id")[:LONGEST_HISTORY])
    named: dict[UUID, set[str]] = {each.id: set() for each in found}
    for resource in ConsentResource.objects.filter(consent_id__in=named):
        named[resource.consent_id].add(resource.code)
    for each in found:
        each.named_codes = sorted(named[each.id])  # type: ignore[attr-defined]  # carried along
    return found


def objections_around(customer_id: UUID) -> list[Objection]:
    """What holders of this customer's accounts ended for every holder, they or another."""
    held = Link.objects.filter(customer_id=customer_id, ended_at=None).values("account_id")
    found = Objection.objects.select_related("client", "account").filter(account_id__in=held)
    return list(found.order_by("-at", "-id")[:LONGEST_HISTORY])


@dataclass(frozen=True)
class History:
    """The newest of what happened around one customer."""

    consents: list[ConsentEvent]
    links: list[Link]
    disclosures: list[Disclosure]


def history_of(customer: Customer) -> History:
    """Consents given and taken back, accounts linked and unlinked, data shown and refused."""
    events = ConsentEvent.objects.filter(customer_id=customer.id)
    links = Link.objects.filter(customer_id=customer.id).select_related("account")
    shown = Disclosure.objects.filter(pseudonym=customer.pseudonym)
    return History(
        consents=list(
            events.select_related("consent__purpose", "client").order_by("-at", "-id")[
                :LONGEST_HISTORY
            ]
        ),
        links=list(links.order_by("-linked_at", "-id")[:LONGEST_HISTORY]),
        disclosures=list(shown.order_by("-at", "-id")[:LONGEST_HISTORY]),
    )


@dataclass(frozen=True)
class DisclosureFilter:
    """What the bank looks for: days are the bank's own calendar days, both ends in."""

    decision: str = ""
    feed: str = ""
    since: date | None = None
    until: date | None = None
    pseudonym: UUID | None = None
    # As a disclosure names it; all of the bank's staff are one, `staff:`.
    recipient: str = ""


def disclosures_page(
    wanted: DisclosureFilter, *, zone: ZoneInfo, place: Place | None, size: int = PAGE
) -> KeyPage[Disclosure]:
    """Disclosures, newest first. A place's key is (`at` in ISO 8601, id)."""
    rows = wanted_disclosures(wanted, zone)
    back = place is not None and place.direction == "before"
    if place is not None:
        at, row_id = datetime.fromisoformat(place.key[0]), UUID(place.key[1])
        newer = Q(at__gt=at) | Q(at=at, id__gt=row_id)
        older = Q(at__lt=at) | Q(at=at, id__lt=row_id)
        # An index is entered at its own column alone, whatever an OR says of it.
        bound = Q(at__gte=at) if back else Q(at__lte=at)
        rows = rows.filter(bound, newer if back else older)
    found = list(rows.order_by(*(("at", "id") if back else ("-at", "-id")))[: size + 1])
    return cut_page(
        found, size=size, place=place, key_of=lambda each: [each.at.isoformat(), str(each.id)]
    )


def wanted_disclosures(wanted: DisclosureFilter, zone: ZoneInfo) -> QuerySet[Disclosure]:
    """All of them, in no order."""
    exact = {"decision": wanted.decision, "feed": wanted.feed, "pseudonym": wanted.pseudonym}
    if wanted.recipient != STAFF:
        exact["recipient"] = wanted.recipient
    rows = Disclosure.objects.filter(**{name: value for name, value in exact.items() if value})
    if wanted.recipient == STAFF:
        rows = rows.filter(recipient__gte=STAFF, recipient__lt=STAFF + LAST_CHARACTER)
    if wanted.since:
        rows = rows.filter(at__gte=datetime.combine(wanted.since, time.min, zone))
    if wanted.until:
        end = wanted.until + timedelta(days=1)
        rows = rows.filter(at__lt=datetime.combine(end, time.min, zone))
    return rows


def decisions_since(begin: datetime) -> tuple[int, int]:
    """How many releases to somebody, and how many refusals, since then."""
    counted = (
        Disclosure.objects.filter(at__gte=begin)
        .exclude(recipient__in=NO_READERS)
        .exclude(recipient__startswith=STAFF)
        .aggregate(
            shown=Count("id", filter=Q(decision=Disclosure.Decision.RELEASED)),
            refused=Count("id", filter=Q(decision=Disclosure.Decision.REFUSED)),
        )
    )
    return counted["shown"], counted["refused"]


def shares_nothing() -> bool:
    """Whether the served bank has every feed off."""
    return not Feed.objects.filter(enabled=True).exists()


def recipient_names(recipients: Iterable[str]) -> dict[str, str]:
    """The names of the programs among recipients such as `client:<id>`."""
    programs = {each for each in recipients if each.startswith("client:")}
    wanted = {each.partition(":")[2]: each for each in programs}
    ids = [int(each) for each in wanted if each.isdecimal()]
    return {wanted[str(each.pk)]: str(each) for each in Client.objects.filter(pk__in=ids)}


def purpose_titles() -> dict[str, str]:
    """Each purpose's words by its code, in its newest version."""
    return dict(Purpose.objects.order_by("version").values_list("code", "title"))
