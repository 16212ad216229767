"""What keys are fit to prove who we are with, and until when."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

# The algorithm by which each kind of key signs. UK Open Banking wants PS256 of an RSA key.
_LEAST_RSA_BITS, _MADE_RSA_BITS = 2048, 3072
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class KeysRefused(ValueError):
    """`field`: private_key or certificate; the text says what is wrong, and quotes nothing."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field


@dataclass(frozen=True, slots=True)
class SigningKey:
    key: PrivateKey
    algorithm: str


def read_private_key(pem: str) -> SigningKey:
    """A PEM key without a password. Raises KeysRefused."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeysRefused("private_key", "not a PEM key without a password") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
        return SigningKey(key, "PS256")
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
        return SigningKey(key, "ES256")
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return SigningKey(key, "EdDSA")
    raise KeysRefused("private_key", "not RSA of 2048 bits or more, P-256 or Ed25519")


def certificate_until(pem: str, private_key: str, *, at: datetime) -> datetime:
    """Until when the certificate (its chain may follow) stands for this key. Raises KeysRefused."""
    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
    except (ValueError, IndexError):
        raise KeysRefused("certificate", "not a PEM certificate") from None
    if certificate.public_key() != read_private_key(private_key).key.public_key():
        raise KeysRefused("certificate", "not of this private key")
    if certificate.not_valid_after_utc <= at:
        raise KeysRefused("certificate", "over since some time")
    if certificate.not_valid_before_utc > at:
        raise KeysRefused("certificate", "not valid yet")
    return certificate.not_valid_after_utc


def make_private_key(like: str) -> str:
    """A new key of the same kind as that one, as PEM."""
    made: PrivateKey
    match read_private_key(like).algorithm:
        case "ES256":
            made = ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            made = ed25519.Ed25519PrivateKey.generate()
        case _:
            made = rsa.generate_private_key(public_exponent=65537, key_size=_MADE_RSA_BITS)
    return made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def thumbprint(private_key: str) -> str:
    """A name for the key that follows from its public half (RFC 7638)."""
    told = _public_members(read_private_key(private_key).key)
    needed = {name: told[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in told}
    canonical = json.dumps(needed, sort_keys=True, separators=(",", ":"))
    return _text(hashlib.sha256(canonical.encode()).digest())


def public_jwk(private_key: str, *, key_id: str, certificate: str = "") -> dict[str, Any]:
    """The public half as a bank reads it (RFC 7517), with the certificate's chain where there is one."""
    signing = read_private_key(private_key)
    named = {"kid": key_id or thumbprint(private_key), "use": "sig", "alg": signing.algorithm}
    chain = [
        base64.b64encode(each.public_bytes(Encoding.DER)).decode()
        for each in (x509.load_pem_x509_certificates(certificate.encode()) if certificate else ())
    ]
    return {**_public_members(signing.key), **named, **({"x5c": chain} if chain else {})}


def _public_members(key: PrivateKey) -> Mapping[str, Any]:
    told: dict[str, Any]
    match key:
        case rsa.RSAPrivateKey():
            told = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case ec.EllipticCurvePrivateKey():
            told = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        case _:
            told = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    told.pop("key_ops", None)
    return told


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def signing_request(private_key: str, *, name: str) -> str:
    """What an authority makes a certificate of (PKCS #10), as PEM."""
    signing = read_private_key(private_key)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])
    by = None if signing.algorithm == "EdDSA" else hashes.SHA256()
    built = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(signing.key, by)
    return built.public_bytes(Encoding.PEM).decode()
