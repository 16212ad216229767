"""What a bank's signed word on a customer has to say, and for how long it may say it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeGuard

LONGEST_ASSERTION = timedelta(minutes=5)
CLOCKS_APART = timedelta(seconds=30)
_LENGTHS = {"sub": 100, "jti": 128}
_NAME_LENGTH = 200
_LOCALE_LENGTH = 12
_EMAIL_LENGTH = 254


@dataclass(frozen=True)
class Assertion:
    """A bank says: this is our customer `external_id`; `jti` may be spent once before `expires_at`."""

    external_id: str
    display_name: str
    locale: str
    jti: str
    expires_at: datetime
    # An address that the bank has verified; empty where it says that there is none, None where it says nothing.
    email: str | None = None


def read_claims(claims: Mapping[str, Any], *, at: datetime) -> Assertion:
    """The assertion in verified claims (RFC 7519, section 4.1). Raises ValueError with what is wrong."""
    texts = {name: _text(claims, name, at_most) for name, at_most in _LENGTHS.items()}
    issued_at, expires_at = _instant(claims, "iat"), _instant(claims, "exp")
    if expires_at <= at - CLOCKS_APART:
        raise ValueError("it has expired")
    if issued_at > at + CLOCKS_APART:
        raise ValueError("iat lies in the future")
    if not timedelta(0) < expires_at - issued_at <= LONGEST_ASSERTION:
        raise ValueError("exp is at most five minutes after iat")
    name = claims.get("name")
    locale = claims.get("locale")
    return Assertion(
        external_id=texts["sub"],
        display_name=name[:_NAME_LENGTH] if _is_text(name) else "",
        locale=locale if _is_text(locale) and len(locale) <= _LOCALE_LENGTH else "",
        jti=texts["jti"],
        expires_at=expires_at,
        email=_email(claims),
    )


def _email(claims: Mapping[str, Any]) -> str | None:
    # OpenID Connect Core 1.0, section 5.1; one that nobody has verified may be a stranger's.
    if "email" not in claims:
        return None
    email = claims["email"]
    is_good = _is_text(email) and len(email) <= _EMAIL_LENGTH
    return email if is_good and claims.get("email_verified") is True else ""


def _is_text(value: object) -> TypeGuard[str]:
    """Whether it can be kept: no database text holds NUL, or half a character that JSON can spell."""
    if not isinstance(value, str) or "\x00" in value:
        return False
    return not any("\ud800" <= each <= "\udfff" for each in value)


def _text(claims: Mapping[str, Any], name: str, at_most: int) -> str:
    value = claims.get(name)
    if not _is_text(value) or not 0 < len(value) <= at_most:
        raise ValueError(f"{name} is a text of 1 to {at_most} characters")
    return value


def _instant(claims: Mapping[str, Any], name: str) -> datetime:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**33:
        raise ValueError(f"{name} is a whole number of seconds")
    return datetime.fromtimestamp(value, UTC)
