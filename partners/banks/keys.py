"""What a bank signs with: documents that people keep, and its public keys as anybody may read them
(RFC 7515, RFC 7517, RFC 8037).
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt
from django.conf import settings

from portal.secrets.signing import PublicKey, public_keys, signer

_SIGNED_BY = "EdDSA"


def signed_words(words: Mapping[str, Any], *, kind: str, at: datetime) -> str:
    """The words as a JWS of that kind (its `typ`), signed for the served bank."""
    key = signer(at=at)
    headers = {"typ": kind, "kid": key_id(key.public_key)}
    return jwt.encode(dict(words), key.private_key, algorithm=_SIGNED_BY, headers=headers)


def keys_address(slug: str) -> str:
    """Where anybody finds the keys to check it with."""
    return f"{settings.API_ORIGIN}/.well-known/banks/{slug}/jwks.json"


def key_id(raw: bytes) -> str:
    """A key's name: its thumbprint (RFC 7638)."""
    canonical = f'{{"crv":"Ed25519","kty":"OKP","x":"{_text(raw)}"}}'
    return _text(hashlib.sha256(canonical.encode()).digest())


def key_set() -> dict[str, Any]:
    """All keys of the served bank, old ones too, each with the time in which it signed."""
    return {"keys": [_jwk(each) for each in public_keys()]}


def _jwk(key: PublicKey) -> dict[str, Any]:
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": "EdDSA",
        "use": "sig",
        "kid": key_id(key.raw),
        "x": _text(key.raw),
        # Seconds since 1970, as a token's `nbf` and `exp` are written.
        "valid_from": int(key.valid_from.timestamp()),
        "valid_until": key.valid_until and int(key.valid_until.timestamp()),
    }


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
