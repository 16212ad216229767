"""What programs were told ages out."""

from celery import shared_task
from django.utils import timezone

from messaging.programs.actions import KEPT, forget_told
from partners.banks.queries import bank_ids
from portal.tenancy.blocks import serving


@shared_task(name="messaging.programs.tasks.age_out")
def age_out() -> None:
    """Forget what was told over thirty days ago, bank by bank."""
    for bank_id in bank_ids():
        with serving(bank_id):
            forget_told(before=timezone.now() - KEPT)
