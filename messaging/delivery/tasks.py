"""What the chat says by itself, at its time."""

from celery import shared_task
from django.utils import timezone

from messaging.delivery.actions import remind_of_ends
from partners.banks.queries import bank_ids
from portal.tenancy.blocks import serving


@shared_task(name="messaging.delivery.tasks.remind")
def remind() -> None:
    """Tell customers what ends soon, bank by bank; twice says nothing twice."""
    for bank_id in bank_ids():
        with serving(bank_id):
            remind_of_ends(at=timezone.now())
