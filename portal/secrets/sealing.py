"""Secrets at rest, bound to their place: AES-GCM with bank, column and row as associated data.

A ciphertext copied to another row, column or bank does not open. Layout: `v1.<key id>.<base64url of
nonce(12) + ciphertext + tag>` (NIST SP 800-38D for AES-GCM).
"""

import base64
import binascii
import os
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.secrets.keys import derive_key, master_keys

NONCE_BYTES = 12


class SecretUnreadable(RuntimeError):
    """The ciphertext was made elsewhere, altered, or by a key that is no longer known."""


def _place(*, bank_id: UUID, column: str, row_id: UUID) -> bytes:
    return f"portal:v1:{bank_id}:{column}:{row_id}".encode()


def seal(plain: str, *, bank_id: UUID, column: str, row_id: UUID) -> str:
    """Encrypt `plain` for one place. The empty string stays empty: no secret is kept there."""
    if not plain:
        return ""
    newest = master_keys()[0]
    place = _place(bank_id=bank_id, column=column, row_id=row_id)
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(derive_key(newest, place)).encrypt(nonce, plain.encode(), place)
    return f"v1.{newest.key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(sealed: str, *, bank_id: UUID, column: str, row_id: UUID) -> str:
    """Decrypt what `seal` made for the same place. Raises SecretUnreadable."""
    if not sealed:
        return ""
    try:
        version, key_id, encoded = sealed.split(".", 2)
        raw = base64.urlsafe_b64decode(encoded)
        key = next(each for each in master_keys() if each.key_id == key_id)
    except (ValueError, binascii.Error, StopIteration) as reason:
        raise SecretUnreadable("not a secret that a known key can open") from reason
    if version != "v1":
        raise SecretUnreadable("sealed in a form that this version does not know")
    place = _place(bank_id=bank_id, column=column, row_id=row_id)
    try:
        plain = AESGCM(derive_key(key, place)).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], place)
    except (InvalidTag, ValueError) as reason:
        raise SecretUnreadable("sealed for another place, or altered") from reason
    return plain.decode()
