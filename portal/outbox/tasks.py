"""The outbox's place in the timetable."""

from collections.abc import Iterable
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.utils import timezone
from django.utils.module_loading import import_string

from portal.outbox.actions import KEPT, forget_delivered
from portal.tenancy.blocks import serving


@shared_task(name="portal.outbox.tasks.age_out")
def age_out() -> None:
    """Forget what was delivered over thirty days ago, bank by bank."""
    bank_ids: Iterable[UUID] = import_string(settings.TENANCY_BANK_IDS)()
    for bank_id in bank_ids:
        with serving(bank_id):
            forget_delivered(before=timezone.now() - KEPT)
