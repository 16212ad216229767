"""Cursor sync: the same consents and ledger, told as changes after a cursor, in Plaid's shape."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import functools
import random
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partners.sandbox import cursor_sync, open_banking
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import BodyRefused, read_json
from partners.sandbox.consents import find_consent
from partners.sandbox.cursor_sync import BASE
from partners.sandbox.faults import as_told
from partners.sandbox.interface import Door, Grant, Refused, client_of, grant_of
from partners.sandbox.storage.database import Connection

_MOST_ROWS = 500
_USUAL_ROWS = 100
# While the fault is on, rounds have to have pages between which something can move.
_FEW_ROWS = 5
_LONGEST_DAYS = 730
_PRODUCTS = {
    "balance": ("ReadBalances",),
    "transactions": (
        "ReadBalances",
        "ReadTransactionsCredits",
        "ReadTransactionsDebits",
        "ReadTransactionsDetail",
    ),
}
_LINK_MEMBERS = frozenset(
    ("client_name", "language", "country_codes", "user", "products", "redirect_uri")
) | {"transactions"}
# The codes of another dialect, which the shared doors raise, in this one's words.
_KINDS = {
    "U006": ("INVALID_INPUT", "INVALID_ACCESS_TOKEN"),
    "U007": ("INVALID_REQUEST", "MISSING_FIELDS"),
    "U008": ("INVALID_INPUT", "INVALID_ACCOUNT_ID"),
    "U009": ("ITEM_ERROR", "ITEM_LOGIN_REQUIRED"),
    "U010": ("INVALID_REQUEST", "INVALID_BODY"),
    "U011": ("INVALID_INPUT", "INVALID_LINK_TOKEN"),
}
_OTHER = ("INVALID_REQUEST", "INVALID_FIELD")
_CURSOR = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18})\.([0-9]{1,18}))?")
_DICE = random.Random(1)  # noqa: S311 - which page moves is to be repeatable
_LIVE = ("pending", "booked")


class _Moved(Refused):
    """The account changed since the round's first page."""

    def __init__(self) -> None:
        super().__init__(
            400,
            "MOVED",
            "Underlying transaction data changed since last page was fetched. Please restart "
            "pagination from last update.",
        )


def refusal(problem: Refused) -> Response:
    """A refusal of any of the bank's doors, said in this dialect: 400 whatever it was, or 404, 405."""
    kind, code = _KINDS.get(problem.code, _OTHER)
    if isinstance(problem, _Moved):
        kind, code = "TRANSACTIONS_ERROR", "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
    status = problem.status if problem.status in (404, 405, 503) else 400
    return _answer(cursor_sync.error(kind, code, problem.message), status=status)


def _answer(body: Mapping[str, Any], *, status: int = 200) -> Response:
    told = {"request_id": cursor_sync.request_id(), **body}
    return Response(
        cursor_sync.to_json(told),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


def _interface(door: Door) -> Door:
    """Give a door the manners of this shape: refusals in its own words."""

    @functools.wraps(door)
    async def polite(request: Request) -> Response:
        try:
            return await door(request)
        except BodyRefused as problem:
            return refusal(Refused(problem.status, "U010", problem.detail))
        except Refused as problem:
            return refusal(problem)

    return polite


async def _body(request: Request) -> dict[str, Any]:
    body = await read_json(request)
    if not isinstance(body, dict):
        raise Refused(400, "U010", "The body is an object.")
    return body


async def _granted(request: Request, connection: Connection, body: dict[str, Any]) -> Grant:
    token = body.get("access_token")
    if not isinstance(token, str):
        raise Refused(400, "U007", "access_token is missing.")
    return await grant_of(request, connection, token=token)


def _options(body: dict[str, Any]) -> dict[str, Any]:
    options = body.get("options", {})
    if not isinstance(options, dict):
        raise Refused(400, "U002", "options is an object.")
    return options


@_interface
async def create_link(request: Request) -> Response:
    """POST /link/token/create, with a token of the client's own."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        client_id = await client_of(request, connection)
        permissions, since = _wanted(bank, await _body(request))
        link = f"link-{uuid.uuid4()}"
        at = bank.now()
        await connection.execute(
            """INSERT INTO consents (id, client_id, permissions, transactions_from, status,
                 created_at, status_at) VALUES (%s, %s, %s, %s, 'AWAU', %s, %s)""",
            (link, client_id, permissions, since, at, at),
        )
    until = at + dt.timedelta(minutes=30)
    return _answer({"link_token": link, "expiration": until.isoformat(timespec="seconds")})


def _wanted(bank: Bank, body: dict[str, Any]) -> tuple[list[str], dt.datetime | None]:
    """The permissions, and from when on, by the bank's own clock."""
    if not _LINK_MEMBERS.issuperset(body):
        raise Refused(400, "U002", "There is a member that is not known here.")
    for name in ("client_name", "language"):
        if not isinstance(body.get(name), str) or not body[name]:
            raise Refused(400, "U002", f"{name} is missing.")
    if not isinstance(body.get("country_codes"), list) or not body["country_codes"]:
        raise Refused(400, "U002", "country_codes is missing.")
    products = body.get("products")
    if not isinstance(products, list) or not products or not set(products) <= set(_PRODUCTS):
        raise Refused(400, "U002", "products are balance and transactions.")
    permissions = {each for name in products for each in _PRODUCTS[name]}
    since = _days_back(bank, body.get("transactions"))
    return sorted({"ReadAccountsDetail", *permissions}), since


def _days_back(bank: Bank, asked: object) -> dt.datetime | None:
    if asked is None:
        return None
    days = asked.get("days_requested") if isinstance(asked, dict) else None
    if not isinstance(days, int) or isinstance(days, bool) or not 1 <= days <= _LONGEST_DAYS:
        raise Refused(400, "U002", "days_requested is a whole number from 1 to 730.")
    today = bank.now().astimezone(bank.profile.tz).date()
    return dt.datetime.combine(today - dt.timedelta(days=days), dt.time())


@_interface
async def remove_link(request: Request) -> Response:
    """POST /link/token/remove: what was linked by it ends, with all its tokens."""
    async with bank_of(request).pool.connection() as connection:
        client_id = await client_of(request, connection)
        named = (await _body(request)).get("link_token")
        row = await find_consent(connection, named) if isinstance(named, str) else None
        if row is None or row["client_id"] != client_id:
            raise Refused(400, "U011", "There is no such link token.")
        await connection.execute("DELETE FROM consents WHERE id = %s", (row["id"],))
    return _answer({})


@_interface
async def get_accounts(request: Request) -> Response:
    """POST /accounts/get, and /accounts/balance/get, which needs the right to balances."""
    bank = bank_of(request)
    body = await _body(request)
    async with bank.pool.connection() as connection:
        grant = await _granted(request, connection, body)
    if request.url.path.endswith("/balance/get"):
        grant.require("ReadBalances")
    wanted = _options(body).get("account_ids")
    if wanted is not None and not isinstance(wanted, list):
        raise Refused(400, "U002", "account_ids is a list.")
    rows = [grant.account(str(each)) for each in (wanted or grant.accounts)]
    at = open_banking.moment(bank.now(), bank.profile.tz)
    shown = [cursor_sync.account(row, at=at) for row in rows]
    return _answer({"accounts": shown, "item": cursor_sync.item(grant.consent)})


@dataclass(frozen=True)
class _Place:
    """After which number of the history a round began; and within it, up to which, and after which row."""

    began: int
    head: int | None = None
    after_key: int = 0

    @classmethod
    def read(cls, written: object) -> _Place:
        if written is None or written == "":
            return cls(0)
        refused = Refused(400, "U002", "cursor is none that was given here.")
        try:
            text = base64.urlsafe_b64decode(str(written).encode("ascii")).decode("ascii")
        except (ValueError, binascii.Error):
            raise refused from None
        found = _CURSOR.fullmatch(text)
        if found is None:
            raise refused
        began, head, after_key = found.groups()
        return cls(int(began), int(head) if head else None, int(after_key or 0))

    def written(self) -> str:
        within = "" if self.head is None else f".{self.head}.{self.after_key}"
        return base64.urlsafe_b64encode(f"{self.began}{within}".encode()).decode()


@dataclass
class _Told:
    """What a page says."""

    added: list[dict[str, Any]] = field(default_factory=list)
    modified: list[dict[str, Any]] = field(default_factory=list)
    removed: list[dict[str, str]] = field(default_factory=list)


@_interface
async def sync_transactions(request: Request) -> Response:
    """POST /transactions/sync: one account's changes after a cursor, a page at a time."""
    bank = bank_of(request)
    body = await _body(request)
    options = _options(body)
    async with bank.pool.connection() as connection, connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        grant = await _granted(request, connection, body)
        grant.require("ReadTransactionsDetail")
        account = grant.account(str(options.get("account_id")))
        count = _count(bank, body.get("count", _USUAL_ROWS))
        place = _Place.read(body.get("cursor"))
        head = await _head(connection, account["id"])
        if place.head is not None and (place.head != head or _DICE.random() < bank.faults.mutate):
            raise _Moved
        rows = await _changed(bank, connection, grant.consent, account["id"], place, count + 1)
    told = _Told()
    for row in rows[:count]:
        _tell(told, row, bank, detailed=options.get("include_original_description") is True)
    has_more = len(rows) > count
    following = _Place(place.began, head, rows[count - 1]["key"]) if has_more else _Place(head)
    at = open_banking.moment(bank.now(), bank.profile.tz)
    return _answer(
        {
            "transactions_update_status": "HISTORICAL_UPDATE_COMPLETE",
            "accounts": [cursor_sync.account(account, at=at)],
            "added": told.added,
            "modified": told.modified,
            "removed": told.removed,
            "next_cursor": following.written(),
            "has_more": has_more,
        }
    )


def _count(bank: Bank, asked: object) -> int:
    if not isinstance(asked, int) or isinstance(asked, bool) or not 1 <= asked <= _MOST_ROWS:
        raise Refused(400, "U002", "count is a whole number from 1 to 500.")
    return min(asked, _FEW_ROWS) if bank.faults.mutate else asked


async def _head(connection: Connection, account_id: str) -> int:
    """The number of the account's last change: handed out under the ledger's lock, so none comes before it."""
    cursor = await connection.execute(
        """SELECT greatest(
             (SELECT coalesce(max(seq), 0) FROM history WHERE account_id = %(account)s),
             (SELECT coalesce(max(decided_seq), 0) FROM transactions
              WHERE account_id = %(account)s AND decided_seq IS NOT NULL)) AS head""",
        {"account": account_id},
    )
    row = await cursor.fetchone()
    return int(row["head"]) if row else 0


async def _changed(
    bank: Bank,
    connection: Connection,
    consent: DictRow,
    account_id: str,
    place: _Place,
    limit: int,
) -> list[DictRow]:
    """What changed after the place, as it is now; `before_*` as it was when the round's cursor was given."""
    cursor = await connection.execute(
        """SELECT t.*, k.last4, before.what AS before_what, before.transaction_id AS before_id,
             (SELECT h.transaction_id FROM history h WHERE h.transaction_key = t.key
                AND h.what = 'pending' AND h.transaction_id <> t.transaction_id
              ORDER BY h.seq LIMIT 1) AS pending_id
           FROM transactions t LEFT JOIN cards k ON k.id = t.card_id
           LEFT JOIN LATERAL (SELECT h.what, h.transaction_id FROM history h
             WHERE h.transaction_key = t.key AND h.seq <= %(began)s
             ORDER BY h.seq DESC LIMIT 1) before ON true
           WHERE t.account_id = %(account)s AND t.key > %(key)s AND t.status <> 'declined'
             AND (t.decided_seq > %(began)s OR t.key IN (SELECT transaction_key FROM history
                  WHERE account_id = %(account)s AND seq > %(began)s))
             AND (%(earliest)s::timestamp IS NULL
               OR t.occurred_at >= %(earliest)s::timestamp AT TIME ZONE %(zone)s)
           ORDER BY t.key LIMIT %(limit)s""",
        {
            "account": account_id,
            "began": place.began,
            "key": place.after_key,
            "earliest": consent["transactions_from"],
            "zone": bank.profile.zone,
            "limit": limit,
        },
    )
    return await cursor.fetchall()


def _tell(told: _Told, row: DictRow, bank: Bank, *, detailed: bool) -> None:
    was, now = row["before_what"] in _LIVE, row["status"] in _LIVE
    same = row["before_id"] == row["transaction_id"]
    if was and not (now and same):
        told.removed.append({"transaction_id": row["before_id"], "account_id": row["account_id"]})
    if now:
        known_as = row["pending_id"] if row["status"] == "booked" else None
        shown = cursor_sync.transaction(row, zone=bank.profile.tz, was=known_as, detailed=detailed)
        shown = as_told(shown, row["transaction_id"], bank.faults)
        (told.modified if was and same else told.added).append(shown)


ROUTES = [
    Route(f"{BASE}/link/token/create", create_link, methods=["POST"]),
    Route(f"{BASE}/link/token/remove", remove_link, methods=["POST"]),
    Route(f"{BASE}/accounts/get", get_accounts, methods=["POST"]),
    Route(f"{BASE}/accounts/balance/get", get_accounts, methods=["POST"]),
    Route(f"{BASE}/transactions/sync", sync_transactions, methods=["POST"]),
]
