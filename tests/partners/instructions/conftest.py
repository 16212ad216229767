"""A customer of a real sandbox bank whose card was used by somebody else, and an impatient portal."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from partners.alerts.models import Alert
from partners.banks.models import Bank, Customer
from partners.events import AlertRaised, account_key
from partners.instructions.actions import request_freeze
from partners.instructions.models import Instruction
from partners.ledger.models import Account
from portal.outbox.publishing import publish
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import make_entry
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
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, Any], settings: Any
) -> Alert:
    """About a payment that the bank suspects, as reading it would have raised it."""
    settings.BANK_TIMEOUT_SECONDS = 10
    link(sandbox, customer, person["login"])
    settings.BANK_TIMEOUT_SECONDS = 0.6
    bought = sandbox.buy(person["login"], suspicious=True)
    with serving(bank.id):
        account = Account.objects.get(external_id=bought["AccountId"])
    entry = make_entry(
        account,
        external_id=bought["TransactionId"],
        card_id=bought["CardId"],
        fraud_suspected=True,
    )
    with serving(bank.id):
        alert = Alert.objects.create(
            account=account,
            entry=entry,
            alert_type="fraud_suspected",
            once_key=f"fraud_suspected:{entry.id}",
            rule_version=1,
            raised_at=timezone.now(),
        )
        raised = AlertRaised(alert.id, account.id, entry.id, alert.alert_type)
        publish(raised, key=account_key(account.id), occurred_at=timezone.now())
    return alert


@pytest.fixture
def asked(bank: Bank, customer: Customer, alert: Alert) -> Instruction:
    with serving_customer(bank.id, customer.id):
        return request_freeze(alert_id=alert.id, customer_id=customer.id, at=timezone.now())


def later(seconds: float) -> Callable[[], datetime]:
    return lambda: timezone.now() + timedelta(seconds=seconds)
