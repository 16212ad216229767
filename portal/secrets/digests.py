"""Finding by a value that is not kept: its keyed hash, which nobody can make or try without the bank's key."""

import hmac
from hashlib import sha256
from uuid import UUID

from portal.secrets.keys import MasterKey, derive_key, master_keys


def keyed_digest(value: str, *, bank_id: UUID, column: str) -> str:
    """HMAC-SHA256 in hex under the newest master key: what is stored."""
    return _digest(master_keys()[0], value, bank_id, column)


def keyed_digests(value: str, *, bank_id: UUID, column: str) -> tuple[str, ...]:
    """The same under each key that is known, newest first: what is looked for."""
    return tuple(_digest(each, value, bank_id, column) for each in master_keys())


def _digest(master: MasterKey, value: str, bank_id: UUID, column: str) -> str:
    key = derive_key(master, f"portal:digest:v1:{bank_id}:{column}".encode())
    return hmac.new(key, value.encode(), sha256).hexdigest()
