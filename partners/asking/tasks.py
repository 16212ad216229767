"""Requests of programs that nobody answered."""

from celery import shared_task
from django.utils import timezone

from partners.asking.actions import forget_unanswered
from partners.banks.queries import bank_ids


@shared_task(name="partners.asking.tasks.forget_unanswered")
def forget() -> None:
    """Forget requests whose time is over, bank by bank; twice does no harm."""
    for bank_id in bank_ids():
        forget_unanswered(bank_id=bank_id, at=timezone.now())
