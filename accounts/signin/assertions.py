"""Reading a bank's signed word on a customer: a JWT with an Ed25519 signature (RFC 8037)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt

from accounts.signin.rules import Assertion, read_claims
from portal.rest.problems import Problem

ALGORITHM = "EdDSA"
LONGEST_TOKEN = 4096
_REQUIRED = ["iss", "aud", "sub", "iat", "exp", "jti"]


class AssertionRefused(Problem):
    """The bank's word on the customer does not hold: altered, expired, spent or meant for others."""

    slug = "assertion-refused"
    title = "The bank's assertion was not accepted"
    status = 401


class UnknownKey(AssertionRefused):
    """Signed with a key that is not among those we have: the bank may have a newer one."""


def verify_assertion(
    token: str, *, jwks: Mapping[str, Any], issuer: str, audience: str, at: datetime
) -> Assertion:
    """The assertion in `token`. Raises UnknownKey or AssertionRefused; `jwks` is RFC 7517's set."""
    key = _key_of(token, jwks)
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=issuer,
            audience=audience,
            # Times are ours to check: against the door's clock, and for how long they hold.
            options={
                "require": _REQUIRED,
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
        return read_claims(claims, at=at)
    except jwt.PyJWTError as reason:
        raise AssertionRefused(f"It does not verify: {type(reason).__name__}.") from reason
    except ValueError as reason:
        raise AssertionRefused(f"It does not hold: {reason}.") from reason


def _key_of(token: str, jwks: Mapping[str, Any]) -> jwt.PyJWK:
    if len(token) > LONGEST_TOKEN:
        raise AssertionRefused("It is too long.")
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError as reason:
        raise AssertionRefused("It is not a JWT.") from reason
    if header.get("alg") != ALGORITHM:
        raise AssertionRefused("It is signed by EdDSA and nothing else.")
    listed = jwks.get("keys") if isinstance(jwks.get("keys"), list) else []
    for each in listed or []:
        if isinstance(each, dict) and _fits(each, header.get("kid")):
            try:
                return jwt.PyJWK(each, algorithm=ALGORITHM)
            except jwt.PyJWTError as reason:
                raise AssertionRefused("The bank's key cannot be read.") from reason
    raise UnknownKey("The bank publishes no key of that name.")


def _fits(key: Mapping[str, Any], kid: object) -> bool:
    is_ours = key.get("kty") == "OKP" and key.get("crv") == "Ed25519"
    return is_ours and isinstance(kid, str) and key.get("kid") == kid and key.get("use") != "enc"
