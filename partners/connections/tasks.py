"""Walks to a bank that nobody finished, and what lies there unused."""

from celery import shared_task
from django.utils import timezone

from partners.banks.queries import bank_ids
from partners.connections.actions import forget_abandoned
from partners.connections.ending import end_unused, tell_due


@shared_task(name="partners.connections.tasks.forget_unfinished")
def forget_unfinished() -> None:
    """Forget walks whose time is over, and end what nothing is allowed of, bank by bank; twice does no harm."""
    for bank_id in bank_ids():
        forget_abandoned(bank_id=bank_id, at=timezone.now())
        end_unused(bank_id=bank_id, clock=timezone.now)
        tell_due(bank_id=bank_id, clock=timezone.now)
