"""Wake-ups of sending, and what ages out: each finds by itself what is due, may be lost, and may run twice."""

from celery import shared_task
from django.utils import timezone

from messaging.webhooks.actions import KEPT, SEND_DUE, forget_deliveries, forget_endpoints
from messaging.webhooks.queries import is_anything_due
from messaging.webhooks.sending import send_everything_due, sender_slot
from partners.banks.queries import bank_ids
from portal.tenancy.blocks import serving
from portal.wakeups import wake

_BATCH = 5000


@shared_task(name=SEND_DUE)
def send_due() -> None:
    """Send what is due, unless as many senders as there may be do so already."""
    with sender_slot() as is_free:
        sent = send_everything_due(clock=timezone.now) if is_free else 0
    # What came while the last attempts were under way found the slot taken.
    if sent and is_anything_due(at=timezone.now()):
        wake(SEND_DUE)


@shared_task(name="messaging.webhooks.tasks.age_out")
def age_out() -> None:
    """Forget deliveries of over thirty days ago, bank by bank, and endpoints that were done away with."""
    before = timezone.now() - KEPT
    for bank_id in bank_ids():
        gone = _BATCH
        while gone >= _BATCH:
            with serving(bank_id):
                gone = forget_deliveries(before=before, at_most=_BATCH)
    forget_endpoints(before=before)
