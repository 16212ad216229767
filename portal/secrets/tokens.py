"""Bearer secrets that we hand out: random, named by their bank, kept only as a hash."""

import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

SECRET_BYTES = 32


@dataclass(frozen=True)
class BankToken:
    """A token that says which bank it belongs to, since nothing is readable before that is known."""

    bank_id: UUID
    text: str

    @property
    def digest(self) -> str:
        return digest_of(self.text)


def digest_of(text: str) -> str:
    """SHA-256 in hex: what is stored of a token with 256 random bits."""
    return hashlib.sha256(text.encode()).hexdigest()


def new_bank_token(*, kind: str, bank_id: UUID) -> BankToken:
    """`<kind>_<bank hex>_<43 random characters>`, `kind` in lower-case letters."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    return BankToken(bank_id, f"{kind}_{bank_id.hex}_{secret}")


def read_bank_token(text: str, *, kind: str) -> BankToken | None:
    """The token and its bank, or None where `text` is not of that kind. Says nothing of validity."""
    parts = text.split("_", 2)
    if len(parts) != 3 or parts[0] != kind or len(text) > 200:  # noqa: PLR2004  # kind, bank, secret
        return None
    try:
        return BankToken(UUID(hex=parts[1]), text)
    except ValueError:
        return None
