"""Wake-ups of reading: each finds by itself what is due, may be lost, and may run twice."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from partners.feeds.queries import banks_with_due_cursors
from partners.sync.actions import PULL_DUE
from partners.sync.pulling import pull_bank
from portal.telemetry.measures import SEEN
from portal.wakeups import awake, wake


@shared_task(name=PULL_DUE)
def pull_due(*, bank_id: str | None = None) -> None:
    """Read what one bank has due; without a bank, wake one of these for each that has, fairest first."""
    if bank_id is not None:
        awake(PULL_DUE, bank_id=UUID(bank_id))
        pull_bank(bank_id=UUID(bank_id), clock=timezone.now)
        return
    SEEN.labels("worker").set_to_current_time()
    for each in banks_with_due_cursors(at=timezone.now()):
        wake(PULL_DUE, bank_id=str(each))
