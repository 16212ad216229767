"""The bank's own website and the phone that shows its app."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import BodyRefused, media_type, read_form, read_json
from partners.sandbox.consents import withdraw
from partners.sandbox.ledger import LedgerRefusal, changing, refund, set_card_state
from partners.sandbox.pages import (
    COOKIE,
    check_origin,
    check_password,
    find_customer,
    render,
    sign_in_cookie,
    signed_in,
    sorry,
)
from partners.sandbox.parcels import move_parcel, parcels_of
from partners.sandbox.people import mail_address
from partners.sandbox.shopping import Order, online_order, place_order
from partners.sandbox.storage.database import Connection

Door = Callable[[Request], Awaitable[Response]]
_TOKEN_SECONDS = 240
_NONCE_SECONDS = 3600
_RECENT = 12
_PARCELS = 3
_PAGE = 50
_DONE = {
    "bought": "Paid. The purchase is pending and will be booked shortly.",
    "suspicious": "Paid, far away and at an odd hour. Our fraud desk has marked it as suspected.",
    "refunded": "Refunded. The money is back in the account.",
    "declined": "Declined. The card is frozen, so nothing was paid.",
    "nothing": "There is no purchase left that could be refunded.",
    "no-card": "There is no card on this account to pay with.",
    "frozen": "Card frozen. New purchases on it will be declined.",
    "unfrozen": "Card active again.",
    "withdrawn": "Access withdrawn. The app can no longer read your accounts.",
    "ordered": "Ordered. The receipt is here, and the parcel begins its way.",
    "moved": "The parcel has moved on.",
    "arrived": "That parcel is at the end of its way.",
}


def form_door(door: Door) -> Door:
    """A door that a form is sent to: by the bank's own pages only."""

    @functools.wraps(door)
    async def polite(request: Request) -> Response:
        check_origin(request)
        return await door(request)

    return polite


async def home(request: Request) -> Response:
    """GET /: the bank's front page with the sign-in."""
    return await _home(request)


async def _home(request: Request, *, wrong: bool = False, alert: str = "") -> Response:
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        customer = await signed_in(request, connection)
        cursor = await connection.execute("SELECT * FROM customers ORDER BY position LIMIT 6")
        people = await cursor.fetchall()
    return render(
        request,
        "home.html",
        status=401 if wrong else 200,
        customer=customer,
        people=people,
        wrong=wrong,
        alert=alert or _alert_of(request.query_params.get("chat_alert")),
    )


def _alert_of(text: str | None) -> str:
    """The alert that a link of the chat's names, to be opened once somebody has signed in."""
    return text if text and re.fullmatch(r"[0-9a-f-]{36}", text) else ""


def _accounts_url(alert: str) -> str:
    return f"/accounts?chat_alert={alert}" if alert else "/accounts"


@form_door
async def sign_in(request: Request) -> Response:
    """POST /sign-in."""
    bank = bank_of(request)
    form = dict(await read_form(request))
    alert = _alert_of(form.get("chat_alert"))
    async with bank.pool.connection() as connection:
        customer = await check_password(
            connection, login=form.get("login", ""), password=form.get("password", "")
        )
    if customer is None:
        return await _home(request, wrong=True, alert=alert)
    response = RedirectResponse(_accounts_url(alert), status_code=303)
    sign_in_cookie(bank, response, customer_id=customer["id"])
    return response


@form_door
async def sign_out(_request: Request) -> Response:
    """POST /sign-out."""
    response = RedirectResponse("/", status_code=303)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
    return response


async def _overview(connection: Connection, customer: DictRow) -> dict[str, Any]:
    """A customer's accounts, cards and connected apps, as the pages show them."""
    accounts = await connection.execute(
        """SELECT a.*, (SELECT count(*) > 1 FROM account_holders o WHERE o.account_id = a.id) AS joint
           FROM accounts a JOIN account_holders h ON h.account_id = a.id
           WHERE h.customer_id = %s ORDER BY h.position, a.id""",
        (customer["id"],),
    )
    cards = await connection.execute(
        """SELECT k.*, a.name AS account_name, a.currency FROM cards k
           JOIN accounts a ON a.id = k.account_id
           WHERE k.customer_id = %s ORDER BY a.kind DESC, k.id""",
        (customer["id"],),
    )
    apps = await connection.execute(
        """SELECT c.id, coalesce(nullif(k.name, ''), k.id) AS app, c.status_at, c.expires_at,
             c.all_accounts, (SELECT count(*) FROM consent_accounts s
                              WHERE s.consent_id = c.id) AS accounts
           FROM consents c JOIN clients k ON k.id = c.client_id
           WHERE c.customer_id = %s AND c.status = 'AUTH' ORDER BY c.status_at DESC""",
        (customer["id"],),
    )
    return {
        "customer": customer,
        "accounts": await accounts.fetchall(),
        "cards": await cards.fetchall(),
        "apps": await apps.fetchall(),
        "parcels": await parcels_of(connection, customer["id"], limit=_PARCELS),
    }


async def _movements(
    connection: Connection, customer: DictRow, *, account_id: str | None, limit: int, skip: int = 0
) -> list[DictRow]:
    """Newest first, declined attempts among them: the customer may see those."""
    cursor = await connection.execute(
        """SELECT t.*, a.name AS account_name, k.last4, r.body AS receipt FROM transactions t
           JOIN accounts a ON a.id = t.account_id
           JOIN account_holders h ON h.account_id = a.id AND h.customer_id = %s
           LEFT JOIN cards k ON k.id = t.card_id
           LEFT JOIN receipts r ON r.transaction_key = t.key AND r.revision > 0
           WHERE t.status <> 'removed' AND (%s::text IS NULL OR t.account_id = %s)
           ORDER BY t.occurred_at DESC, t.key DESC LIMIT %s OFFSET %s""",
        (customer["id"], account_id, account_id, limit, skip),
    )
    return await cursor.fetchall()


async def accounts(request: Request) -> Response:
    """GET /accounts: everything of the signed-in customer."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        customer = await signed_in(request, connection)
        if customer is None:
            alert = _alert_of(request.query_params.get("chat_alert"))
            return RedirectResponse(f"/?chat_alert={alert}" if alert else "/", status_code=303)
        shown = await _overview(connection, customer)
        recent = await _movements(connection, customer, account_id=None, limit=_RECENT)
    note = request.query_params.get("done", "")
    return render(
        request,
        "accounts.html",
        movements=recent,
        note=_DONE.get(note, ""),
        bad=note in {"declined", "nothing", "no-card", "arrived"},
        **shown,
    )


async def account(request: Request) -> Response:
    """GET /accounts/{id}: one account's transactions, fifty at a time."""
    bank = bank_of(request)
    page = request.query_params.get("page", "1")
    number = int(page) if re.fullmatch(r"[1-9][0-9]{0,3}", page) else 1
    async with bank.pool.connection() as connection:
        customer = await signed_in(request, connection)
        if customer is None:
            return RedirectResponse("/", status_code=303)
        shown = await _overview(connection, customer)
        chosen = [one for one in shown["accounts"] if one["id"] == request.path_params["id"]]
        if not chosen:
            return sorry(
                request, status=404, title="No such account", detail="It is not one of yours."
            )
        rows = await _movements(
            connection,
            customer,
            account_id=chosen[0]["id"],
            limit=_PAGE + 1,
            skip=_PAGE * (number - 1),
        )
    return render(
        request,
        "account.html",
        account=chosen[0],
        movements=rows[:_PAGE],
        page=number,
        more=len(rows) > _PAGE,
        **shown,
    )


async def movements(request: Request) -> Response:
    """GET /accounts/movements: the recent list alone, for the page that keeps itself fresh."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        customer = await signed_in(request, connection)
        if customer is None:
            return Response(status_code=401)
        shown = await _overview(connection, customer)
        recent = await _movements(connection, customer, account_id=None, limit=_RECENT)
    return render(request, "_live.html", movements=recent, **shown)


def _done(what: str) -> Response:
    return RedirectResponse(f"/accounts?done={what}", status_code=303)


@form_door
async def act(request: Request) -> Response:
    """POST /do/{what}: buy, order, suspicious, refund, move, freeze, unfreeze, withdraw."""
    bank = bank_of(request)
    form = dict(await read_form(request))
    what = request.path_params["what"]
    async with bank.pool.connection() as connection:
        customer = await signed_in(request, connection)
    if customer is None:
        return RedirectResponse("/", status_code=303)
    done = await _do(bank, what, customer["id"], form)
    if done is None:
        return sorry(request, status=404, title="Nothing here", detail="There is no such action.")
    return _done(done)


async def _do(bank: Bank, what: str, customer_id: uuid.UUID, form: dict[str, str]) -> str | None:
    """What came of it, by its name in _DONE; None where there is no such action."""
    orders = {
        "buy": (Order(), "bought"),
        "order": (online_order(bank), "ordered"),
        "suspicious": (Order(suspicious=True), "suspicious"),
    }
    if what in orders:
        order, done = orders[what]
        return await _buy(bank, customer_id, order, done=done)
    if what == "refund":
        return await _refund(bank, customer_id)
    if what == "move":
        return await _move(bank, customer_id, form.get("parcel", ""))
    if what == "withdraw":
        return await _withdraw(bank, customer_id, form.get("consent", ""))
    if what in {"freeze", "unfreeze"}:
        card = form.get("card", "")
        return await _set_card(bank, customer_id, card, frozen=what == "freeze")
    return None


async def _buy(bank: Bank, customer_id: uuid.UUID, order: Order, *, done: str) -> str:
    try:
        async with changing(bank) as change:
            _, accepted = await place_order(
                bank, change, customer_id=customer_id, order=order, by="page"
            )
    except LedgerRefusal:
        return "no-card"
    return done if accepted else "declined"


async def _refund(bank: Bank, customer_id: uuid.UUID) -> str:
    try:
        async with changing(bank) as change:
            await refund(change, customer_id=customer_id, transaction_id=None, by="page")
    except LedgerRefusal:
        return "nothing"
    return "refunded"


async def _move(bank: Bank, customer_id: uuid.UUID, parcel: str) -> str:
    try:
        async with changing(bank) as change:
            own = {row["id"] for row in await parcels_of(change.connection, customer_id)}
            await move_parcel(bank, change, parcel if parcel in own else "")
    except LedgerRefusal:
        return "arrived"
    return "moved"


async def _withdraw(bank: Bank, customer_id: uuid.UUID, consent_id: str) -> str:
    async with bank.pool.connection() as connection:
        await withdraw(bank, connection, consent_id=consent_id, customer_id=customer_id)
    return "withdrawn"


async def _set_card(bank: Bank, customer_id: uuid.UUID, card_id: str, *, frozen: bool) -> str:
    async with changing(bank) as change:
        own = await change.one(
            "SELECT id FROM cards WHERE id = %s AND customer_id = %s", (card_id, customer_id)
        )
        if own is None:
            return "no-card"
        await set_card_state(change, card_ids=[own["id"]], frozen=frozen, by="page")
    return "frozen" if frozen else "unfrozen"


async def phone(request: Request) -> Response:
    """GET /phone?customer=: the bank's app on a phone, for the portal's start page to frame.

    No cookie: the page carries a sealed nonce that names the customer for an hour.
    """
    bank = bank_of(request)
    login = request.query_params.get("customer", "")
    async with bank.pool.connection() as connection:
        customer = await find_customer(connection, login)
        if customer is None:
            return sorry(
                request,
                status=404,
                title="No such customer",
                detail="Name one of the sandbox's customers: /phone?customer=<login>.",
            )
        shown = await _overview(connection, customer)
        recent = await _movements(connection, customer, account_id=None, limit=3)
    theme = request.query_params.get("theme", "")
    return render(
        request,
        "phone.html",
        theme=theme if theme in {"light", "dark"} else "",
        frame_ancestors=f"'self' {bank.settings.portal_base_origin}",
        movements=recent,
        nonce=_nonce(bank, customer),
        **shown,
    )


def _nonce(bank: Bank, customer: DictRow) -> str:
    until = int(bank.now().timestamp()) + _NONCE_SECONDS
    return bank.keys.seal("phone", {"customer": str(customer["id"]), "until": until})


async def _phone_customer(request: Request, connection: Connection) -> DictRow | None:
    """The customer that the page's nonce names."""
    bank = bank_of(request)
    body = await read_json(request, empty=True)
    nonce = body.get("page_nonce") if isinstance(body, dict) else None
    value = bank.keys.unseal("phone", nonce) if isinstance(nonce, str) else None
    if value is None or value["until"] < bank.now().timestamp():
        return None
    cursor = await connection.execute(
        "SELECT * FROM customers WHERE id = %s", (value["customer"],)
    )
    return await cursor.fetchone()


@form_door
async def phone_peek(request: Request) -> Response:
    """POST /phone/peek {page_nonce}: the phone's recent transactions alone."""
    async with bank_of(request).pool.connection() as connection:
        customer = await _phone_customer(request, connection)
        if customer is None:
            return Response(status_code=401)
        shown = await _overview(connection, customer)
        recent = await _movements(connection, customer, account_id=None, limit=3)
    return render(request, "_peek.html", movements=recent, **shown)


async def widget_token(request: Request) -> Response:
    """POST /widget-token: who is in front of this page, for the chat's widget (EdDSA, five minutes at most)."""
    bank = bank_of(request)
    try:
        check_origin(request)
        async with bank.pool.connection() as connection:
            customer = None
            if media_type(request) == "application/json":
                customer = await _phone_customer(request, connection)
            customer = customer or await signed_in(request, connection)
    except BodyRefused as problem:
        return JSONResponse(
            {"error": "refused", "detail": problem.detail}, status_code=problem.status
        )
    if customer is None:
        detail = "Nobody is signed in here."
        return JSONResponse({"error": "not_signed_in", "detail": detail}, status_code=401)
    now = int(bank.now().timestamp())
    claims = {
        "iss": bank.origin,
        "sub": str(customer["id"]),
        "name": customer["name"],
        "email": mail_address(customer["login"]),
        "email_verified": True,
        "aud": bank.settings.portal_origin,
        "iat": now,
        "exp": now + _TOKEN_SECONDS,
        "jti": str(uuid.uuid4()),
    }
    token = bank.keys.sign_widget_token(claims)
    return JSONResponse({"token": token}, headers={"cache-control": "no-store"})


ROUTES = [
    Route("/", home, methods=["GET"]),
    Route("/sign-in", sign_in, methods=["POST"]),
    Route("/sign-out", sign_out, methods=["POST"]),
    Route("/accounts", accounts, methods=["GET"]),
    Route("/accounts/movements", movements, methods=["GET"]),
    Route("/accounts/{id}", account, methods=["GET"]),
    Route("/do/{what}", act, methods=["POST"]),
    Route("/phone", phone, methods=["GET"]),
    Route("/phone/peek", phone_peek, methods=["POST"]),
    Route("/widget-token", widget_token, methods=["POST"]),
]
