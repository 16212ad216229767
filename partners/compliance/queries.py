"""What a bank answers for: read across rooms, in the bank's block. Whatever is counted over a time is added up
from tallies, so that a page costs the same however much was read.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Max, Q, Sum

from accounts.clients.models import Client
from accounts.consent.models import Purpose
from accounts.consent.queries import LiveCount, live_counts
from accounts.disclosure.models import Disclosure, Tally
from accounts.disclosure.queries import STAFF
from partners.compliance.rules import DAYS_PLOTTED
from partners.feeds.queries import enabled_kinds

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
