"""Which feeds the served bank shares, and how fresh what we read of them is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.db.models import CharField, Count, Value
from django.db.models.functions import Cast, Coalesce

from accounts.consent.models import ConsentResource
from accounts.disclosure.models import Disclosure
from partners.feeds.masks import Masks, masks_of
from partners.feeds.models import Feed, FeedCursor, FeedKind
from portal.tenancy.blocks import current_bank_id

_BANKS_WITH_WORK = """
    SELECT bank_id FROM partners_feedcursor
    WHERE due_at <= %s AND (lease_until IS NULL OR lease_until <= %s)
    GROUP BY bank_id ORDER BY min(due_at)
"""

_UNREADABLE = """
    SELECT coalesce(sum(unreadable_rows), 0) FROM partners_feedcursor WHERE unreadable_rows > 0
"""


def enabled_kinds() -> frozenset[str]:
    """The kinds that the bank shares at all."""
    return frozenset(Feed.objects.filter(enabled=True).values_list("kind", flat=True))


def shared_masks() -> dict[str, Masks]:
    """Of each kind that the bank shares, all that is masked."""
    rows = list(Feed.objects.values_list("kind", "enabled", "masked_fields"))
    chosen = {kind: masked for kind, _on, masked in rows}
    return {kind: masks_of(kind, chosen) for kind, enabled, _masked in rows if enabled}


def banks_with_due_cursors(*, at: datetime) -> list[UUID]:
    """The banks that have feeds to read, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at, at])
        return [row[0] for row in cursor.fetchall()]


def unreadable_rows() -> int:
    """How many rows of all banks could not be read and were not since; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_UNREADABLE)
        return int(cursor.fetchone()[0])


def cursors_of(account_ids: Sequence[UUID]) -> list[FeedCursor]:
    """Where reading stands for these accounts: `fresh_as_of` apart from `ran_at`."""
    mine = FeedCursor.objects.filter(bank_id=current_bank_id(), account_id__in=account_ids)
    return list(mine.order_by("account_id", "kind"))


@dataclass(frozen=True)
class Allowed:
    """How many customers allow a feed now, and how many recipients they allow it to."""

    customers: int
    recipients: int


def allowed_by_kind(*, at: datetime) -> dict[str, Allowed]:
    """What live consents name of each kind of feed; kinds that nobody allows are left out."""
    live = ConsentResource.objects.filter(
        scope=ConsentResource.Scope.FEED, consent__ended_at=None, consent__expires_at__gt=at
    )
    recipient = Coalesce(Cast("consent__client_id", CharField()), Value("chat"))
    counted = live.values("code").annotate(
        customers=Count("customer_id", distinct=True), recipients=Count(recipient, distinct=True)
    )
    return {each["code"]: Allowed(each["customers"], each["recipients"]) for each in counted}


def last_releases() -> dict[str, datetime]:
    """When each kind of feed was last shown to anybody; kinds that never were are left out."""
    found = {
        kind: Disclosure.objects.filter(feed=kind, decision=Disclosure.Decision.RELEASED)
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
        for kind in FeedKind.values
    }
    return {kind: at for kind, at in found.items() if at is not None}
