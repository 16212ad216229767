"""Wake-ups of sending: each finds by itself what is due, may be lost, and may run twice."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from messaging.notices.queries import banks_with_due_sendings
from messaging.notices.sending import send_due as send_bank
from portal.wakeups import wake


@shared_task(name="messaging.notices.tasks.send_due")
def send_due(*, bank_id: str | None = None) -> None:
    """Send what one bank has due; without a bank, wake one of these for each that has some."""
    if bank_id is not None:
        send_bank(bank_id=UUID(bank_id), clock=timezone.now)
        return
    for each in banks_with_due_sendings(at=timezone.now()):
        wake("messaging.notices.tasks.send_due", bank_id=str(each))
