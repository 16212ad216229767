"""A checkpoint as text: a signed note (C2SP `signed-note` and `tlog-checkpoint`), or one header's value.

Pure. `docs/disclosure-log.md` says it byte for byte.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

ED25519 = b"\x01"
KEY_HASH_BYTES = 4


@dataclass(frozen=True)
class Head:
    """How tall a log was at an instant, and the hash over all of it."""

    origin: str
    size: int
    root: bytes
    at: datetime

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{in_base64(self.root)}\n{instant(self.at)}\n"


@dataclass(frozen=True)
class SignedHead:
    head: Head
    key_hash: bytes
    signature: bytes

    @property
    def note(self) -> str:
        """The signed note: the text, an empty line, the signature."""
        return f"{self.head.text}\n\u2014 {self.head.origin} {self._signed}\n"

    @property
    def header(self) -> str:
        """The same on one line: a structured field (RFC 9651), whole enough to make the note of."""
        head = self.head
        return (
            f'origin="{head.origin}", size={head.size}, root=:{in_base64(head.root)}:,'
            f' time="{instant(head.at)}", signature=:{self._signed}:'
        )

    @property
    def _signed(self) -> str:
        return in_base64(self.key_hash + self.signature)


def key_hash(name: str, public_key: bytes) -> bytes:
    """By which a signature names its key."""
    return sha256(name.encode() + b"\n" + ED25519 + public_key).digest()[:KEY_HASH_BYTES]


def verifier_key(name: str, public_key: bytes) -> str:
    """The key as C2SP tools take it."""
    return f"{name}+{key_hash(name, public_key).hex()}+{in_base64(ED25519 + public_key)}"


def in_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def instant(at: datetime) -> str:
    """UTC with microseconds, always six digits of them."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
