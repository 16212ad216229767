"""How a client proves who it is: a secret, a signed assertion (RFC 7523), a certificate (RFC 8705)."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from typing import Any

import jwt
from psycopg.rows import DictRow
from starlette.requests import Request

from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.client_keys import Jwks, has_certificate, has_key, keys_with
from partners.sandbox.consents import GrantRefused
from partners.sandbox.keys import fingerprint
from partners.sandbox.storage.database import Connection

SECRET, ASSERTION, CERTIFICATE = "client_secret_basic", "private_key_jwt", "tls_client_auth"
PROOFS = (SECRET, ASSERTION, CERTIFICATE)
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ALGORITHMS = ["PS256", "ES256", "EdDSA"]
_LONGEST = dt.timedelta(minutes=5)


def check_secret(client: DictRow | None, secret: str) -> None:
    """Raises GrantRefused(invalid_client): an unknown client and a wrong secret look alike."""
    kept = client["secret_hash"] if client else fingerprint(secrets.token_hex(8))
    if not secrets.compare_digest(kept, fingerprint(secret)):
        raise GrantRefused("invalid_client", "unknown client or wrong secret")
    if client is not None and client["proof"] != SECRET:
        raise GrantRefused("invalid_client", f"this client proves who it is by {client['proof']}")


async def check_assertion(
    request: Request, connection: Connection, client: DictRow | None, fields: dict[str, str]
) -> None:
    """Signature, issuer, audience, life, and once. Raises GrantRefused(invalid_client)."""
    if client is None or client["proof"] != ASSERTION:
        raise GrantRefused("invalid_client", "this client proves who it is otherwise")
    if fields.get("client_assertion_type") != _ASSERTION_TYPE:
        raise GrantRefused("invalid_client", "no such type of assertion")
    bank = bank_of(request)
    assertion = fields.get("client_assertion", "")
    wanted = has_key(_kid(assertion))
    jwks = await keys_with(bank, connection, client, wanted=wanted)
    claims = _claims(bank, client, assertion, jwks)
    cursor = await connection.execute(
        """INSERT INTO assertions (client_id, jti, expires_at) VALUES (%s, %s, to_timestamp(%s))
           ON CONFLICT DO NOTHING""",
        (client["id"], claims["jti"], claims["exp"]),
    )
    if not cursor.rowcount:
        raise GrantRefused("invalid_client", "this assertion was taken before")
    await connection.execute("DELETE FROM assertions WHERE expires_at < %s", (bank.now(),))


def _kid(assertion: str) -> str | None:
    try:
        kid = jwt.get_unverified_header(assertion).get("kid")
    except jwt.PyJWTError:
        return None
    return kid if isinstance(kid, str) else None


def _claims(bank: Bank, client: DictRow, assertion: str, jwks: Jwks) -> dict[str, Any]:
    try:
        kid = jwt.get_unverified_header(assertion).get("kid")
        keys = jwt.PyJWKSet.from_dict(jwks).keys
        key = next(each for each in keys if kid is None or each.key_id == kid)
        claims: dict[str, Any] = jwt.decode(
            assertion,
            key.key,
            algorithms=_ALGORITHMS,
            audience=[f"{bank.origin}/as/token", bank.origin],
            issuer=client["id"],
            options={"require": ["exp", "iat", "jti", "sub"]},
        )
    except (jwt.PyJWTError, StopIteration, ValueError, TypeError):
        raise GrantRefused("invalid_client", "the assertion does not hold") from None
    if claims["sub"] != client["id"] or claims["exp"] - claims["iat"] > _LONGEST.total_seconds():
        raise GrantRefused("invalid_client", "the assertion says too much")
    return claims


async def check_certificate(
    request: Request, connection: Connection, client: DictRow | None
) -> None:
    """The certificate of this very connection. Raises GrantRefused(invalid_client)."""
    if client is None or client["proof"] != CERTIFICATE:
        raise GrantRefused("invalid_client", "this client proves who it is otherwise")
    if not await shows_its_own(request, connection, client):
        raise GrantRefused("invalid_client", "no certificate of this client on this connection")


async def shows_its_own(request: Request, connection: Connection, client: DictRow) -> bool:
    """Whether the caller showed the client's certificate in the handshake, or one that it publishes."""
    bank = bank_of(request)
    port = request.client.port if request.client else 0
    shown = bank.certificates.get(port, "")
    if client["certificate"] and secrets.compare_digest(shown, client["certificate"]):
        return True
    wanted = has_certificate(shown)
    return bool(shown) and wanted(await keys_with(bank, connection, client, wanted=wanted))


async def demand(
    connection: Connection,
    *,
    client_id: str,
    proof: str,
    jwks: dict[str, Any] | None,
    certificate: str | None,
    jwks_uri: str | None = None,
    jwks_host: str | None = None,
) -> None:
    """Have a client prove who it is in this way from now on."""
    await connection.execute(
        """UPDATE clients SET proof = %s, jwks = %s, certificate = %s, jwks_uri = %s, jwks_host = %s
           WHERE id = %s""",
        (
            proof,
            None if jwks is None else json.dumps(jwks),
            certificate,
            jwks_uri,
            jwks_host,
            client_id,
        ),
    )
