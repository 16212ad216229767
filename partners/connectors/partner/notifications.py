"""Pushed events: a JWT signed by the bank (event notifications 4.0, OBEventNotification1)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from partners.connectors.answers import Node, raise_for_trouble, read_json, refusal_code
from partners.connectors.base import (
    BadAnswer,
    BankAddress,
    BankNotification,
    BankRefused,
    NotificationRefused,
    Request,
    Response,
    Steps,
    UnknownSigningKey,
)

MAX_NOTIFICATION_BYTES = 64 * 1024
TOLERANCE = timedelta(minutes=10)
_ALGORITHM = "PS256"
_KEY_BITS = range(2048, 8193)
_MAX_KEYS = 50
_LAST_SECOND = 4_102_444_800  # the year 2100
_RESOURCE_UPDATE = "urn:uk:org:openbanking:events:resource-update"
_CONSENT_ENDED = "urn:uk:org:openbanking:events:consent-authorization-revoked"
_RESOURCE_ID = "http://openbanking.org.uk/rid"
_RESOURCE_TYPE = "http://openbanking.org.uk/rty"


def read_keys(address: BankAddress) -> Steps[Mapping[str, object]]:
    """The bank's JWK set, cut down to what a public key is made of."""
    response = yield Request("GET", address.jwks_url, {"Accept": "application/json"})
    raise_for_trouble(response)
    if response.status != HTTPStatus.OK:
        raise BankRefused(refusal_code(None, response.status))
    keys = read_json(response).rows("keys")
    if len(keys) > _MAX_KEYS:
        raise BadAnswer("more keys than a bank can need", "keys")
    return {"keys": [_named_strings(key) for key in keys if isinstance(key, dict)]}


def _named_strings(key: Mapping[str, object]) -> dict[str, str]:
    return {name: value for name, value in key.items() if isinstance(value, str)}


def read(
    address: BankAddress, *, body: bytes, jwks: Mapping[str, object], at: datetime
) -> BankNotification:
    """Verify signature, issuer, audience and age; say what the event is about."""
    claims = verified(body, jwks)
    try:
        _refuse_misaddressed(claims, address)
        _refuse_stale(claims, at)
        return BankNotification(
            jti=claims.identity("jti", limit=128),
            account_external_ids=tuple(_subjects(claims, "account")),
            occurred_at=_seconds(claims, "toe"),
            consent_external_ids=tuple(_subjects(claims, "account-access-consent")),
        )
    except BadAnswer as bad:
        raise NotificationRefused(str(bad)) from None


def verified(body: bytes, jwks: Mapping[str, object]) -> Node:
    """The claims, once the signature over them holds. Nothing of them is read before."""
    if len(body) > MAX_NOTIFICATION_BYTES:
        raise NotificationRefused("larger than a notification may be")
    token = body.strip()
    try:
        kid = _key_id(jwt.get_unverified_header(token))
        payload = jwt.PyJWS().decode(token, _public_key(kid, jwks), algorithms=[_ALGORITHM])
        return read_json(Response(HTTPStatus.OK, body=payload))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, RecursionError):
        raise NotificationRefused("not a token that the bank signed") from None
    except BadAnswer:
        raise NotificationRefused("claims that are not a JSON object") from None


def _key_id(header: Mapping[str, object]) -> str:
    kid = header.get("kid")
    if header.get("alg") != _ALGORITHM or not isinstance(kid, str) or not kid:
        raise NotificationRefused("not signed with PS256 by a named key")
    if "crit" in header or "b64" in header:
        raise NotificationRefused("asks for extensions that we do not have")
    return kid


def _public_key(kid: str, jwks: Mapping[str, object]) -> RSAPublicKey:
    keys = jwks.get("keys")
    for key in keys if isinstance(keys, list) else []:
        if isinstance(key, dict) and key.get("kid") == kid and _signs(key):
            public = jwt.PyJWK(key, algorithm=_ALGORITHM).key
            if isinstance(public, RSAPublicKey) and public.key_size in _KEY_BITS:
                return public
            raise NotificationRefused("a key that is not fit to verify with")
    raise UnknownSigningKey("signed with a key that we do not hold")


def _signs(key: Mapping[str, object]) -> bool:
    return (
        key.get("kty") == "RSA"
        and key.get("use", "sig") == "sig"
        and key.get("alg", _ALGORITHM) == _ALGORITHM
    )


def _refuse_misaddressed(claims: Node, address: BankAddress) -> None:
    if claims.string("iss", limit=300) != address.signed_as:
        claims.wrong("iss", "another bank's")
    audience = claims.members.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if address.client_id not in named:
        claims.wrong("aud", "not for us")


def _refuse_stale(claims: Node, at: datetime) -> None:
    if abs(at - _seconds(claims, "iat")) > TOLERANCE:
        claims.wrong("iat", "not of the last ten minutes")
    if claims.has("exp") and _seconds(claims, "exp") <= at:
        claims.wrong("exp", "over")


def _seconds(claims: Node, name: str) -> datetime:
    value = claims.members.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LAST_SECOND:
        claims.wrong(name, "not a moment in seconds")
    return datetime.fromtimestamp(value, UTC)


def _subjects(claims: Node, kind: str) -> Iterator[str]:
    """The ids of what the events are about, where it is of this kind."""
    events = claims.node("events")
    for name in (_RESOURCE_UPDATE, _CONSENT_ENDED):
        if events.has(name):
            subject = events.node(name).node("subject")
            if subject.string(_RESOURCE_TYPE, limit=128) == kind:
                yield subject.identity(_RESOURCE_ID, limit=128)
