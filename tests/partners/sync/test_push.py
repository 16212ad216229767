"""A purchase at the bank, told to us by the bank's own signed event, read and stored."""

import time
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from partners.banks.models import Bank
from partners.feeds.models import FeedCursor
from partners.ledger.models import Entry
from partners.sync.models import Notification
from partners.sync.pulling import pull_bank
from portal.tenancy.blocks import serving
from tests.sandbox_bank import CLIENT, SECRET, SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


def wait_for_notification(bank: Bank, account_id: str) -> None:
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with serving(bank.id):
            if Notification.objects.filter(account_external_ids__contains=[account_id]).exists():
                return
        time.sleep(0.05)
    pytest.fail("the bank's event did not arrive")


def test_the_banks_own_event_is_believed_and_brings_the_purchase(
    sandbox: SandboxBank, live_server: LiveServer
) -> None:
    bank = know_bank(sandbox)
    person: dict[str, Any] = sandbox.customers()[2]
    sandbox.do("POST", f"customers/{person['login']}/cards", frozen=False)
    link(sandbox, know_customer(bank, person), person["login"])
    pull_bank(bank_id=bank.id, clock=timezone.now)
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [f"{settings.CHAT_ORIGIN}/link/callback"],
        "notify_url": f"{live_server.url}/open-banking/{bank.slug}/event-notifications",
        "notify_host": f"api.{settings.PORTAL_BASE_HOST}",
    }
    sandbox.do("PUT", "clients", **client)

    try:
        bought = sandbox.buy(person["login"])
        wait_for_notification(bank, bought["AccountId"])
    finally:
        sandbox.do("PUT", "clients", **client | {"notify_url": None, "notify_host": None})
    with serving(bank.id):
        due = FeedCursor.objects.filter(due_at__lte=timezone.now())
        accounts = set(due.values_list("account__external_id", flat=True))
    pull_bank(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        assert Entry.objects.filter(external_id=bought["TransactionId"]).exists()
    assert accounts == {bought["AccountId"]}
    bank.refresh_from_db()
    assert bank.jwks["keys"]
