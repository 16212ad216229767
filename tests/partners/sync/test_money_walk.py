"""The walk of money: link, pull, entry, alert, and a freeze that the bank has really carried out."""

import pytest
from django.utils import timezone

from accounts.consent.models import Consent
from partners.alerts.models import Alert
from partners.banks.models import Bank
from partners.feeds.models import FeedCursor
from partners.instructions.actions import request_freeze
from partners.instructions.carrying import carry_due
from partners.instructions.models import Instruction
from partners.ledger.models import Account, Balance, Entry
from partners.sync.models import SyncRun
from partners.sync.pulling import pull_bank
from portal.outbox.models import OutboxEvent
from portal.tenancy.blocks import serving, serving_customer
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


def events(bank: Bank, name: str) -> list[OutboxEvent]:
    with serving(bank.id):
        return list(OutboxEvent.objects.filter(name=name).order_by("id"))


def test_a_suspicious_purchase_becomes_an_alert_and_then_a_frozen_card(
    sandbox: SandboxBank,
) -> None:
    bank = know_bank(sandbox)
    person = sandbox.customers()[0]
    customer = know_customer(bank, person)

    completed = link(sandbox, customer, person["login"])
    pull_bank(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        year = Entry.objects.count()
        balances = Balance.objects.count()
        problems = set(FeedCursor.objects.values_list("last_problem", flat=True))
        runs = set(SyncRun.objects.values_list("outcome", "problem"))
        assert Alert.objects.count() == 0
        assert Account.objects.count() == len(completed.account_ids)
        assert Consent.objects.get(pk=completed.consent_id).recipient == "chat"
    assert (problems, runs) == ({""}, {("complete", "")})
    assert year > 100
    assert balances >= len(completed.account_ids)

    bought = sandbox.buy(person["login"], suspicious=True)
    with serving(bank.id):
        FeedCursor.objects.update(due_at=timezone.now())
    pull_bank(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        entry = Entry.objects.get(external_id=bought["TransactionId"])
        alert = Alert.objects.get(alert_type="fraud_suspected")
        assert Entry.objects.count() == year + 1
    assert alert.entry_id == entry.id
    raised = [each.data["alert_type"] for each in events(bank, "partners.alert_raised")]
    assert "fraud_suspected" in raised

    with serving_customer(bank.id, customer.id):
        asked = request_freeze(alert_id=alert.id, customer_id=customer.id, at=timezone.now())
    carry_due(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        done = Instruction.objects.get(pk=asked.id)
    cards = [card for account in sandbox.customers()[0]["accounts"] for card in account["cards"]]
    frozen = {card["CardId"] for card in cards if card["frozen"]}
    assert (done.status, done.reason) == ("done", "")
    assert done.settled_at is not None
    assert frozen == {entry.card_id}
    changed = events(bank, "partners.instruction_changed")
    assert [each.data["status"] for each in changed] == ["done"]
