"""Web Push: what a browser's push service is sent, and what it may know of it: that there is something.

The words are encrypted for the one browser (RFC 8291, with the content coding aes128gcm of RFC 8188), and
signed as ours (VAPID, RFC 8292), by the primitives of `cryptography` and PyJWT.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings

POINT_BYTES, AUTH_BYTES, SALT_BYTES = 65, 16, 16
_CURVE = ec.SECP256R1()
# One record holds it all; push services take 4096 bytes (RFC 8291, section 4).
_RECORD = 4096
_TOKEN_AGE = timedelta(hours=12)


def is_offered() -> bool:
    """Whether this portal has a key to sign pushes with."""
    return bool(settings.PUSH_KEY)


def public_key() -> str:
    """Ours, as a browser's `applicationServerKey` and the push service want it."""
    return to_text(_point(_private_key(settings.PUSH_KEY).public_key()))


def read_browser_keys(p256dh: str, auth: str) -> tuple[bytes, bytes]:
    """A subscription's public key and secret. Raises ValueError."""
    point, secret = from_text(p256dh), from_text(auth)
    if len(secret) != AUTH_BYTES:
        raise ValueError("auth is 16 bytes")
    ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, point)
    return point, secret


def are_keys(p256dh: str, auth: str) -> bool:
    """Whether a browser could have made them."""
    try:
        read_browser_keys(p256dh, auth)
    except ValueError:
        return False
    return True


def encrypt(
    plain: bytes,
    *,
    browser: bytes,
    auth: bytes,
    salt: bytes | None = None,
    once: ec.EllipticCurvePrivateKey | None = None,
) -> bytes:
    """The body for one browser (RFC 8291, section 3.4). `salt` and `once` are random but in tests."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    once = ec.generate_private_key(_CURVE) if once is None else once
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, browser)
    mine = _point(once.public_key())
    shared = once.exchange(ec.ECDH(), theirs)
    secret = _hkdf(shared, salt=auth, info=b"WebPush: info\x00" + browser + mine, length=32)
    key = _hkdf(secret, salt=salt, info=b"Content-Encoding: aes128gcm\x00", length=16)
    nonce = _hkdf(secret, salt=salt, info=b"Content-Encoding: nonce\x00", length=12)
    # The byte 2 says that this record is the last (RFC 8188, section 2).
    sealed = AESGCM(key).encrypt(nonce, plain + b"\x02", None)
    return salt + _RECORD.to_bytes(4, "big") + bytes([len(mine)]) + mine + sealed


def headers(endpoint: str, *, topic: str, ttl: timedelta, at: datetime) -> Mapping[str, str]:
    """What goes with it (RFC 8030): who we are, and that a later one of the same topic takes its place."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int((at + _TOKEN_AGE).timestamp()),
        "sub": f"mailto:{settings.DEFAULT_FROM_EMAIL}",
    }
    token = jwt.encode(claims, _private_key(settings.PUSH_KEY), algorithm="ES256")
    return {
        "Authorization": f"vapid t={token}, k={public_key()}",
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(ttl.total_seconds())),
        "Urgency": "high",
        "Topic": topic,
    }


def to_text(raw: bytes) -> str:
    """base64url without padding (RFC 7515, appendix C)."""
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_text(text: str) -> bytes:
    """Raises ValueError."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError) as reason:
        raise ValueError("not base64url") from reason


@lru_cache(maxsize=2)
def _private_key(text: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(from_text(text), "big"), _CURVE)


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _hkdf(material: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(material)
