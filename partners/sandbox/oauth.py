"""The bank's authorisation server: redirect, consent page, tokens (RFC 6749, 7636, 9700)."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
import secrets
from dataclasses import asdict
from typing import Any
from urllib.parse import unquote_plus, urlencode, urlsplit

from psycopg.rows import DictRow
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import BodyRefused, read_form, single
from partners.sandbox.consents import (
    GrantRefused,
    Tokens,
    approve,
    client_token,
    exchange_code,
    find_consent,
    forget_grants_of_code,
    refresh,
    reject,
)
from partners.sandbox.ledger import LedgerRefusal
from partners.sandbox.pages import (
    check_origin,
    check_password,
    render,
    sign_in_cookie,
    signed_in,
    sorry,
)
from partners.sandbox.proofs import check_assertion, check_certificate, check_secret
from partners.sandbox.storage.database import Connection

_REQUEST_LIFE = dt.timedelta(minutes=30)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_LONGEST_STATE = 1024
_CONSENT_SCOPE = "AIS:"  # Berlin Group, followed by the consent's id
_CONSENT_WORDS = (
    ("ReadAccountsDetail", "Your accounts", "Names and numbers of the accounts you choose"),
    ("ReadAccountsBasic", "Your accounts", "Which accounts you choose, without their numbers"),
    ("ReadBalances", "Balances", "What is in these accounts, whenever the app asks"),
    ("ReadTransactionsDetail", "Transactions", "What was paid and received, where and when"),
    ("ReadTransactionsBasic", "Transactions", "Amounts and dates, without shops or texts"),
)


class _AuthorizeRefused(Exception):
    """Told to the client by redirect, with an error code of RFC 6749, section 4.1.2.1."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


async def token(request: Request) -> Response:
    """POST /as/token: client_credentials, authorization_code, refresh_token."""
    bank = bank_of(request)
    no_store = {"cache-control": "no-store", "pragma": "no-cache"}
    try:
        fields = single(await read_form(request))
        async with bank.pool.connection() as connection:
            client_id = await _client(request, connection, fields)
            tokens = await _grant(bank, connection, client_id, fields)
    except BodyRefused as problem:
        body = {"error": "invalid_request", "error_description": problem.detail}
        return JSONResponse(body, status_code=problem.status, headers=no_store)
    except GrantRefused as problem:
        body = {"error": problem.error, "error_description": problem.detail}
        if problem.error == "invalid_client":
            headers = {**no_store, "www-authenticate": 'Basic realm="bank"'}
            return JSONResponse(body, status_code=401, headers=headers)
        return JSONResponse(body, status_code=400, headers=no_store)
    return JSONResponse(_token_body(tokens), headers=no_store)


def _token_body(tokens: Tokens) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(tokens).items() if value is not None}
    return {**shown, "token_type": "Bearer", "scope": "accounts"}


async def _client(request: Request, connection: Connection, fields: dict[str, str]) -> str:
    """The client, as it has to prove itself; raises GrantRefused(invalid_client)."""
    if "authorization" in request.headers:
        return await _client_by_secret(request, connection)
    client_id = fields.get("client_id", "")
    row = await _find_client(connection, client_id)
    if "client_assertion" in fields:
        await check_assertion(request, connection, row, fields)
    else:
        await check_certificate(request, connection, row)
    return client_id


async def _client_by_secret(request: Request, connection: Connection) -> str:
    """By HTTP Basic (client_secret_basic)."""
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        decoded = ""
    name, colon, secret = decoded.partition(":")
    if scheme.lower() != "basic" or not colon:
        raise GrantRefused("invalid_client", "client authentication by HTTP Basic is needed")
    client_id = unquote_plus(name)
    check_secret(await _find_client(connection, client_id), unquote_plus(secret))
    return client_id


async def _find_client(connection: Connection, client_id: str) -> DictRow | None:
    if "\0" in client_id:
        return None
    cursor = await connection.execute("SELECT * FROM clients WHERE id = %s", (client_id,))
    return await cursor.fetchone()


async def _grant(
    bank: Bank, connection: Connection, client_id: str, fields: dict[str, str]
) -> Tokens:
    kind = fields.get("grant_type", "")
    if kind == "client_credentials":
        if "accounts" not in fields.get("scope", "accounts").split():
            raise GrantRefused("invalid_scope", "the only scope is accounts")
        return await client_token(bank, connection, client_id=client_id)
    if kind == "authorization_code":
        return await _code_grant(bank, connection, client_id, fields)
    if kind == "refresh_token":
        return await refresh(
            bank, connection, client_id=client_id, refresh_token=_need(fields, "refresh_token")
        )
    raise GrantRefused("unsupported_grant_type", "this grant is not offered")


async def _code_grant(
    bank: Bank, connection: Connection, client_id: str, fields: dict[str, str]
) -> Tokens:
    code, verifier = _need(fields, "code"), _need(fields, "code_verifier")
    redirect_uri = _need(fields, "redirect_uri")
    if not _VERIFIER.fullmatch(verifier):
        raise GrantRefused("invalid_request", "the code verifier has the wrong form")
    try:
        async with connection.transaction():
            return await exchange_code(
                bank,
                connection,
                client_id=client_id,
                code=code,
                redirect_uri=redirect_uri,
                code_verifier=verifier,
            )
    except GrantRefused:
        await forget_grants_of_code(connection, code=code, client_id=client_id)
        raise


def _need(fields: dict[str, str], name: str) -> str:
    if not fields.get(name):
        raise GrantRefused("invalid_request", f"{name} is missing")
    return fields[name]


async def authorize(request: Request) -> Response:
    """GET /as/authorize: begin; bad clients and addresses get a page, other errors are redirected."""
    bank = bank_of(request)
    query = request.query_params
    async with bank.pool.connection() as connection:
        client = await _find_client(connection, query.get("client_id", ""))
        redirect_uri = query.get("redirect_uri", "")
        if client is None or redirect_uri not in client["redirect_uris"]:
            return sorry(
                request,
                status=400,
                title="We do not know this app",
                detail="The link that brought you here names an app or a return address that is "
                "not registered with us. Nothing was shared.",
            )
        try:
            started = await _begin(bank, request, connection, client["id"])
        except _AuthorizeRefused as problem:
            state = query.get("state", "")[:_LONGEST_STATE]
            return _back(redirect_uri, error=problem.error, state=state)
        return await _step(request, connection, started)


async def _begin(bank: Bank, request: Request, connection: Connection, client_id: str) -> DictRow:
    query = request.query_params
    if query.get("response_type") != "code":
        raise _AuthorizeRefused("unsupported_response_type")
    scopes = query.get("scope", "").split()
    if "accounts" not in scopes and not any(each.startswith(_CONSENT_SCOPE) for each in scopes):
        raise _AuthorizeRefused("invalid_scope")
    challenge = query.get("code_challenge", "")
    if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
        raise _AuthorizeRefused("invalid_request")
    if len(query.get("state", "")) > _LONGEST_STATE:
        raise _AuthorizeRefused("invalid_request")
    consent = await find_consent(connection, _asked_for(query))
    if consent is None or consent["client_id"] != client_id or consent["status"] != "AWAU":
        raise _AuthorizeRefused("invalid_request")
    customer = await signed_in(request, connection)
    cursor = await connection.execute(
        """INSERT INTO authorisations (id, consent_id, redirect_uri, state, code_challenge,
             customer_id, expires_at) VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING *""",
        (
            secrets.token_urlsafe(24),
            consent["id"],
            query["redirect_uri"],
            query.get("state", ""),
            challenge,
            customer["id"] if customer else None,
            bank.now() + _REQUEST_LIFE,
        ),
    )
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("an insert gave no row")
    return row


def _asked_for(query: QueryParams) -> str:
    """The consent that the customer is asked for: each dialect names it beside the scope, or in it."""
    scopes = query.get("scope", "").split()
    named = (each.removeprefix(_CONSENT_SCOPE) for each in scopes if ":" in each)
    return query.get("openbanking_intent_id") or query.get("link_token") or next(named, "")


async def decide(request: Request) -> Response:
    """POST /as/authorize: sign in, switch person, approve or deny."""
    bank = bank_of(request)
    check_origin(request)
    fields = await read_form(request)
    form = dict(fields)
    async with bank.pool.connection() as connection, connection.transaction():
        cursor = await connection.execute(
            "SELECT * FROM authorisations WHERE id = %s AND expires_at > %s FOR UPDATE",
            (form.get("authorisation", ""), bank.now()),
        )
        row = await cursor.fetchone()
        if row is None:
            return sorry(
                request,
                status=400,
                title="This request has run out",
                detail="Go back to the app and start again. Nothing was shared.",
            )
        if form.get("action") == "deny":
            return await _deny(bank, connection, row)
        if form.get("action") == "sign-in":
            return await _sign_in(bank, request, connection, row, form)
        if form.get("action") == "switch":
            return await _step(request, connection, {**row, "customer_id": None})
        return await _approve(bank, request, connection, row, fields)


async def _deny(bank: Bank, connection: Connection, row: DictRow) -> Response:
    await reject(bank, connection, consent_id=row["consent_id"])
    await connection.execute("DELETE FROM authorisations WHERE id = %s", (row["id"],))
    return _back(row["redirect_uri"], error="access_denied", state=row["state"])


async def _sign_in(
    bank: Bank,
    request: Request,
    connection: Connection,
    row: DictRow,
    form: dict[str, str],
) -> Response:
    customer = await check_password(
        connection, login=form.get("login", ""), password=form.get("password", "")
    )
    if customer is None:
        return await _step(request, connection, {**row, "customer_id": None}, wrong=True)
    await connection.execute(
        "UPDATE authorisations SET customer_id = %s WHERE id = %s", (customer["id"], row["id"])
    )
    response = await _step(request, connection, {**row, "customer_id": customer["id"]})
    sign_in_cookie(bank, response, customer_id=customer["id"])
    return response


async def _approve(
    bank: Bank,
    request: Request,
    connection: Connection,
    row: DictRow,
    fields: list[tuple[str, str]],
) -> Response:
    customer = await signed_in(request, connection)
    if customer is None or customer["id"] != row["customer_id"]:
        return await _step(request, connection, {**row, "customer_id": None})
    chosen = [value for name, value in fields if name == "account"]
    everything = ("which", "all") in fields
    try:
        code = await approve(
            bank,
            connection,
            consent_id=row["consent_id"],
            customer_id=customer["id"],
            account_ids=None if everything else chosen,
            redirect_uri=row["redirect_uri"],
            code_challenge=row["code_challenge"],
        )
    except LedgerRefusal as problem:
        return await _step(request, connection, row, complaint=problem.detail)
    await connection.execute("DELETE FROM authorisations WHERE id = %s", (row["id"],))
    return _back(row["redirect_uri"], code=code, state=row["state"])


def _back(redirect_uri: str, *, state: str, **answer: str) -> Response:
    """Send the browser back to the client."""
    joint = "&" if urlsplit(redirect_uri).query else "?"
    values = {**answer, **({"state": state} if state else {})}
    return RedirectResponse(f"{redirect_uri}{joint}{urlencode(values)}", status_code=303)


async def _name_of_client(connection: Connection, consent_id: str) -> str:
    cursor = await connection.execute(
        "SELECT k.name FROM clients k JOIN consents c ON c.client_id = k.id WHERE c.id = %s",
        (consent_id,),
    )
    row = await cursor.fetchone()
    return row["name"] if row else ""


async def _step(
    request: Request,
    connection: Connection,
    row: DictRow,
    *,
    wrong: bool = False,
    complaint: str = "",
) -> Response:
    """The page for where the customer is: signing in, or choosing accounts."""
    target = urlsplit(row["redirect_uri"])
    host = target.hostname or ""
    shown: dict[str, Any] = {
        "app": await _name_of_client(connection, row["consent_id"]) or host,
        "host": host,
        "authorisation": row["id"],
        "form_targets": f"'self' {target.scheme}://{target.netloc}",
        "customer": None,
    }
    if row["customer_id"] is None:
        cursor = await connection.execute("SELECT * FROM customers ORDER BY position LIMIT 3")
        people = await cursor.fetchall()
        return render(
            request,
            "authorize_sign_in.html",
            status=401 if wrong else 200,
            wrong=wrong,
            people=people,
            **shown,
        )
    consent = await find_consent(connection, row["consent_id"])
    cursor = await connection.execute(
        """SELECT a.*, c.name AS owner FROM accounts a
           JOIN account_holders h ON h.account_id = a.id JOIN customers c ON c.id = h.customer_id
           WHERE c.id = %s ORDER BY h.position, a.id""",
        (row["customer_id"],),
    )
    accounts = await cursor.fetchall()
    return render(
        request,
        "authorize_consent.html",
        status=400 if complaint else 200,
        complaint=complaint,
        accounts=accounts,
        owner=accounts[0]["owner"] if accounts else "",
        asked=_asked(consent),
        until=consent["expires_at"] if consent else None,
        **shown,
    )


def _asked(consent: DictRow | None) -> list[tuple[str, str]]:
    """What the app asks for, in words; the fuller permission hides the lesser."""
    granted = set(consent["permissions"]) if consent else set()
    asked: dict[str, str] = {}
    for permission, title, words in _CONSENT_WORDS:
        if permission in granted:
            asked.setdefault(title, words)
    return list(asked.items())


ROUTES = [
    Route("/as/token", token, methods=["POST"]),
    Route("/as/authorize", authorize, methods=["GET"]),
    Route("/as/authorize", decide, methods=["POST"]),
]
