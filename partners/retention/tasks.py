"""Wake-ups of ageing out: each finds by itself what is over, may be lost, and may run twice."""

import time
from uuid import UUID

from celery import shared_task
from django.utils import timezone

from partners.banks.queries import bank_ids
from partners.integrations.changing import drop_keys_before
from partners.retention.actions import KINDS, age_batch
from portal.tenancy.blocks import serving
from portal.wakeups import awake, wake

TASK = "partners.retention.tasks.age_out"
# What is not done by then goes on in the next hour.
_BUDGET_SECONDS = 45


@shared_task(name=TASK)
def age_out(*, bank_id: str | None = None) -> None:
    """Let go of what is over at one bank today; without a bank, wake one of these for each."""
    if bank_id is None:
        for each in bank_ids():
            wake(TASK, bank_id=str(each))
        return
    awake(TASK, bank_id=UUID(bank_id))
    until = time.monotonic() + _BUDGET_SECONDS
    for kind in KINDS:
        while time.monotonic() < until:
            with serving(UUID(bank_id)):
                is_more = age_batch(kind, at=timezone.now())
            if not is_more:
                break
    with serving(UUID(bank_id)):
        drop_keys_before(at=timezone.now())
