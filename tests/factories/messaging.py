"""A bank that signs for its customers, and customers in the chat frame."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.utils import timezone

from accounts.signin.actions import open_widget_session
from accounts.signin.rules import Assertion
from messaging.conversations.actions import open_conversation
from messaging.conversations.models import Conversation
from partners.banks.models import Bank, Customer
from portal.tenancy.blocks import serving
from tests.factories.partners import make_bank, make_customer

CHAT_HOST = f"chat.{settings.PORTAL_BASE_HOST}"


@dataclass
class Signer:
    """A bank's own key pair, and the words it signs with it."""

    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    kid: str = "chat-1"

    @property
    def jwks(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.OKPAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": self.kid, "use": "sig", "alg": "EdDSA"}]}

    def sign(self, claims: dict[str, Any], **headers: str) -> str:
        return jwt.encode(claims, self.key, algorithm="EdDSA", headers={"kid": self.kid} | headers)

    def assertion(self, bank: Bank, *, at: datetime | None = None, **changed: Any) -> str:
        """A good assertion but for what is `changed`; None leaves a claim out."""
        now = int((at or timezone.now()).timestamp())
        claims = {
            "iss": bank.issuer,
            "aud": settings.CHAT_ORIGIN,
            "sub": "ada-1",
            "name": "Ada Verdi",
            "iat": now,
            "exp": now + 120,
            "jti": uuid4().hex,
        } | changed
        return self.sign({name: value for name, value in claims.items() if value is not None})


def make_signing_bank(**fields: object) -> tuple[Bank, Signer]:
    """A bank whose keys are known already."""
    signer = Signer()
    fetched = {"jwks": signer.jwks, "jwks_fetched_at": timezone.now()}
    return make_bank(**(fetched | fields)), signer


@dataclass(frozen=True)
class InChat:
    """A customer with an open session and a conversation."""

    bank: Bank
    customer: Customer
    token: str
    conversation: Conversation

    @property
    def headers(self) -> dict[str, str]:
        return {"Host": CHAT_HOST, "Authorization": f"Bearer {self.token}"}

    @property
    def stream(self) -> str:
        return self.conversation.stream_name


def make_in_chat(bank: Bank | None = None, **fields: object) -> InChat:
    """A customer of the bank (or of a new one) in the chat frame; opens a block of its own."""
    bank = bank or make_bank()
    return open_session_of(bank, make_customer(bank, **fields))


def open_session_of(bank: Bank, customer: Customer) -> InChat:
    """One more session of the customer; opens a block of its own."""
    at = timezone.now()
    said = Assertion(customer.external_id, "", "", uuid4().hex, at + timedelta(minutes=2))
    with serving(bank.id):
        opened = open_widget_session(customer_id=customer.id, assertion=said, at=at)
        conversation = open_conversation(customer_id=customer.id, at=at)
    return InChat(bank, customer, opened.token, conversation)
