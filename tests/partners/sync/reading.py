"""A customer of the sandbox bank whose payments are read, by any connector."""

from typing import Any

from django.utils import timezone

from partners.banks.models import Bank
from partners.feeds.models import FeedCursor
from partners.integrations.models import Integration
from partners.sync.pulling import pull_bank
from portal.tenancy.blocks import serving
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link


def read_first(sandbox: SandboxBank, person: dict[str, Any], *, connector: str) -> Bank:
    """A bank by that connector, one customer of which has been read for the first time."""
    bank = know_bank(sandbox)
    with serving(bank.id):
        Integration.objects.update(connector=connector)
    link(sandbox, know_customer(bank, person), person["login"])
    with serving(bank.id):
        FeedCursor.objects.exclude(kind="transactions").delete()
    assert pull_bank(bank_id=bank.id, clock=timezone.now) > 0
    return bank


def read_again(bank: Bank) -> None:
    """All that it has, at once."""
    with serving(bank.id):
        FeedCursor.objects.update(due_at=timezone.now())
    pull_bank(bank_id=bank.id, clock=timezone.now)
