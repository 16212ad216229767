"""What the chat, and client programs, are told when something happened. Each may be heard twice.

Called with the whole bank's reach; what concerns one customer is written with theirs.
"""

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from accounts.events import ConsentGranted, ConsentLapsed, ConsentRevoked, ConsentSuperseded
from accounts.linking.queries import linked_customer_ids
from messaging.conversations.actions import (
    ACCOUNTS_LINKED,
    AlertOnCard,
    Paper,
    post_card,
    post_line,
    renew_balances,
    show_paper,
    tell_customer,
    update_cards,
)
from messaging.conversations.models import Message
from messaging.delivery.actions import tell_of_end, tell_of_grant, tell_programs
from messaging.notices.actions import plan_notices
from messaging.programs.public import News, alert_news, change_news
from partners.events import (
    AccountRenamed,
    AccountsLinked,
    AlertRaised,
    BalancesRead,
    EntriesChanged,
    InstructionChanged,
    ReceiptIssued,
    ShipmentMoved,
)
from partners.sharing.cards import RECEIPTS, SHIPMENTS
from partners.sharing.gate import CHAT, Allowed, Ask, Door, Scope, authorize
from partners.sharing.queries import weightier_alert_types
from portal.outbox.events import Delivered
from portal.outbox.pokes import poke_after_commit
from portal.tenancy.blocks import serving_customer

LINKS_CHANGED, SHARING_CHANGED = "accounts.linked", "sharing.changed"


def on_alert_raised(event: AlertRaised, delivered: Delivered) -> None:
    """A card for everyone who has the account and allows the chat this type of alert, once each.

    One payment is one card: of several alerts about it, the weightiest that the customer allows.
    """
    now = timezone.now()  # what was allowed when it happened may have been ended since
    weightier = weightier_alert_types(event.alert_id)
    alert = AlertOnCard(event.alert_id, event.alert_type)
    for customer_id in linked_customer_ids(event.account_id):
        with serving_customer(delivered.bank_id, customer_id):
            if not _is_allowed(event, event.alert_type, now):
                continue
            if not any(_is_allowed(event, each, now) for each in weightier):
                card = post_card(
                    customer_id=customer_id,
                    alert=alert,
                    caused_by=delivered.event_id,
                    at=delivered.occurred_at,
                )
                if card is not None:
                    plan_notices(
                        card, occurred_at=delivered.occurred_at, at=now, trace=delivered.trace
                    )


def on_receipt_issued(event: ReceiptIssued, delivered: Delivered) -> None:
    """A card for everyone who has the account and allows the chat receipts; a correction renews it."""
    paper = Paper(Message.Kind.RECEIPT, event.receipt_id, event.revision)
    _show_paper(paper, RECEIPTS, event.account_id, delivered)


def on_shipment_moved(event: ShipmentMoved, delivered: Delivered) -> None:
    """The same for parcels: one card each, renewed whenever it moves on."""
    paper = Paper(Message.Kind.SHIPMENT, event.shipment_id, event.revision)
    _show_paper(paper, SHIPMENTS, event.account_id, delivered)


def _show_paper(paper: Paper, feed: str, account_id: UUID, delivered: Delivered) -> None:
    now = timezone.now()  # as for alerts
    for customer_id in linked_customer_ids(account_id):
        with serving_customer(delivered.bank_id, customer_id):
            if _allows(Scope.FEED, feed, account_id, now):
                show_paper(
                    customer_id=customer_id,
                    paper=paper,
                    caused_by=delivered.event_id,
                    at=delivered.occurred_at,
                )


def on_balances_read(event: BalancesRead, delivered: Delivered) -> None:
    """The bank has answered those who asked what they have: their cards say it."""
    for customer_id in linked_customer_ids(event.account_id):
        with serving_customer(delivered.bank_id, customer_id):
            renew_balances(
                customer_id=customer_id, account_id=event.account_id, at=delivered.occurred_at
            )


def on_instruction_changed(event: InstructionChanged, delivered: Delivered) -> None:
    """What the bank did is shown on every card about the alert."""
    if event.alert_id is not None:
        update_cards(
            alert_id=event.alert_id,
            instruction_id=event.instruction_id,
            at=delivered.occurred_at,
        )


def on_accounts_linked(event: AccountsLinked, delivered: Delivered) -> None:
    """A line in the conversation, and open windows read again."""
    with serving_customer(delivered.bank_id, event.customer_id):
        said = post_line(
            customer_id=event.customer_id,
            template=ACCOUNTS_LINKED,
            caused_by=delivered.event_id,
            at=delivered.occurred_at,
        )
        if said is not None:
            tell_customer(
                customer_id=event.customer_id, kind=LINKS_CHANGED, at=delivered.occurred_at
            )


def on_account_renamed(event: AccountRenamed, delivered: Delivered) -> None:
    """Open windows of whoever has the account read its name again; nothing is said of it in the conversation."""
    for customer_id in linked_customer_ids(event.account_id):
        with serving_customer(delivered.bank_id, customer_id):
            tell_customer(customer_id=customer_id, kind=LINKS_CHANGED, at=delivered.occurred_at)


def on_consent_changed(event: ConsentGranted | ConsentRevoked, delivered: Delivered) -> None:
    """Open windows read again what they may show, and sockets are looked at now."""
    with serving_customer(delivered.bank_id, event.customer_id):
        tell_customer(
            customer_id=event.customer_id, kind=SHARING_CHANGED, at=delivered.occurred_at
        )
    poke_after_commit("sessions", f"{delivered.bank_id} {event.customer_id}")


def on_alert_for_programs(event: AlertRaised, delivered: Delivered) -> None:
    _tell(alert_news(event), delivered)


def on_entries_for_programs(event: EntriesChanged, delivered: Delivered) -> None:
    _tell(change_news(event), delivered)


def on_grant_for_programs(event: ConsentGranted, delivered: Delivered) -> None:
    at, now = delivered.occurred_at, timezone.now()
    tell_of_grant(event.consent_id, caused_by=delivered.event_id, at=at, now=now)


def on_end_for_programs(
    event: ConsentRevoked | ConsentSuperseded | ConsentLapsed,
    delivered: Delivered,  # noqa: ARG001  # every handler's shape
) -> None:
    tell_of_end(event.consent_id, now=timezone.now())


def _tell(news: News, delivered: Delivered) -> None:
    at, now = delivered.occurred_at, timezone.now()
    tell_programs(news, caused_by=delivered.event_id, at=at, now=now)


def _is_allowed(event: AlertRaised, alert_type: str, at: datetime) -> bool:
    return _allows(Scope.ALERT, alert_type, event.account_id, at)


def _allows(scope: Scope, code: str, account_id: UUID, at: datetime) -> bool:
    ask = Ask(
        recipient=CHAT,
        purpose=None,
        scope=scope,
        code=code,
        account_ids=(account_id,),
        door=Door.SOCKET,
        at=at,
    )
    return isinstance(authorize(ask), Allowed)
