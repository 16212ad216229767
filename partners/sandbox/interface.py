"""What all of the bank's interfaces share: bearer tokens, correlation ids, documented refusals."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from partners.sandbox import open_banking
from partners.sandbox.bank import bank_of
from partners.sandbox.bodies import BodyRefused
from partners.sandbox.consents import find_consent, visible_accounts
from partners.sandbox.keys import fingerprint
from partners.sandbox.proofs import CERTIFICATE, shows_its_own
from partners.sandbox.storage.database import Connection

Door = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """A documented refusal: HTTP status and the four-letter code of the standard."""

    def __init__(self, status: int, code: str, message: str, path: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path


@dataclass(frozen=True)
class Grant:
    """What a customer's access token stands for, as of this request."""

    client_id: str
    consent: DictRow
    accounts: dict[str, DictRow]

    def require(self, *permissions: str) -> None:
        """At least one of these permissions, else 403."""
        if not set(permissions) & set(self.consent["permissions"]):
            raise Refused(403, "U008", "The consent does not allow this.")

    def account(self, account_id: str) -> DictRow:
        """The account, where the consent covers it. Unknown and foreign ones look alike."""
        if account_id not in self.accounts:
            raise Refused(403, "U008", "The consent does not cover such an account.")
        return self.accounts[account_id]


def refusal(request: Request, problem: Refused) -> Response:
    """The OBErrorResponse1 for a refusal."""
    version = open_banking.version_of(request.url.path)
    body = open_banking.errors(problem.code, problem.message, problem.path, version=version)
    headers = {"x-fapi-interaction-id": interaction_id(request)}
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer error="invalid_token"'
    return JSONResponse(body, status_code=problem.status, headers=headers)


def interaction_id(request: Request) -> str:
    """The caller's correlation id where it is a UUID, else a new one."""
    try:
        return str(uuid.UUID(request.headers.get("x-fapi-interaction-id", "")))
    except ValueError:
        return str(uuid.uuid4())


def interface(door: Door) -> Door:
    """Give a door the manners of the standard: correlation id, negotiation, error bodies."""

    @functools.wraps(door)
    async def polite(request: Request) -> Response:
        try:
            _negotiate(request)
            response = await door(request)
        except BodyRefused as problem:
            code = "U010" if problem.status == HTTPStatus.BAD_REQUEST else "U006"
            return refusal(request, Refused(problem.status, code, problem.detail))
        except Refused as problem:
            return refusal(request, problem)
        response.headers["x-fapi-interaction-id"] = interaction_id(request)
        response.headers["cache-control"] = "no-store"
        return response

    return polite


def speaks_json(request: Request) -> bool:
    """Whether the caller takes what all of these interfaces answer."""
    accepted = [
        part.partition(";")[0].strip().lower()
        for part in request.headers.get("accept", "*/*").split(",")
    ]
    return bool({"*/*", "application/*", "application/json"} & set(accepted))


def _negotiate(request: Request) -> None:
    if not speaks_json(request):
        raise Refused(406, "U006", "Only application/json is spoken here.")
    sent = request.headers.get("x-fapi-interaction-id")
    if sent is not None and interaction_id(request) != sent.lower():
        raise Refused(
            400, "U006", "x-fapi-interaction-id must be a UUID.", "x-fapi-interaction-id"
        )


def bearer(request: Request) -> str:
    """The bearer token of the request (RFC 6750, header only), else 401."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Refused(401, "U007", "A bearer token is needed.")
    return token.strip()


async def client_of(request: Request, connection: Connection) -> str:
    """The client whose own token this is, else 401 (or 403 for a customer's token)."""
    row = await token_of(request, connection)
    if row["kind"] != "client":
        raise Refused(403, "U008", "This needs a token from client credentials.")
    client_id: str = row["client_id"]
    return client_id


async def grant_of(request: Request, connection: Connection, *, token: str | None = None) -> Grant:
    """What the customer's token stands for: 401 for no such token, 403 once the consent has ended.

    `token`: where the dialect has it elsewhere than in the header.
    """
    row = await token_of(request, connection, token=token)
    if row["kind"] != "access":
        raise Refused(403, "U008", "This needs a token that a customer has authorised.")
    consent = await find_consent(connection, row["consent_id"])
    if consent is None or consent["status"] != "AUTH":
        raise Refused(403, "U009", "The consent is no longer given.")
    accounts = await visible_accounts(connection, consent)
    return Grant(row["client_id"], consent, {account["id"]: account for account in accounts})


async def token_of(
    request: Request, connection: Connection, *, token: str | None = None
) -> DictRow:
    """The live token of the request, a client's own or a customer's, else 401."""
    cursor = await connection.execute(
        """SELECT t.kind, t.client_id, t.consent_id, c.id, c.proof, c.certificate, c.jwks, c.jwks_uri, c.jwks_host
           FROM tokens t JOIN clients c ON c.id = t.client_id
           WHERE t.token_hash = %s AND t.kind <> 'refresh' AND t.expires_at > %s""",
        (fingerprint(bearer(request) if token is None else token), bank_of(request).now()),
    )
    row = await cursor.fetchone()
    if row is None:
        raise Refused(401, "U006", "The token is unknown or has expired.")
    # A token is good on its client's own connections alone (RFC 8705 section 3).
    if row["proof"] == CERTIFICATE and not await shows_its_own(request, connection, row):
        raise Refused(401, "U006", "The token is not of the one whose certificate this is.")
    return row
