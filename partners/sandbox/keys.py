"""The bank's keys, made once and kept in its database: RSA signs events, Ed25519 signs widget tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from partners.sandbox.storage.database import Pool, read_fact, remember_fact

_RSA_BITS = 2048


@dataclass(frozen=True)
class BankKeys:
    """Private halves, and one secret for what only the bank itself reads back."""

    events: RSAPrivateKey
    widget: Ed25519PrivateKey
    sealing: bytes

    def jwks(self) -> dict[str, Any]:
        """Public halves (RFC 7517), as served at /.well-known/jwks.json."""
        rsa = json.loads(RSAAlgorithm.to_jwk(self.events.public_key()))
        okp = json.loads(OKPAlgorithm.to_jwk(self.widget.public_key()))
        for key, kid, algorithm in ((rsa, "events-1", "PS256"), (okp, "widget-1", "EdDSA")):
            key.update({"kid": kid, "use": "sig", "alg": algorithm})
            key.pop("key_ops", None)
        return {"keys": [rsa, okp]}

    def sign_event(self, claims: dict[str, Any]) -> str:
        """A security event token in compact form, PS256."""
        return jwt.encode(claims, self.events, algorithm="PS256", headers={"kid": "events-1"})

    def sign_widget_token(self, claims: dict[str, Any]) -> str:
        """The assertion that the chat's widget exchanges for a session, EdDSA."""
        return jwt.encode(claims, self.widget, algorithm="EdDSA", headers={"kid": "widget-1"})

    def seal(self, purpose: str, value: dict[str, Any]) -> str:
        """A value that only this bank could have written, bound to its purpose."""
        body = base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
        return f"{body.decode()}.{self._mark(purpose, body)}"

    def unseal(self, purpose: str, text: str) -> dict[str, Any] | None:
        """What `seal` was given for the same purpose, or None for anything else."""
        body, _, mark = text.partition(".")
        if not hmac.compare_digest(self._mark(purpose, body.encode()).encode(), mark.encode()):
            return None
        padded = body + "=" * (-len(body) % 4)
        value: dict[str, Any] = json.loads(base64.urlsafe_b64decode(padded))
        return value

    def _mark(self, purpose: str, body: bytes) -> str:
        return hmac.new(self.sealing, purpose.encode() + b"\0" + body, hashlib.sha256).hexdigest()


async def load_keys(pool: Pool) -> BankKeys:
    """The bank's keys; the first start makes them."""
    async with pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE bank_facts IN EXCLUSIVE MODE")
        events = await read_fact(connection, "key_events")
        if events is None:
            events = _pem(generate_private_key(public_exponent=65537, key_size=_RSA_BITS))
            await remember_fact(connection, "key_events", events)
            await remember_fact(connection, "key_widget", _pem(Ed25519PrivateKey.generate()))
            await remember_fact(connection, "key_sealing", secrets.token_hex(32))
        widget = await read_fact(connection, "key_widget")
        sealing = await read_fact(connection, "key_sealing")
    rsa = serialization.load_pem_private_key(events.encode(), None)
    ed25519 = serialization.load_pem_private_key((widget or "").encode(), None)
    if not isinstance(rsa, RSAPrivateKey) or not isinstance(ed25519, Ed25519PrivateKey):
        raise TypeError("the kept keys are of another kind")
    return BankKeys(events=rsa, widget=ed25519, sealing=bytes.fromhex(sealing or ""))


def _pem(key: RSAPrivateKey | Ed25519PrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def fingerprint(secret: str) -> str:
    """What is kept of a random token or code: its SHA-256."""
    return hashlib.sha256(secret.encode()).hexdigest()
