"""Letting a bank's customer into the chat."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from accounts.signin.actions import Opened, open_widget_session
from accounts.signin.assertions import UnknownKey, verify_assertion
from accounts.signin.rules import Assertion
from messaging.conversations.actions import open_conversation, user_stream
from messaging.conversations.models import Conversation
from messaging.notices.addresses import keep_bank_address
from partners.banks.actions import recognise_customer
from partners.banks.keysets import refresh_jwks
from partners.banks.models import Bank, Customer
from partners.sharing.queries import shares_anything
from portal.tenancy.blocks import serving, serving_customer


@dataclass(frozen=True)
class Welcome:
    """What the frame needs to begin: the session, who it is for, and where to listen."""

    bank: Bank
    customer: Customer
    opened: Opened
    conversation: Conversation
    linked: bool
    shares: bool

    @property
    def streams(self) -> list[str]:
        return [self.conversation.stream_name, user_stream(self.customer.id)]


def check_assertion(bank: Bank, token: str, *, at: datetime) -> Assertion:
    """What the bank says of its customer; asks the bank for newer keys where the key is not known.

    Raises AssertionRefused, KeysUnavailable. May call the network: no unit of work may be open.
    """
    try:
        return _verified(bank, token, at)
    except UnknownKey:
        refresh_jwks(bank, at=at)
    return _verified(bank, token, at)


def _verified(bank: Bank, token: str, at: datetime) -> Assertion:
    return verify_assertion(
        token, jwks=bank.jwks, issuer=bank.issuer, audience=settings.CHAT_ORIGIN, at=at
    )


def welcome(bank: Bank, assertion: Assertion, *, at: datetime) -> Welcome:
    """Spend the assertion on a session, for a customer known or new. Opens its own blocks."""
    with serving(bank.id):
        customer = recognise_customer(
            external_id=assertion.external_id,
            display_name=assertion.display_name,
            locale=assertion.locale,
        )
        opened = open_widget_session(customer_id=customer.id, assertion=assertion, at=at)
        conversation = open_conversation(customer_id=customer.id, at=at)
        keep_bank_address(customer_id=customer.id, said=assertion.email, at=at)
        shares = shares_anything()
    linked = _is_linked(bank.id, customer.id)
    return Welcome(bank, customer, opened, conversation, linked, shares)


def _is_linked(bank_id: UUID, customer_id: UUID) -> bool:
    with serving_customer(bank_id, customer_id) as now:
        return bool(now.account_ids)
