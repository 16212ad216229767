"""Reading what was shown and what was refused."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from uuid import UUID

from django.core.cache import cache
from django.db.models import Count, Max, QuerySet
from django.db.models.functions import TruncDate

from accounts.disclosure.models import Disclosure, DisclosureCount

# Named by no consent: we read for those who are, and the bank is told what its customer asks.
NO_READERS = ("portal", "bank")
# The bank's own staff, who look at the record itself and see no data: `staff:<id>`.
STAFF = "staff:"


@dataclass(frozen=True)
class Access:
    """How often something was read under a consent, and when last."""

    times: int
    last_at: datetime


def is_tampered(bank_id: UUID) -> bool:
    """Whether the demonstration has rewritten a record of this bank, and not put it back."""
    return cache.get(tampered_key(bank_id)) is not None


def tampered_key(bank_id: UUID) -> str:
    return f"tampered:{bank_id}"


def disclosures_of(pseudonym: UUID) -> QuerySet[Disclosure]:
    """Releases and refusals of one customer's data, newest first."""
    return Disclosure.objects.filter(pseudonym=pseudonym).order_by("-at", "-id")


def accesses_of(consent_ids: Collection[UUID]) -> dict[UUID, Access]:
    """Per consent how often its recipient read, and when last; those never read under are left out."""
    rows = (
        Disclosure.objects.filter(
            consent_id__in=consent_ids, decision=Disclosure.Decision.RELEASED
        )
        .exclude(recipient__in=NO_READERS)
        .order_by()
        .values_list("consent_id")
        .annotate(times=Count("id"), last_at=Max("at"))
    )
    return {consent_id: Access(times, last_at) for consent_id, times, last_at in rows}


def accesses_by_day(
    consent_ids: Collection[UUID], *, since: datetime, zone: tzinfo
) -> dict[UUID, dict[date, int]]:
    """Per consent how often its recipient read on each calendar day of that zone."""
    rows = (
        Disclosure.objects.filter(
            consent_id__in=consent_ids, decision=Disclosure.Decision.RELEASED, at__gte=since
        )
        .exclude(recipient__in=NO_READERS)
        .order_by()
        .annotate(day=TruncDate("at", tzinfo=zone))
        .values_list("consent_id", "day")
        .annotate(times=Count("id"))
    )
    found: dict[UUID, dict[date, int]] = defaultdict(dict)
    for consent_id, day, times in rows:
        found[consent_id][day] = times
    return found


def times_of(disclosures: Sequence[Disclosure]) -> dict[UUID, int]:
    """For how many of its kind each row stands; those that are never counted are left out."""
    ids = [each.id for each in disclosures]
    counts = DisclosureCount.objects.filter(disclosure_id__in=ids)
    return dict(counts.values_list("disclosure_id", "count"))
