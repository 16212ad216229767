"""Master keys, and one key derived from them per bank, column and row.

`PORTAL_KEYS` is `id:base64,...`, newest first; each is 32 random bytes. A ciphertext names the key
that made it, so that older ones stay readable while rows are re-encrypted.
"""

import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from uuid import UUID

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

KEY_BYTES = 32


@dataclass(frozen=True)
class MasterKey:
    key_id: str
    material: bytes

    def __repr__(self) -> str:
        return f"MasterKey({self.key_id})"


def parse_master_keys(text: str) -> tuple[MasterKey, ...]:
    """Read `PORTAL_KEYS`. Raises ImproperlyConfigured, without quoting the keys."""
    keys: list[MasterKey] = []
    for part in filter(None, (each.strip() for each in text.split(","))):
        key_id, colon, encoded = part.partition(":")
        try:
            material = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            material = b""
        if not colon or not key_id.isalnum() or len(material) != KEY_BYTES:
            raise ImproperlyConfigured("PORTAL_KEYS: each key is `id:base64 of 32 bytes`")
        keys.append(MasterKey(key_id, material))
    if not keys or len({key.key_id for key in keys}) != len(keys):
        raise ImproperlyConfigured("PORTAL_KEYS: at least one key, each with its own id")
    return tuple(keys)


@lru_cache(maxsize=4)
def _parsed(text: str) -> tuple[MasterKey, ...]:
    return parse_master_keys(text)


def master_keys() -> tuple[MasterKey, ...]:
    return _parsed(settings.PORTAL_KEYS)


def derive_key(master: MasterKey, place: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) of a master key for one place: 32 bytes."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=place).derive(
        master.material
    )


def lent_key(*, bank_id: UUID, column: str, row_id: UUID) -> bytes:
    """A key for somebody else to seal with, the same each time until the master key changes: 32 bytes.

    Its place begins unlike those that we seal for, so it opens nothing of ours.
    """
    return derive_key(master_keys()[0], f"portal:lent:v1:{bank_id}:{column}:{row_id}".encode())
