"""UK Open Banking account information, 4.0 and 3.1: consents, accounts, balances, transactions."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from partners.sandbox import open_banking
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import read_json
from partners.sandbox.consents import find_consent
from partners.sandbox.faults import as_told
from partners.sandbox.interface import Grant, Refused, client_of, grant_of, interface
from partners.sandbox.open_banking import V3_1, V4, Version
from partners.sandbox.storage.database import Connection

PAGE_SIZE = 100
PERMISSIONS = frozenset(
    f"Read{name}"
    for name in [
        "AccountsBasic",
        "AccountsDetail",
        "Balances",
        "BeneficiariesBasic",
        "BeneficiariesDetail",
        "DirectDebits",
        "Offers",
        "PAN",
        "Party",
        "PartyPSU",
        "Products",
        "ScheduledPaymentsBasic",
        "ScheduledPaymentsDetail",
        "StandingOrdersBasic",
        "StandingOrdersDetail",
        "StatementsBasic",
        "StatementsDetail",
        "TransactionsBasic",
        "TransactionsCredits",
        "TransactionsDebits",
        "TransactionsDetail",
    ]
)
_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?)(?:\.\d{1,9})?(?:Z|[+-]\d{2}:?\d{2})?)?"
)
_CONSENT_TIMES = ("ExpirationDateTime", "TransactionFromDateTime", "TransactionToDateTime")


def _local(text: str, path: str) -> dt.datetime:
    """A date-time as written, its zone ignored as the standard says; a bare date is midnight."""
    found = _MOMENT.fullmatch(text)
    refused = Refused(400, "U003", "This is not a date-time of ISO 8601.", path)
    if found is None:
        raise refused
    try:
        return dt.datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00:00'}")
    except ValueError as problem:
        raise refused from problem


@interface
async def create_consent(request: Request) -> Response:
    """POST /account-access-consents."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        client_id = await client_of(request, connection)
        data = _consent_data(await read_json(request), at=bank.now())
        row = await _insert_consent(bank, connection, client_id, data)
    return JSONResponse(_consent_body(bank, row, _version(request)), status_code=201)


def _consent_data(body: Any, *, at: dt.datetime) -> dict[str, Any]:
    if not isinstance(body, dict) or not isinstance(body.get("Data"), dict):
        raise Refused(400, "U004", "Data is missing.", "Data")
    if body.get("Risk") != {}:
        raise Refused(400, "U002", "Risk must be an empty object.", "Risk")
    data: dict[str, Any] = body["Data"]
    for name in data:
        if name not in {"Permissions", *_CONSENT_TIMES}:
            raise Refused(400, "U005", "This member is not expected.", f"Data.{str(name)[:60]}")
    _check_permissions(data.get("Permissions"))
    for name in _CONSENT_TIMES:
        if name in data and not isinstance(data[name], str):
            raise Refused(400, "U003", "This is not a date-time.", f"Data.{name}")
    expires = _expiry(data)
    if expires is not None and expires <= at:
        raise Refused(400, "U003", "The expiry has passed.", "Data.ExpirationDateTime")
    return {**data, "expires": expires}


def _expiry(data: dict[str, Any]) -> dt.datetime | None:
    text = data.get("ExpirationDateTime")
    if text is None:
        return None
    path = "Data.ExpirationDateTime"
    _local(text, path)
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError as problem:
        raise Refused(400, "U003", "This is not a date-time.", path) from problem
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _check_permissions(wanted: object) -> None:
    path = "Data.Permissions"
    if not isinstance(wanted, list) or not wanted:
        raise Refused(400, "U004", "At least one permission is needed.", path)
    names = {name for name in wanted if isinstance(name, str)}
    if len(names) != len(wanted) or not names <= PERMISSIONS:
        raise Refused(400, "U002", "There is no such permission, or one is repeated.", path)
    kinds = names & {"ReadTransactionsBasic", "ReadTransactionsDetail"}
    directions = names & {"ReadTransactionsCredits", "ReadTransactionsDebits"}
    if bool(kinds) != bool(directions):
        raise Refused(
            400, "U001", "Transactions need Basic or Detail with Credits or Debits.", path
        )


async def _insert_consent(
    bank: Bank, connection: Connection, client_id: str, data: dict[str, Any]
) -> DictRow:
    since, until = data.get("TransactionFromDateTime"), data.get("TransactionToDateTime")
    cursor = await connection.execute(
        """INSERT INTO consents (id, client_id, permissions, expires_at, transactions_from,
             transactions_to, expires_text, from_text, to_text, status, created_at, status_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'AWAU', %s, %s) RETURNING *""",
        (
            f"aac-{uuid.uuid4()}",
            client_id,
            data["Permissions"],
            data["expires"],
            _local(since, "Data.TransactionFromDateTime") if since else None,
            _local(until, "Data.TransactionToDateTime") if until else None,
            data.get("ExpirationDateTime"),
            since,
            until,
            bank.now(),
            bank.now(),
        ),
    )
    row = await cursor.fetchone()
    if row is None:
        raise RuntimeError("an insert gave no row")
    return row


def _version(request: Request) -> Version:
    return open_banking.version_of(request.url.path)


def _consent_body(bank: Bank, row: DictRow, version: Version) -> dict[str, Any]:
    zone = bank.profile.tz
    data = {
        "ConsentId": row["id"],
        "CreationDateTime": open_banking.moment(row["created_at"], zone),
        "Status": version.consent_statuses.get(row["status"], row["status"]),
        "StatusUpdateDateTime": open_banking.moment(row["status_at"], zone),
        "Permissions": row["permissions"],
        "ExpirationDateTime": row["expires_text"],
        "TransactionFromDateTime": row["from_text"],
        "TransactionToDateTime": row["to_text"],
    }
    address = f"{bank.origin}{version.base}/account-access-consents/{row['id']}"
    shown = {name: value for name, value in data.items() if value is not None}
    return {"Risk": {}, **open_banking.page(shown, address=address)}


async def _own_consent(request: Request, connection: Connection) -> DictRow:
    client_id = await client_of(request, connection)
    row = await find_consent(connection, request.path_params["consent_id"])
    if row is None or row["client_id"] != client_id:
        raise Refused(400, "U011", "There is no such consent.", "ConsentId")
    return row


@interface
async def read_consent(request: Request) -> Response:
    """GET /account-access-consents/{ConsentId}."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        row = await _own_consent(request, connection)
    return JSONResponse(_consent_body(bank, row, _version(request)))


@interface
async def delete_consent(request: Request) -> Response:
    """DELETE /account-access-consents/{ConsentId}: it and all its tokens end."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        row = await _own_consent(request, connection)
        await connection.execute("DELETE FROM consents WHERE id = %s", (row["id"],))
    return Response(status_code=204)


def _detailed(grant: Grant) -> bool:
    return "ReadAccountsDetail" in grant.consent["permissions"]


@interface
async def list_accounts(request: Request) -> Response:
    """GET /accounts."""
    return await _accounts(request, only=None)


@interface
async def read_account(request: Request) -> Response:
    """GET /accounts/{AccountId}."""
    return await _accounts(request, only=request.path_params["account_id"])


async def _accounts(request: Request, *, only: str | None) -> Response:
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
    grant.require("ReadAccountsBasic", "ReadAccountsDetail")
    rows = list(grant.accounts.values()) if only is None else [grant.account(only)]
    shown = [
        open_banking.account(
            row, version=_version(request), zone=bank.profile.tz, detailed=_detailed(grant)
        )
        for row in rows
    ]
    return JSONResponse(open_banking.page({"Account": shown}, address=_address(request)))


@interface
async def list_balances(request: Request) -> Response:
    """GET /balances, and GET /accounts/{AccountId}/balances."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
    grant.require("ReadBalances")
    only = request.path_params.get("account_id")
    rows = list(grant.accounts.values()) if only is None else [grant.account(only)]
    shown = [
        balance
        for row in rows
        for balance in open_banking.balances(
            row, version=_version(request), at=bank.now(), zone=bank.profile.tz
        )
    ]
    return JSONResponse(open_banking.page({"Balance": shown}, address=_address(request)))


@interface
async def list_transactions(request: Request) -> Response:
    """GET /accounts/{AccountId}/transactions: newest first, a page at a time."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        grant = await grant_of(request, connection)
        grant.require("ReadTransactionsBasic", "ReadTransactionsDetail")
        account = grant.account(request.path_params["account_id"])
        rows = await _transactions(request, connection, grant.consent, account["id"])
    detailed = "ReadTransactionsDetail" in grant.consent["permissions"]
    shown = [
        as_told(
            open_banking.transaction(
                row,
                version=_version(request),
                zone=bank.profile.tz,
                issuer=bank.profile.name,
                detailed=detailed,
            ),
            row["transaction_id"],
            bank.faults,
        )
        for row in rows[:PAGE_SIZE]
    ]
    following = following_page(request, rows[PAGE_SIZE - 1]) if len(rows) > PAGE_SIZE else None
    body = open_banking.page(
        {"Transaction": shown}, address=_address(request), following=following
    )
    return JSONResponse(body)


async def _transactions(
    request: Request, connection: Connection, consent: DictRow, account_id: str
) -> list[DictRow]:
    since = request.query_params.get("fromBookingDateTime")
    until = request.query_params.get("toBookingDateTime")
    if since and is_too_long_ago(bank_of(request), _local(since, "fromBookingDateTime")):
        raise Refused(400, "U003", "That is too long ago.", "fromBookingDateTime")
    return await listed(
        request,
        connection,
        consent,
        account_id,
        since=_local(since, "fromBookingDateTime") if since else None,
        until=_local(until, "toBookingDateTime") if until else None,
    )


def is_too_long_ago(bank: Bank, since: dt.datetime) -> bool:
    """Whether a list from then on is refused while no customer has just signed in; by the bank's own clock."""
    days = bank.faults.gives_days
    now = bank.now().astimezone(bank.profile.tz).replace(tzinfo=None)
    return days > 0 and since < now - dt.timedelta(days=days)


async def listed(
    request: Request,
    connection: Connection,
    consent: DictRow,
    account_id: str,
    *,
    since: dt.datetime | None,
    until: dt.datetime | None,
    statuses: Sequence[str] = ("pending", "booked"),
) -> list[DictRow]:
    """A page of what the consent lets be seen, newest first, and one row more where another follows.

    Both times are by the bank's own clock.
    """
    after_at, after_key = _read_place(request.query_params.get("page"))
    zone = bank_of(request).profile.zone
    permissions = consent["permissions"]
    cursor = await connection.execute(
        """SELECT t.*, k.last4, c.name AS card_holder FROM transactions t
           LEFT JOIN cards k ON k.id = t.card_id LEFT JOIN customers c ON c.id = k.customer_id
           WHERE t.account_id = %(account)s AND t.status = ANY(%(statuses)s)
             AND (t.amount_minor >= 0 AND %(credits)s OR t.amount_minor < 0 AND %(debits)s)
             AND (%(since)s::timestamp IS NULL
               OR t.occurred_at >= %(since)s::timestamp AT TIME ZONE %(zone)s)
             AND (%(until)s::timestamp IS NULL
               OR t.occurred_at <= %(until)s::timestamp AT TIME ZONE %(zone)s)
             AND (%(earliest)s::timestamp IS NULL
               OR t.occurred_at >= %(earliest)s::timestamp AT TIME ZONE %(zone)s)
             AND (%(latest)s::timestamp IS NULL
               OR t.occurred_at <= %(latest)s::timestamp AT TIME ZONE %(zone)s)
             AND (%(at)s::timestamptz IS NULL
               OR (t.occurred_at, t.key) < (%(at)s::timestamptz, %(key)s::bigint))
           ORDER BY t.occurred_at DESC, t.key DESC LIMIT %(limit)s""",
        {
            "account": account_id,
            "credits": "ReadTransactionsCredits" in permissions,
            "debits": "ReadTransactionsDebits" in permissions,
            "statuses": list(statuses),
            "since": since,
            "until": until,
            "earliest": consent["transactions_from"],
            "latest": consent["transactions_to"],
            "zone": zone,
            "at": after_at,
            "key": after_key,
            "limit": PAGE_SIZE + 1,
        },
    )
    return await cursor.fetchall()


def _place(row: DictRow) -> str:
    text = f"{row['occurred_at'].isoformat()}|{row['key']}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def _read_place(text: str | None) -> tuple[dt.datetime | None, int | None]:
    if text is None:
        return None, None
    refused = Refused(400, "U002", "Follow Links.Next as it was given.", "page")
    try:
        at, _, key = base64.urlsafe_b64decode(text.encode("ascii")).decode("ascii").partition("|")
        moment = dt.datetime.fromisoformat(at)
    except (ValueError, binascii.Error) as problem:
        raise refused from problem
    if moment.tzinfo is None or not re.fullmatch(r"[0-9]{1,18}", key):
        raise refused
    return moment, int(key)


def _address(request: Request) -> str:
    query = (
        f"?{urlencode(list(request.query_params.multi_items()))}" if request.query_params else ""
    )
    return f"{bank_of(request).origin}{request.url.path}{query}"


def following_page(request: Request, last: DictRow) -> str:
    """The address of the page after this row."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "page"]
    query = urlencode([*kept, ("page", _place(last))])
    return f"{bank_of(request).origin}{request.url.path}?{query}"


_DOORS = [
    ("POST", "/account-access-consents", create_consent),
    ("GET", "/account-access-consents/{consent_id}", read_consent),
    ("DELETE", "/account-access-consents/{consent_id}", delete_consent),
    ("GET", "/accounts", list_accounts),
    ("GET", "/accounts/{account_id}", read_account),
    ("GET", "/accounts/{account_id}/balances", list_balances),
    ("GET", "/accounts/{account_id}/transactions", list_transactions),
    ("GET", "/balances", list_balances),
]
ROUTES = [
    Route(version.base + path, door, methods=[method])
    for version in (V4, V3_1)
    for method, path, door in _DOORS
]
