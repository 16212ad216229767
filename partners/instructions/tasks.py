"""Wake-ups of carrying: each finds by itself what is due, may be lost, and may run twice."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from partners.instructions.carrying import carry_due
from partners.instructions.queries import banks_with_due_instructions
from portal.wakeups import wake


@shared_task(name="partners.instructions.tasks.run_due")
def run_due(*, bank_id: str | None = None) -> None:
    """Carry one bank's due instructions; without a bank, wake one of these for each that has some."""
    if bank_id is not None:
        carry_due(bank_id=UUID(bank_id), clock=timezone.now)
        return
    for each in banks_with_due_instructions(at=timezone.now()):
        wake("partners.instructions.tasks.run_due", bank_id=str(each))
