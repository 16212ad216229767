"""Signing as the served bank: one key at a time, known by its public half for as long as it was valid."""

import base64
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from portal.secrets.fields import keep_secret, open_secret
from portal.secrets.models import SigningKey


@dataclass(frozen=True)
class Signer:
    """The key that signs now. What is signed has to say what it is: one key signs many kinds of words."""

    public_key: bytes
    private_key: Ed25519PrivateKey

    def sign(self, message: bytes) -> bytes:
        return self.private_key.sign(message)


@dataclass(frozen=True)
class PublicKey:
    raw: bytes
    valid_from: datetime
    valid_until: datetime | None


def signer(*, at: datetime) -> Signer:
    """The served bank's; its first key is made when it first signs."""
    key = SigningKey.objects.filter(valid_until=None).first() or _new_key(at)
    raw = base64.b64decode(open_secret(key, "private_key"))
    return Signer(
        base64.b64decode(key.public_key),
        Ed25519PrivateKey.from_private_bytes(raw),
    )


def rotate_signing_key(*, at: datetime) -> SigningKey:
    """From now on sign with a new key; what the old one signed stays good."""
    SigningKey.objects.filter(valid_until=None).update(valid_until=at)
    return _new_key(at)


def public_keys() -> list[PublicKey]:
    """All that the served bank ever signed with, oldest first."""
    return [
        PublicKey(base64.b64decode(each.public_key), each.valid_from, each.valid_until)
        for each in SigningKey.objects.order_by("valid_from", "id")
    ]


def _new_key(at: datetime) -> SigningKey:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw
    )
    key = SigningKey(public_key=base64.b64encode(public).decode(), valid_from=at)
    keep_secret(key, "private_key", base64.b64encode(private.private_bytes_raw()).decode())
    key.save(force_insert=True)
    return key
