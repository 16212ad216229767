"""Berlin Group NextGenPSD2 1.3 account information: the same consents and ledger in another dialect."""

from __future__ import annotations

import datetime as dt
import functools
import ipaddress
import uuid
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from partners.sandbox import berlin_group
from partners.sandbox.accounts_api import PAGE_SIZE, following_page, is_too_long_ago, listed
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.berlin_group import BASE, CONSENT_STATUS
from partners.sandbox.bodies import BodyRefused, read_json
from partners.sandbox.consents import find_consent
from partners.sandbox.faults import as_told
from partners.sandbox.interface import (
    Door,
    Grant,
    Refused,
    client_of,
    grant_of,
    speaks_json,
    token_of,
)
from partners.sandbox.storage.database import Connection

_PERMISSIONS = {
    "accounts": ["ReadAccountsDetail"],
    "balances": ["ReadBalances"],
    "transactions": [
        "ReadTransactionsCredits",
        "ReadTransactionsDebits",
        "ReadTransactionsDetail",
    ],
}
_MEMBERS = frozenset(
    ("access", "recurringIndicator", "validUntil", "frequencyPerDay", "combinedServiceIndicator")
)
_LISTS = {"booked": ("booked",), "pending": ("pending",), "both": ("pending", "booked")}
# The codes of the other dialect, which the shared doors raise, in this one's words.
_STATUS = {"U008": 401, "U009": 401, "U011": 403}
_PERIOD = "PERIOD_INVALID"
_CODE = {
    _PERIOD: _PERIOD,
    "U007": "TOKEN_UNKNOWN",
    "U008": "CONSENT_INVALID",
    "U009": "CONSENT_INVALID",
    "U011": "CONSENT_UNKNOWN",
}
_CODE_OF_STATUS = {
    400: "FORMAT_ERROR",
    401: "TOKEN_INVALID",
    404: "RESOURCE_UNKNOWN",
    405: "SERVICE_INVALID",
    406: "REQUESTED_FORMATS_INVALID",
}


def refusal(request: Request, problem: Refused) -> Response:
    """A refusal of any of the bank's doors, said in this dialect."""
    status = problem.status if problem.status not in (413, 415) else 400
    # What is not there at all is not a consent that is not there.
    if status not in (404, 405):
        status = _STATUS.get(problem.code, status)
        code = _CODE.get(problem.code) or _CODE_OF_STATUS.get(status, "FORMAT_ERROR")
    else:
        code = _CODE_OF_STATUS[status]
    body = berlin_group.messages(code, problem.message)
    return JSONResponse(body, status_code=status, headers=_headers(request))


def _headers(request: Request) -> dict[str, str]:
    """The caller's own id where it is a UUID, else a new one."""
    return {"x-request-id": _request_id(request) or str(uuid.uuid4())}


def _request_id(request: Request) -> str | None:
    try:
        return str(uuid.UUID(request.headers.get("x-request-id", "")))
    except ValueError:
        return None


def _negotiate(request: Request) -> None:
    if not speaks_json(request):
        raise Refused(406, "U006", "Only application/json is spoken here.")
    if _request_id(request) is None:
        raise Refused(400, "U003", "X-Request-ID must be a UUID.")


def _interface(door: Door) -> Door:
    """Give a door the manners of the standard: request ids, and refusals in its own words."""

    @functools.wraps(door)
    async def polite(request: Request) -> Response:
        try:
            _negotiate(request)
            response = await door(request)
        except BodyRefused as problem:
            return refusal(request, Refused(problem.status, "U010", problem.detail))
        except Refused as problem:
            return refusal(request, problem)
        response.headers.update(_headers(request) | {"cache-control": "no-store"})
        return response

    return polite


async def _granted(request: Request, connection: Connection) -> Grant:
    """What the customer's token stands for; the consent that the call names must be its own."""
    grant = await grant_of(request, connection)
    if request.headers.get("consent-id") != grant.consent["id"]:
        raise Refused(403, "U011", "Consent-ID is missing, or names another consent.")
    return grant


@_interface
async def create_consent(request: Request) -> Response:
    """POST /consents: the customer chooses the accounts here."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        client_id = await client_of(request, connection)
        _need_address(request)
        permissions, until = _wanted(bank, await read_json(request))
        row = await _insert(bank, connection, client_id, permissions, until)
    here = f"{BASE}/consents/{row['id']}"
    body = {
        "consentStatus": CONSENT_STATUS[row["status"]],
        "consentId": row["id"],
        "_links": {
            "scaOAuth": {"href": f"{bank.origin}/.well-known/openid-configuration"},
            "self": {"href": here},
            "status": {"href": f"{here}/status"},
        },
    }
    headers = {"location": here, "aspsp-sca-approach": "REDIRECT"}
    return JSONResponse(body, status_code=201, headers=headers)


def _need_address(request: Request) -> None:
    try:
        ipaddress.IPv4Address(request.headers.get("psu-ip-address", ""))
    except ValueError:
        raise Refused(400, "U003", "PSU-IP-Address must be an address of version 4.") from None


def _wanted(bank: Bank, body: Any) -> tuple[list[str], dt.date]:
    """The permissions, and the last day."""
    if not isinstance(body, dict) or not _MEMBERS.issuperset(body):
        raise Refused(400, "U004", "This is not a request for a consent.")
    _check_plain(body)
    access = body.get("access")
    if not isinstance(access, dict) or not access or not _PERMISSIONS.keys() >= access.keys():
        raise Refused(400, "U002", "access has accounts, balances and transactions alone.")
    if any(access[name] != [] for name in access):
        raise Refused(400, "U002", "Customers choose their accounts here: leave the lists empty.")
    until = _day(body.get("validUntil"), "validUntil")
    if until is None or until < bank.now().astimezone(bank.profile.tz).date():
        raise Refused(400, "U003", "validUntil has passed, or is missing.")
    return sorted({each for name in ("accounts", *access) for each in _PERMISSIONS[name]}), until


def _check_plain(body: dict[str, Any]) -> None:
    times = body.get("frequencyPerDay")
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise Refused(400, "U003", "frequencyPerDay is a whole number from 1.")
    if not isinstance(body.get("recurringIndicator"), bool):
        raise Refused(400, "U003", "recurringIndicator is true or false.")
    if body.get("combinedServiceIndicator") is not False:
        raise Refused(400, "U002", "Sessions are not combined here.")


def _day(written: object, name: str) -> dt.date | None:
    if written is None:
        return None
    try:
        return dt.date.fromisoformat(written if isinstance(written, str) else "")
    except ValueError:
        raise Refused(400, "U003", f"{name} is not a date.") from None


async def _insert(
    bank: Bank, connection: Connection, client_id: str, permissions: list[str], until: dt.date
) -> DictRow:
    over = dt.datetime.combine(until + dt.timedelta(days=1), dt.time(), bank.profile.tz)
    cursor = await connection.execute(
        """INSERT INTO consents (id, client_id, permissions, expires_at, expires_text, status,
             created_at, status_at)
           VALUES (%s, %s, %s, %s, %s, 'AWAU', %s, %s) RETURNING *""",
        (
            f"bgc-{uuid.uuid4()}",
            client_id,
            permissions,
            over,
            until.isoformat(),
            bank.now(),
            bank.now(),
        ),
    )
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("an insert gave no row")
    return row


async def _own_consent(request: Request, connection: Connection) -> DictRow:
    """The consent, for the client that laid it, by its own token or one given for that consent."""
    token = await token_of(request, connection)
    row = await find_consent(connection, request.path_params["consent_id"])
    if row is None or row["client_id"] != token["client_id"]:
        raise Refused(403, "U011", "There is no such consent.")
    if token["consent_id"] not in (None, row["id"]):
        raise Refused(403, "U011", "The token was given for another consent.")
    return row


@_interface
async def read_consent(request: Request) -> Response:
    """GET /consents/{consentId}."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        row = await _own_consent(request, connection)
    access: dict[str, list[object]] = {
        name: [] for name, needed in _PERMISSIONS.items() if set(needed) <= set(row["permissions"])
    }
    changed: dt.datetime = row["status_at"]
    return JSONResponse(
        {
            "access": access,
            "recurringIndicator": True,
            "validUntil": (row["expires_text"] or "9999-12-31")[:10],
            "frequencyPerDay": request.app.state.allowance.granted,
            "lastActionDate": changed.astimezone(bank.profile.tz).date().isoformat(),
            "consentStatus": CONSENT_STATUS[row["status"]],
        }
    )


@_interface
async def read_status(request: Request) -> Response:
    """GET /consents/{consentId}/status."""
    async with bank_of(request).pool.connection() as connection:
        row = await _own_consent(request, connection)
    return JSONResponse({"consentStatus": CONSENT_STATUS[row["status"]]})


@_interface
async def delete_consent(request: Request) -> Response:
    """DELETE /consents/{consentId}: it and all its tokens end."""
    async with bank_of(request).pool.connection() as connection:
        await client_of(request, connection)
        row = await _own_consent(request, connection)
        await connection.execute("DELETE FROM consents WHERE id = %s", (row["id"],))
    return Response(status_code=204)


@_interface
async def list_accounts(request: Request) -> Response:
    """GET /accounts."""
    async with bank_of(request).pool.connection() as connection:
        grant = await _granted(request, connection)
    shown = [berlin_group.account(row) for row in grant.accounts.values()]
    return JSONResponse({"accounts": shown})


@_interface
async def read_account(request: Request) -> Response:
    """GET /accounts/{account-id}."""
    async with bank_of(request).pool.connection() as connection:
        grant = await _granted(request, connection)
    return JSONResponse(
        {"account": berlin_group.account(grant.account(request.path_params["account_id"]))}
    )


@_interface
async def list_balances(request: Request) -> Response:
    """GET /accounts/{account-id}/balances."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await _granted(request, connection)
    grant.require("ReadBalances")
    row = grant.account(request.path_params["account_id"])
    shown = berlin_group.balances(row, zone=bank.profile.tz)
    return JSONResponse({"account": berlin_group.reference(row), "balances": shown})


@_interface
async def list_transactions(request: Request) -> Response:
    """GET /accounts/{account-id}/transactions: newest first, a page at a time, in two lists."""
    bank = bank_of(request)
    query = request.query_params
    async with bank.pool.connection() as connection:
        grant = await _granted(request, connection)
        grant.require("ReadTransactionsDetail")
        account = grant.account(request.path_params["account_id"])
        statuses = _LISTS.get(query.get("bookingStatus", ""))
        if statuses is None:
            raise Refused(400, "U002", "bookingStatus is booked, pending or both.")
        since, until = _day(query.get("dateFrom"), "dateFrom"), _day(query.get("dateTo"), "dateTo")
        if since is None:
            raise Refused(400, "U004", "dateFrom is missing.")
        begins = dt.datetime.combine(since, dt.time())
        if is_too_long_ago(bank, begins):
            raise Refused(400, _PERIOD, "That is too long ago.")
        rows = await listed(
            request,
            connection,
            grant.consent,
            account["id"],
            since=begins,
            until=dt.datetime.combine(until, dt.time.max) if until else None,
            statuses=statuses,
        )
    report: dict[str, Any] = {each: [] for each in statuses}
    for row in rows[:PAGE_SIZE]:
        shown = berlin_group.transaction(row, zone=bank.profile.tz)
        report[row["status"]].append(as_told(shown, row["transaction_id"], bank.faults))
    ways = {"account": {"href": f"{BASE}/accounts/{account['id']}"}}
    if len(rows) > PAGE_SIZE:
        ways["next"] = {"href": following_page(request, rows[PAGE_SIZE - 1])}
    body = {
        "account": berlin_group.reference(account),
        "transactions": {**report, "_links": ways},
    }
    return JSONResponse(body)


_CONSENT = f"{BASE}/consents/{{consent_id}}"
_ACCOUNT = f"{BASE}/accounts/{{account_id}}"
ROUTES = [
    Route(f"{BASE}/consents", create_consent, methods=["POST"]),
    Route(_CONSENT, read_consent, methods=["GET"]),
    Route(_CONSENT, delete_consent, methods=["DELETE"]),
    Route(f"{_CONSENT}/status", read_status, methods=["GET"]),
    Route(f"{BASE}/accounts", list_accounts, methods=["GET"]),
    Route(_ACCOUNT, read_account, methods=["GET"]),
    Route(f"{_ACCOUNT}/balances", list_balances, methods=["GET"]),
    Route(f"{_ACCOUNT}/transactions", list_transactions, methods=["GET"]),
]
