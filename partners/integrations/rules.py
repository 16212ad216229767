"""What keys are fit to prove who we are with, and until when."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

# The algorithm by which each kind of key signs. UK Open Banking wants PS256 of an RSA key.
_LEAST_RSA_BITS = 2048
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
