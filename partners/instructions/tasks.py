"""The worker's door to instructions: a wake-up, safe to run any number of times."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from partners.instructions.actions import carry_out_due
from partners.instructions.queries import banks_with_work


@shared_task(name="partners.instructions.tasks.run_due")
def run_due(bank_id: str | None = None) -> None:
    """Carry out what is due, at one bank or at every bank that has something due."""
    banks = [UUID(bank_id)] if bank_id else banks_with_work(at=timezone.now())
    for each in banks:
        carry_out_due(bank_id=each, clock=timezone.now)
