"""The public halves of what a bank signs with, as anybody may read them (RFC 7517, RFC 8037)."""

import base64
import hashlib
from typing import Any

from portal.secrets.signing import PublicKey, public_keys


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
