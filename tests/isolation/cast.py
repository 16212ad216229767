"""Who is in the world: homes, houses and programs, each with what is theirs."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from django.utils import timezone

from accounts.clients.models import Client
from accounts.consent.models import Consent
from accounts.consent.references import consent_reference
from accounts.disclosure.models import Disclosure
from messaging.conversations.models import Message
from messaging.notices.models import PushSubscription
from partners.alerts.models import Alert
from partners.banks.models import Bank, Customer, Staff
from partners.feeds.models import FeedCursor
from partners.imports.models import StatementImport
from partners.ledger.models import Account, Entry, EntryPair
from partners.records.models import ErasureJob
from portal.tenancy.blocks import Served, serving, serving_customer
from tests.factories.messaging import InChat, Signer

EXTERNAL_ACCOUNT = "the-same-account-id"


Headers = dict[str, str]


@dataclass(frozen=True)
class Home:
    """One customer of a bank, with what is theirs."""

    mark: str
    bank: Bank
    customer: Customer
    account: Account  # in the program's consent and in the chat's
    kept: Account  # in the chat's alone
    entry: Entry
    alert: Alert
    chat: InChat
    card: Message
    consent: Consent
    walk_state: str
    window: str  # the cookie of a window of theirs
    spent: Mapping[str, str]  # what they held once: tokens, a cookie, a code

    @property
    def bank_id(self) -> UUID:
        return self.bank.id

    @property
    def reference(self) -> str:
        return consent_reference(self.bank.id, self.consent.id)

    @property
    def arguments(self) -> dict[str, str]:
        """What the addresses of our doors are filled with."""
        return {
            "account_id": str(self.account.id),
            "conversation_id": str(self.chat.conversation.id),
            "message_id": str(self.card.id),
            "key": "not_me",
            "consent_id": str(self.consent.id),
            "customer_id": str(self.customer.id),
            "browser_id": str(self.browser_id),
            "disclosure_id": str(self.disclosure_id),
            "erasure_id": str(self.erasure_id),
            "way": "push",
            "form": "json",
        }

    @property
    def browser_id(self) -> UUID:
        """The browser of theirs that is notified."""
        with self.serving():
            return PushSubscription.objects.get().id

    @property
    def disclosure_id(self) -> UUID:
        """The first record of theirs."""
        with self.serving():
            return Disclosure.objects.order_by("id")[0].id

    @property
    def unreadable_id(self) -> UUID:
        with serving(self.bank_id):
            rows = FeedCursor.objects.filter(connection__customer=self.customer)
            return rows.values_list("id", flat=True).get(unreadable_rows__gt=0)

    @property
    def pair_id(self) -> UUID:
        with serving(self.bank_id):
            return EntryPair.objects.values_list("id", flat=True).get(account=self.account)

    @property
    def erasure_id(self) -> UUID:
        """An erasure at their bank."""
        with serving(self.bank.id):
            return ErasureJob.objects.order_by("id")[0].id

    def serving(self) -> AbstractContextManager[Served]:
        return serving_customer(self.bank.id, self.customer.id)


@dataclass(frozen=True)
class House:
    """A bank with its staff, by role, and the keys that it signs with."""

    bank: Bank
    staff: Mapping[str, Staff]
    cookies: Mapping[str, str]  # of each role
    signer: Signer
    events_key: rsa.RSAPrivateKey

    @property
    def owner(self) -> str:
        return self.cookies[Staff.Role.OWNER]

    @property
    def arguments(self) -> dict[str, str]:
        return {
            "slug": self.bank.slug,
            "bank_id": str(self.bank.id),
            "staff_id": str(self.staff[Staff.Role.AGENT].id),
            "kind": "transactions",
            "code": "low_balance",
            "import_id": str(self.import_id),
        }

    @property
    def import_id(self) -> UUID:
        """A table of theirs that waits for somebody to say what its columns are."""
        with serving(self.bank.id):
            waiting = StatementImport.objects.filter(state="needs_mapping")
            return waiting.order_by("id")[0].id

    def notification(self, key: Any = None, **changed: Any) -> str:
        """A good notification about an account of that external id, but for what is `changed`."""
        now = int(timezone.now().timestamp())
        subject = {
            "subject_type": "http://openbanking.org.uk/rid_http://openbanking.org.uk/rty",
            "http://openbanking.org.uk/rid": EXTERNAL_ACCOUNT,
            "http://openbanking.org.uk/rty": "account",
        }
        events = {"urn:uk:org:openbanking:events:resource-update": {"subject": subject}}
        claims = {
            "iss": self.bank.issuer,
            "aud": f"portal-at-{self.bank.slug}",
            "iat": now,
            "toe": now,
            "jti": uuid4().hex,
            "txn": "t",
            "events": events,
        } | changed
        return jwt.encode(
            claims, key or self.events_key, algorithm="PS256", headers={"kid": "events-1"}
        )


@dataclass(frozen=True)
class Program:
    """A client program with its tokens: a good one, one for balances alone, one that has expired."""

    client: Client
    token: str
    narrow: str
    expired: str
