"""What a bank answers for: read across rooms, in the bank's block. Whatever is counted over a time is added up
from tallies, so that a page costs the same however much was read.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, Max, OuterRef, Q, Subquery, Sum, When
from django.db.models.functions import Coalesce

from accounts.clients.models import Client
from accounts.consent.models import Consent, Purpose
from accounts.consent.queries import LiveCount, live_counts
from accounts.disclosure.models import Disclosure, DisclosureCount, Tally
from accounts.disclosure.queries import NO_READERS, STAFF, disclosures_of
from partners.banks.models import Customer
from partners.banks.paging import KeyPage, Place, cut_page
from partners.compliance.rules import DAYS_PLOTTED, Period
from partners.console.queries import DisclosureFilter, wanted_disclosures
from partners.feeds.queries import enabled_kinds
from partners.records.models import ErasureJob, LegalHold
from partners.records.queries import live_holds

RELEASED = Disclosure.Decision.RELEASED
REFUSED = Disclosure.Decision.REFUSED
# Whoever works at the bank is one line, not one each.
ALL_STAFF = "staff"


@dataclass
class Readings:
    """What tallies say of one recipient."""

    times: int = 0
    refused: int = 0
    last_at: datetime | None = None
    by_day: dict[date, int] = field(default_factory=dict)
    by_feed: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipients:
    """Everyone who may read, or ever did: what they are allowed, and what they read."""

    live: Mapping[str, Sequence[LiveCount]]
    readings: Mapping[str, Readings]
    purposes: Mapping[UUID, Purpose]
    clients: Mapping[str, Client]
    feeds_on: frozenset[str]
    since: date


def recipients(*, today: date, at: datetime) -> Recipients:
    """Seven queries, however many customers allow something and however often it was read."""
    live: dict[str, list[LiveCount]] = defaultdict(list)
    for each in live_counts(at=at):
        live[recipient_of(each)].append(each)
    since = today - timedelta(days=DAYS_PLOTTED - 1)
    readings = _readings(since)
    names = {each for each in (*live, *readings) if each.startswith("client:")}
    ids = [int(each.partition(":")[2]) for each in names]
    wanted = {each.purpose_id for counts in live.values() for each in counts}
    return Recipients(
        live=live,
        readings=readings,
        purposes=Purpose.objects.in_bulk(wanted),
        clients={f"client:{each.pk}": each for each in Client.objects.filter(pk__in=ids)},
        feeds_on=enabled_kinds(),
        since=since,
    )


def recipient_of(count: LiveCount) -> str:
    """As a disclosure names it."""
    return count.recipient if count.client_id is None else f"{count.recipient}:{count.client_id}"


def _readings(since: date) -> dict[str, Readings]:
    found: dict[str, Readings] = defaultdict(Readings)
    whole = Tally.objects.order_by().values_list("recipient")
    for recipient, times, refused, last_at in whole.annotate(
        shown=Sum("times", filter=Q(decision=RELEASED), default=0),
        refused=Sum("times", filter=Q(decision=REFUSED), default=0),
        last=Max("last_at", filter=Q(decision=RELEASED)),
    ):
        of = found[_line_of(recipient)]
        of.times += times
        of.refused += refused
        of.last_at = max(filter(None, (of.last_at, last_at)), default=None)
    lately = Tally.objects.filter(day__gte=since, decision=RELEASED).order_by()
    for recipient, day, times in lately.values_list("recipient", "day").annotate(n=Sum("times")):
        days = found[_line_of(recipient)].by_day
        days[day] = days.get(day, 0) + times
    for recipient, feed, times in lately.values_list("recipient", "feed").annotate(n=Sum("times")):
        feeds = found[_line_of(recipient)].by_feed
        feeds[feed] = feeds.get(feed, 0) + times
    return dict(found)


def _line_of(recipient: str) -> str:
    return ALL_STAFF if recipient.startswith(STAFF) else recipient


# --- what was shared --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Subject:
    """Whom a search is about; no customer where what led from the pseudonym to them is erased."""

    pseudonym: UUID
    customer: Customer | None


def find_subject(text: str) -> Subject | None:
    """By the bank's own reference, exactly, or by a pseudonym of the log."""
    found = Customer.objects.filter(external_id=text).first()
    if found is not None:
        return Subject(found.pseudonym, found)
    pseudonym = _uuid(text)
    if pseudonym is None:
        return None
    found = Customer.objects.filter(pseudonym=pseudonym).first()
    if found is None and not disclosures_of(pseudonym).exists():
        return None
    return Subject(pseudonym, found)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class Total:
    """How often one recipient was shown one feed for one purpose, or refused it for one reason."""

    recipient: str
    purpose: str
    feed: str
    decision: str
    reason: str
    records: int
    times: int
    row_count: int
    last_at: datetime


_KIND = ("recipient", "purpose", "feed", "decision", "reason")
# A record whose kind is counted further within its minute or its day.
_COUNTED = Q(decision=REFUSED) | Q(recipient="portal") | Q(recipient__startswith=STAFF)


def totals_of(wanted: DisclosureFilter, period: Period) -> list[Total]:
    """Those of others first, most often first: of one customer from their own records, of the whole bank from
    tallies."""
    rows = _of_customer(wanted, period) if wanted.pseudonym else _of_bank(wanted, period)
    return sorted(
        (Total(*row) for row in rows),
        key=lambda it: (is_own(it.recipient), -it.times, it.recipient, it.feed, it.reason),
    )


def is_own(recipient: str) -> bool:
    """Whether it is we, who read for others, the bank itself, or its staff at the record."""
    return recipient in NO_READERS or recipient.startswith(STAFF)


def _of_customer(wanted: DisclosureFilter, period: Period) -> Iterable[tuple[Any, ...]]:
    of = DisclosureCount.objects.filter(bank_id=OuterRef("bank_id"), disclosure_id=OuterRef("id"))
    further = Case(
        When(_COUNTED, then=Coalesce(Subquery(of.values("count")[:1]), 1) - 1), default=0
    )
    rows = wanted_disclosures(wanted, period.zone).annotate(further=further).order_by()
    return rows.values_list(*_KIND).annotate(
        n=Count("id"), often=Sum(F("further") + 1), read=Sum("row_count"), last=Max("at")
    )


def _of_bank(wanted: DisclosureFilter, period: Period) -> Iterable[tuple[Any, ...]]:
    exact = {"decision": wanted.decision, "feed": wanted.feed}
    if wanted.recipient == STAFF:
        exact["recipient__startswith"] = STAFF
    else:
        exact["recipient"] = wanted.recipient
    within = Tally.objects.filter(
        day__gte=period.since,
        day__lte=period.until,
        **{name: value for name, value in exact.items() if value},
    )
    return (
        within.order_by()
        .values_list(*_KIND)
        .annotate(n=Sum("records"), often=Sum("times"), read=Sum("row_count"), last=Max("last_at"))
    )


def known_recipients() -> list[str]:
    """Everyone who ever read something or was refused it."""
    return sorted(
        {_line_of(each) for each in Tally.objects.values_list("recipient", flat=True).distinct()}
    )


def consents_in(ids: Iterable[UUID | None]) -> dict[UUID, Consent]:
    """Those that are still there, with their purposes."""
    wanted = {each for each in ids if each is not None}
    found = Consent.objects.select_related("purpose").filter(pk__in=wanted)
    return {each.id: each for each in found}


# --- nothing was shared -----------------------------------------------------------------------------


def shares_nothing() -> bool:
    """Whether every feed is off now."""
    return not enabled_kinds()


def was_shared(period: Period) -> bool:
    """Whether a day of the period has a release to anybody but the bank's own staff at its record."""
    released = Tally.objects.filter(
        day__gte=period.since, day__lte=period.until, decision=RELEASED
    )
    return released.exclude(recipient__startswith=STAFF).exists()


# --- erasures ---------------------------------------------------------------------------------------

PAGE, MOST_HOLDS = 25, 100


def erasures_page(place: Place | None) -> KeyPage[ErasureJob]:
    """What was asked for last first; each with its customer in `customer`, while there is one.

    A place's key is (`requested_at` in ISO 8601, id).
    """
    rows = ErasureJob.objects.all()
    back = place is not None and place.direction == "before"
    if place is not None:
        at, row_id = datetime.fromisoformat(place.key[0]), UUID(place.key[1])
        newer = Q(requested_at__gt=at) | Q(requested_at=at, id__gt=row_id)
        older = Q(requested_at__lt=at) | Q(requested_at=at, id__lt=row_id)
        bound = Q(requested_at__gte=at) if back else Q(requested_at__lte=at)
        rows = rows.filter(bound, newer if back else older)
    order = ("requested_at", "id") if back else ("-requested_at", "-id")
    page = cut_page(
        list(rows.order_by(*order)[: PAGE + 1]),
        size=PAGE,
        place=place,
        key_of=lambda each: [each.requested_at.isoformat(), str(each.id)],
    )
    there = Customer.objects.in_bulk({each.customer_id for each in page.rows})
    for each in page.rows:
        each.customer = there.get(each.customer_id)  # type: ignore[attr-defined]  # carried along
    return page


def holds_in_force() -> list[LegalHold]:
    """What the bank has to keep now, longest first."""
    found = live_holds().select_related("customer").order_by("placed_at", "id")
    return list(found[:MOST_HOLDS])


def find_erasure(erasure_id: UUID) -> ErasureJob | None:
    return ErasureJob.objects.filter(pk=erasure_id).first()
