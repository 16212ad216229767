"""A customer who has been told of a suspicious payment in the chat, with no page open."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from django.utils import timezone

from accounts.consent.models import Consent
from messaging.conversations.models import Message
from messaging.delivery.handlers import on_alert_raised
from messaging.notices.addresses import keep_bank_address
from messaging.notices.models import Notice
from messaging.notices.sending import send_due
from partners.alerts.models import Alert
from partners.banks.models import Bank
from partners.events import AlertRaised
from partners.ledger.models import Account
from portal.outbox.events import Delivered
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import make_consent, make_entry, make_link, share
from tests.factories.messaging import InChat, make_in_chat
from tests.factories.partners import make_account, make_bank

FRAUD = "fraud_suspected"
ADDRESS = "ada.verdi@post.example"


@dataclass(frozen=True)
class Scene:
    who: InChat
    account: Account
    consent: Consent
    alert: Alert
    raised_at: datetime

    @property
    def bank(self) -> Bank:
        return self.who.bank

    def tell(self) -> None:
        """The alert reaches the chat: a card, and a notice in case nobody looks."""
        delivered = Delivered(uuid4(), self.bank.id, self.raised_at, "")
        event = AlertRaised(self.alert.id, self.account.id, self.alert.entry_id, FRAUD)
        with serving(self.bank.id):
            on_alert_raised(event, delivered)

    def card(self) -> Message:
        with serving(self.bank.id):
            return Message.objects.get(alert_id=self.alert.id)

    def notice(self, way: str = "mail") -> Notice:
        with serving(self.bank.id):
            return Notice.objects.get(way=way)

    def send(self, *, after: float = 60) -> int:
        """Send what is due, so many seconds from now."""
        later = timedelta(seconds=after)
        return send_due(bank_id=self.bank.id, clock=lambda: timezone.now() + later)


def make_scene(*, address: str | None = ADDRESS, **fields: Any) -> Scene:
    bank = make_bank(
        name="Banca Aurelia",
        phone="+39 02 0000 0000",
        chat_page="https://www.aurelia.example/accounts?tab=cards",
        **fields,
    )
    share(bank, alert_types=[FRAUD])
    who = make_in_chat(bank, display_name="Ada Verdi")
    account = make_account(bank, name="Conto Chiaro")
    make_link(who.customer, account)
    consent = make_consent(who.customer, [account], alert_types=[FRAUD])
    entry = make_entry(
        account, merchant_name="Cafe Lisboa", fraud_suspected=True, card_id="card-1"
    )
    at = timezone.now()
    with serving(bank.id):
        alert = Alert.objects.create(
            account=account,
            entry=entry,
            alert_type=FRAUD,
            once_key=f"fraud:{entry.id}",
            rule_version=1,
            raised_at=at,
        )
    with serving_customer(bank.id, who.customer.id):
        keep_bank_address(customer_id=who.customer.id, said=address, at=at)
    return Scene(who, account, consent, alert, at)
