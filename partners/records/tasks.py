"""Wake-ups of erasing: each finds by itself what is due, may be lost, and may run twice."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from partners.records.actions import TASK
from partners.records.erasing import erase_due as erase_bank
from partners.records.queries import banks_with_due_erasures
from portal.wakeups import awake, wake


@shared_task(name=TASK)
def erase_due(*, bank_id: str | None = None) -> None:
    """Carry out one bank's due erasures; without a bank, wake one of these for each that has some."""
    if bank_id is not None:
        awake(TASK, bank_id=UUID(bank_id))
        erase_bank(bank_id=UUID(bank_id), clock=timezone.now)
        return
    for each in banks_with_due_erasures(at=timezone.now()):
        wake(TASK, bank_id=str(each))
