"""Trying a bank's systems, off the page."""

from uuid import UUID

from celery import shared_task
from django.utils import timezone

from partners.integrations.actions import check_integration


@shared_task(name="partners.integrations.tasks.check")
def check(*, bank_id: str, mode: str) -> None:
    """Try each step of the bank's integration and keep what was found; twice does no harm."""
    check_integration(bank_id=UUID(bank_id), mode=mode, clock=timezone.now)
