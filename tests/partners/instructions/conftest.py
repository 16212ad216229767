"""A customer of a real sandbox bank whose card was used by somebody else, and an impatient portal."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from partners.alerts.models import Alert
from partners.banks.models import Bank, Customer
from partners.feeds.models import FeedCursor
from partners.instructions.actions import request_freeze
from partners.instructions.models import Instruction
from partners.sync.pulling import pull_bank
from portal.tenancy.blocks import serving, serving_customer
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link

LOGIN = 1  # which of the bank's customers: the first one's card is frozen by another test


@pytest.fixture
def person(sandbox: SandboxBank) -> dict[str, Any]:
    person = sandbox.customers()[LOGIN]
    sandbox.do("POST", f"customers/{person['login']}/cards", frozen=False)
    return person


@pytest.fixture
def bank(sandbox: SandboxBank) -> Bank:
    return know_bank(sandbox)


@pytest.fixture
def customer(bank: Bank, person: dict[str, Any]) -> Customer:
    return know_customer(bank, person)


@pytest.fixture
def alert(
    sandbox: SandboxBank,
    bank: Bank,
    customer: Customer,
    person: dict[str, Any],
    settings: Any,
) -> Alert:
    settings.BANK_TIMEOUT_SECONDS = 10
    link(sandbox, customer, person["login"])
    bought = sandbox.buy(person["login"], suspicious=True)
    with serving(bank.id):
        FeedCursor.objects.exclude(kind="transactions").update(due_at=None)
    pull_bank(bank_id=bank.id, clock=timezone.now)
    settings.BANK_TIMEOUT_SECONDS = 0.6
    with serving(bank.id):
        return Alert.objects.get(
            alert_type="fraud_suspected", entry__external_id=bought["TransactionId"]
        )


@pytest.fixture
def asked(bank: Bank, customer: Customer, alert: Alert) -> Instruction:
    with serving_customer(bank.id, customer.id):
        return request_freeze(alert_id=alert.id, customer_id=customer.id, at=timezone.now())


def later(seconds: float) -> Callable[[], datetime]:
    return lambda: timezone.now() + timedelta(seconds=seconds)
