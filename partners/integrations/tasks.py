"""Trying a bank's systems, off the page."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from partners.integrations import changing
from partners.integrations.actions import check_integration


@shared_task(name="partners.integrations.tasks.check")
def check(*, bank_id: str, mode: str) -> None:
    """Try each step of the bank's integration and keep what was found; twice does no harm."""
    check_integration(bank_id=UUID(bank_id), mode=mode, clock=timezone.now)


@shared_task(name="partners.integrations.tasks.try_next_key")
def try_next_key(*, bank_id: str, mode: str) -> None:
    """Prove who we are by our next key, and change over where the bank takes it; twice finds none that is next."""
    changing.try_next_key(bank_id=UUID(bank_id), mode=mode, clock=timezone.now)
