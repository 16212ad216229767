"""Which feeds the served bank shares, and how fresh what we read of them is."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connections

from partners.feeds.models import Feed, FeedCursor
from portal.tenancy.blocks import current_bank_id

_BANKS_WITH_WORK = """
    SELECT bank_id FROM partners_feedcursor
    WHERE due_at <= %s AND (lease_until IS NULL OR lease_until <= %s)
    GROUP BY bank_id ORDER BY min(due_at)
"""


def enabled_kinds() -> frozenset[str]:
    """The kinds that the bank shares at all."""
    return frozenset(Feed.objects.filter(enabled=True).values_list("kind", flat=True))


def banks_with_due_cursors(*, at: datetime) -> list[UUID]:
    """The banks that have feeds to read, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at, at])
        return [row[0] for row in cursor.fetchall()]


def cursors_of(account_ids: Sequence[UUID]) -> list[FeedCursor]:
    """Where reading stands for these accounts: `fresh_as_of` apart from `ran_at`."""
    mine = FeedCursor.objects.filter(bank_id=current_bank_id(), account_id__in=account_ids)
    return list(mine.order_by("account_id", "kind"))
