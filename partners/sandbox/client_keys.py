"""The keys of a client, as it publishes them itself: fetched when one is shown that the bank does not know yet."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx
from psycopg.rows import DictRow

from partners.sandbox.bank import Bank
from partners.sandbox.storage.database import Connection

Jwks = dict[str, Any]
_PATIENCE_SECONDS = 5.0


async def keys_with(
    bank: Bank, connection: Connection, client: DictRow, *, wanted: Callable[[Jwks], bool]
) -> Jwks:
    """The client's keys as the bank has them; anew where what is wanted is not among them."""
    known: Jwks = client["jwks"] or {"keys": []}
    if wanted(known) or not client["jwks_uri"]:
        return known
    fresh = await _fetched(bank, client)
    if fresh is None:
        return known
    await connection.execute(
        "UPDATE clients SET jwks = %s WHERE id = %s", (json.dumps(fresh), client["id"])
    )
    return fresh


async def _fetched(bank: Bank, client: DictRow) -> Jwks | None:
    headers = {"host": client["jwks_host"]} if client["jwks_host"] else {}
    try:
        answer = await bank.outside.get(
            client["jwks_uri"], headers=headers, timeout=_PATIENCE_SECONDS
        )
        said = answer.raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return None
    listed = said.get("keys") if isinstance(said, dict) else None
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        return None
    return {"keys": listed}


def has_key(kid: str | None) -> Callable[[Jwks], bool]:
    """Whether a key of that id is there; where none is named, any."""
    return lambda jwks: any(kid is None or each.get("kid") == kid for each in jwks["keys"])


def has_certificate(digest: str) -> Callable[[Jwks], bool]:
    """Whether a key comes with the certificate of that fingerprint (`x5c`, RFC 7517 section 4.7)."""
    return lambda jwks: any(_digest(each) == digest for each in jwks["keys"])


def _digest(key: dict[str, Any]) -> str:
    try:
        first = base64.b64decode(key["x5c"][0], validate=True)
    except (TypeError, IndexError, KeyError, binascii.Error):
        return ""
    return hashlib.sha256(first).hexdigest()
