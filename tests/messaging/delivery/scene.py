"""A household that allowed a program something, for tests of what programs are told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from accounts.clients.models import Client as ClientProgram
from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.consent.references import consent_reference
from accounts.disclosure.models import Disclosure
from messaging.conversations.models import StreamEvent
from partners.alerts.models import Alert
from partners.events import AlertRaised, EntriesChanged, account_key
from partners.ledger.models import Account, Entry
from portal.outbox.publishing import publish
from portal.outbox.relay import deliver_due
from portal.tenancy.blocks import serving
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_entry,
    make_household,
    share,
)
from tests.partners.sharing.test_api import Program

FRAUD = "fraud_suspected"


@dataclass
class Scene:
    """A household that allowed a program its feeds and its fraud alerts, and the program."""

    home: Household = field(default_factory=make_household)
    client: ClientProgram = field(default_factory=make_client)
    feeds: Sequence[str] = ("balances", "transactions")
    scope: str = "balances transactions"
    terms: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        share(self.home.bank, alert_types=[FRAUD])
        self.consent = self.allow()
        self.program = Program(self.client, self.reference, self.scope)

    def allow(self) -> Consent:
        return make_consent(
            self.home.customer,
            [self.home.account],
            client=self.client,
            feeds=self.feeds,
            alert_types=[FRAUD],
            **self.terms,
        )

    @property
    def reference(self) -> str:
        return consent_reference(self.home.bank_id, self.consent.id)

    @property
    def stream(self) -> str:
        return f"consent:{self.reference}"

    @property
    def token(self) -> str:
        return self.program.token

    def relay(self) -> None:
        deliver_due(bank_id=self.home.bank_id, clock=timezone.now)

    def raise_alert(self, entry: Entry | None = None) -> Alert:
        """The bank suspects fraud, and the relay carries it."""
        entry = entry or make_entry(self.home.account, fraud_suspected=True)
        with serving(self.home.bank_id):
            alert = Alert.objects.create(
                account=self.home.account,
                entry=entry,
                alert_type=FRAUD,
                once_key=f"fraud:{entry.id}",
                rule_version=1,
                raised_at=timezone.now(),
            )
            event = AlertRaised(alert.id, self.home.account.id, entry.id, FRAUD)
            publish(event, key=account_key(self.home.account.id), occurred_at=timezone.now())
        self.relay()
        return alert

    def change(self, count: int = 1, **fields: Any) -> list[Entry]:
        """Entries change at the bank, and the relay carries it."""
        entries = [make_entry(self.home.account, **fields) for _ in range(count)]
        with serving(self.home.bank_id):
            head = Account.objects.get(pk=self.home.account.pk).change_seq
            event = EntriesChanged(self.home.account.id, head - count, head)
            publish(event, key=account_key(self.home.account.id), occurred_at=timezone.now())
        self.relay()
        return entries

    def revoke(self) -> None:
        with serving(self.home.bank_id):
            revoke_consent(consent_id=self.consent.id, at=timezone.now(), by="customer")

    def told(self) -> list[str]:
        """The types of what is kept in the consent's stream."""
        with serving(self.home.bank_id):
            kept = StreamEvent.objects.filter(stream=f"consent:{self.consent.id}")
            return list(kept.order_by("seq").values_list("kind", flat=True))

    def disclosures(self, **of: Any) -> list[Disclosure]:
        with serving(self.home.bank_id):
            return list(Disclosure.objects.filter(door="socket", **of).order_by("at", "id"))
