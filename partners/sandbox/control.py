"""The levers of the sandbox, /_control: for demonstrations, tests and judges on this machine alone."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from partners.sandbox import money
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import LARGE, BodyRefused, read_json
from partners.sandbox.consents import approve, withdraw
from partners.sandbox.faults import Faults, FaultsRefused, read_faults
from partners.sandbox.founding import found_again, register_client
from partners.sandbox.handshake import SecureDoor, issue, open_door
from partners.sandbox.judgement import MOST_ROWS, read_ledger
from partners.sandbox.ledger import (
    LedgerRefusal,
    book_due,
    changing,
    refund,
    remove_pending,
    set_card_state,
)
from partners.sandbox.pages import find_customer
from partners.sandbox.parcels import move_parcel, parcel_body
from partners.sandbox.people import mail_address
from partners.sandbox.proofs import CERTIFICATE, PROOFS, demand
from partners.sandbox.receipts import correct_receipt, issue_ahead, receipt_id
from partners.sandbox.replay import Player, ReplayRefused, read_rows
from partners.sandbox.shopping import (
    Order,
    online_order,
    pay_salary,
    paying_card,
    place_order,
    price_of,
    read_order,
)
from partners.sandbox.storage.database import Connection
from partners.sandbox.updates import all_updates, tell_again

Answer = dict[str, Any]
_log = logging.getLogger("sandbox.control")
_NEAR = {"127.0.0.1", "::1"}
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_FASTEST = 10_000
_STATUS = {
    "card_frozen": 409,
    "not_pending": 409,
    "nothing_to_refund": 409,
    "consent_not_open": 409,
    "play_running": 409,
    "parcel_arrived": 409,
    "parcel_exists": 409,
    "receipt_exists": 409,
    "bad_order": 400,
    "bad_request": 400,
    "currency_mismatch": 400,
}


def lever(
    *, creates: bool = False
) -> Callable[[Callable[[Request], Awaitable[Answer]]], Callable[[Request], Awaitable[Response]]]:
    """Make a function a control door: near callers only, JSON in and out, refusals in words."""

    def wrap(
        pull: Callable[[Request], Awaitable[Answer]],
    ) -> Callable[[Request], Awaitable[Response]]:
        @functools.wraps(pull)
        async def door(request: Request) -> Response:
            refused = _keep_out(request)
            if refused is not None:
                return refused
            if request.method == "OPTIONS":
                return _preflight(request)
            try:
                answer = JSONResponse(await pull(request), status_code=201 if creates else 200)
            except LedgerRefusal as problem:
                answer = _error(_STATUS.get(problem.code, 404), problem.code, problem.detail)
            except BodyRefused as problem:
                answer = _error(problem.status, "bad_body", problem.detail)
            except (FaultsRefused, ReplayRefused) as problem:
                answer = _error(400, "bad_request", str(problem))
            return _with_cors(request, answer)

        return door

    return wrap


def _error(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": code, "detail": detail}, status_code=status)


def _welcome(request: Request) -> set[str]:
    bank = bank_of(request)
    return {bank.origin, bank.settings.portal_base_origin}


def _keep_out(request: Request) -> Response | None:
    """Only this machine, and of its browsers only the pages that may: others get 403."""
    if request.client is None or request.client.host not in _NEAR:
        return _error(403, "not_here", "The control interface answers this machine only.")
    sent = request.headers.get("origin")
    if sent is not None and sent not in _welcome(request):
        return _error(403, "wrong_origin", "Pages of this origin may not use the controls.")
    return None


def _with_cors(request: Request, answer: Response) -> Response:
    sent = request.headers.get("origin")
    if sent in _welcome(request):
        answer.headers["access-control-allow-origin"] = sent or ""
        answer.headers["vary"] = "Origin"
    answer.headers["cache-control"] = "no-store"
    return answer


def _preflight(request: Request) -> Response:
    """What a page of the portal's base origin may do (CORS)."""
    answer = _with_cors(request, Response(status_code=204))
    answer.headers["access-control-allow-methods"] = "GET, POST, PUT, DELETE"
    answer.headers["access-control-allow-headers"] = "content-type"
    answer.headers["access-control-max-age"] = "600"
    return answer


async def _customer(request: Request, connection: Connection) -> DictRow:
    row = await find_customer(connection, request.path_params["login"])
    if row is None:
        raise LedgerRefusal("customer_not_found", "There is no such customer.")
    return row


def _member(body: Any, name: str, kind: type, *, needed: bool = True) -> Any:
    """A member of a JSON object, of that type."""
    value = body.get(name) if isinstance(body, dict) else None
    if value is None and not needed:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise LedgerRefusal("bad_request", f"{name} must be given, as {kind.__name__}")
    return value


def _texts(body: Any, name: str) -> list[str]:
    values = _member(body, name, list)
    if not values or not all(isinstance(value, str) for value in values):
        raise LedgerRefusal("bad_request", f"{name} is a list of texts")
    return list(values)


@lever()
async def health(request: Request) -> Answer:
    """GET health."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        await connection.execute("SELECT 1")
    return {
        "status": "ok",
        "bank": bank.profile.slug,
        "name": bank.profile.name,
        "shares": bank.profile.shares,
        "origin": bank.origin,
    }


@lever()
async def customers(request: Request) -> Answer:
    """GET customers: everybody, with sign-ins, accounts and cards."""
    bank = bank_of(request)
    async with bank.pool.connection() as connection:
        cursor = await connection.execute(
            """SELECT c.id, c.login, c.password, c.name, coalesce((
                 SELECT jsonb_agg(jsonb_build_object('AccountId', a.id, 'currency', a.currency,
                   'kind', a.kind, 'name', a.name, 'ending', right(a.identification, 4), 'cards', coalesce((
                     SELECT jsonb_agg(jsonb_build_object('CardId', k.id, 'last4', k.last4,
                       'frozen', k.frozen_at IS NOT NULL, 'frozen_at', k.frozen_at) ORDER BY k.id)
                     FROM cards k WHERE k.account_id = a.id), '[]'::jsonb))
                   ORDER BY h.position, a.id)
                 FROM account_holders h JOIN accounts a ON a.id = h.account_id
                 WHERE h.customer_id = c.id), '[]'::jsonb) AS accounts
               FROM customers c ORDER BY c.position"""
        )
        rows = await cursor.fetchall()
    return {"customers": [_person(row) for row in rows]}


def _person(row: DictRow) -> Answer:
    return {**row, "id": str(row["id"]), "email": mail_address(row["login"])}


def transaction_answer(row: DictRow) -> Answer:
    """A transaction as the control interface shows it."""
    return {
        "AccountId": row["account_id"],
        "TransactionId": row["transaction_id"],
        "CardId": row["card_id"],
        "status": row["status"],
        "kind": row["kind"],
        "amount": {
            "amount": money.to_text(row["amount_minor"], row["currency"]),
            "currency": row["currency"],
        },
        "merchant": row["merchant_name"],
        "country": row["merchant_country"],
        "fraud_suspected": row["fraud_suspected"],
        "occurred_at": row["occurred_at"].isoformat(),
    }


@lever(creates=True)
async def purchase(request: Request) -> Answer:
    """POST customers/{login}/buy: 201 with the pending purchase, 409 when the card declined it."""
    return await _place(request, read_order(await read_json(request, empty=True)))


@lever(creates=True)
async def order_online(request: Request) -> Answer:
    """POST customers/{login}/order: the same from a shop that sends it, with its receipt and its parcel."""
    return await _place(request, online_order(bank_of(request)))


async def _place(request: Request, order: Order) -> Answer:
    bank = bank_of(request)
    async with changing(bank) as change:
        customer = await _customer(request, change.connection)
        row, accepted = await place_order(
            bank, change, customer_id=customer["id"], order=order, by="control"
        )
    if not accepted:
        raise LedgerRefusal("card_frozen", "The card is frozen: the purchase was declined.")
    return transaction_answer(row)


@lever(creates=True)
async def give_back(request: Request) -> Answer:
    """POST customers/{login}/refund {transaction_id?}."""
    bank = bank_of(request)
    body = await read_json(request, empty=True)
    async with changing(bank) as change:
        customer = await _customer(request, change.connection)
        row = await refund(
            change,
            customer_id=customer["id"],
            transaction_id=_member(body, "transaction_id", str, needed=False),
            by="control",
        )
    return transaction_answer(row)


@lever(creates=True)
async def salary(request: Request) -> Answer:
    """POST customers/{login}/salary."""
    bank = bank_of(request)
    async with changing(bank) as change:
        customer = await _customer(request, change.connection)
        row = await pay_salary(bank, change, customer_id=customer["id"], by="control")
    return transaction_answer(row)


@lever()
async def set_cards(request: Request) -> Answer:
    """POST customers/{login}/cards {frozen, card_id?}: what the customer could do on the bank's page."""
    bank = bank_of(request)
    body = await read_json(request)
    frozen = _member(body, "frozen", bool)
    only = _member(body, "card_id", str, needed=False)
    async with changing(bank) as change:
        customer = await _customer(request, change.connection)
        rows = await change.all(
            "SELECT id FROM cards WHERE customer_id = %s AND (%s::text IS NULL OR id = %s)",
            (customer["id"], only, only),
        )
        if not rows:
            raise LedgerRefusal("card_not_found", "There is no such card.")
        ids = [row["id"] for row in rows]
        changed = await set_card_state(change, card_ids=ids, frozen=frozen, by="control")
    return {"changed": changed}


@lever()
async def book(request: Request) -> Answer:
    """POST book: everything pending is booked now."""
    bank = bank_of(request)
    booked = 0
    while True:
        async with changing(bank) as change:
            number = await book_due(bank, change, everything=True)
        booked += number
        if not number:
            return {"booked": booked}


@lever()
async def lapse(request: Request) -> Answer:
    """POST lapse {account_id, transaction_id}: a pending purchase disappears."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await remove_pending(
            change,
            account_id=_member(body, "account_id", str),
            transaction_id=_member(body, "transaction_id", str),
            by="control",
        )
    return transaction_answer(row)


@lever(creates=True)
async def receipt_ahead(request: Request) -> Answer:
    """POST customers/{login}/receipt {amount, merchant?, account?}: a receipt before its purchase."""
    bank = bank_of(request)
    body = await read_json(request)
    amount = _member(body, "amount", str)
    merchant = _member(body, "merchant", str, needed=False) or "Corner Test"
    async with changing(bank) as change:
        customer = await _customer(request, change.connection)
        card = await paying_card(
            change,
            customer_id=customer["id"],
            account_id=_member(body, "account", str, needed=False),
        )
        ahead = await issue_ahead(
            bank,
            change,
            account_id=card["account_id"],
            merchant=merchant,
            price=price_of(amount, card["currency"]),
            currency=card["currency"],
        )
    return {
        "AccountId": ahead.account_id,
        "TransactionId": ahead.transaction_id,
        "ReceiptId": receipt_id(ahead.account_id, ahead.transaction_id),
    }


@lever()
async def receipt_again(request: Request) -> Answer:
    """POST receipts/correct {receipt_id}: its next revision, with lines that add up."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await correct_receipt(bank, change, _member(body, "receipt_id", str))
    return {"ReceiptId": row["id"], "Revision": row["revision"]}


@lever()
async def update_again(request: Request) -> Answer:
    """POST updates/again {id, revision?}: tell a revision once more; an older one is out of order."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await tell_again(
            change,
            about=_member(body, "id", str),
            revision=_member(body, "revision", int, needed=False),
        )
    return {"id": row["about"], "Revision": row["revision"]}


@lever()
async def parcel_on(request: Request) -> Answer:
    """POST parcels/move {parcel_id, to?}: on to the next stop of its way, or to a status."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await move_parcel(
            bank,
            change,
            _member(body, "parcel_id", str),
            to=_member(body, "to", str, needed=False),
        )
    return {"ShipmentId": row["id"], "Revision": row["revision"], **parcel_body(row)}


@lever()
async def updates(request: Request) -> Answer:
    """GET updates?after=&limit=: all that was told of receipts and shipments, as it was told."""
    after = _whole(request, "after", default=0)
    limit = _whole(request, "limit", default=1000)
    if not 1 <= limit <= MOST_ROWS:
        raise LedgerRefusal("bad_request", f"limit is 1 to {MOST_ROWS}")
    async with bank_of(request).pool.connection() as connection:
        rows = await all_updates(connection, after=after, limit=limit)
    return {"updates": rows, "next_after": rows[-1]["seq"] if rows else after}


@lever()
async def put_client(request: Request) -> Answer:
    """PUT clients {client_id, name?, client_secret, redirect_uris, notify_url?, notify_host?}."""
    bank = bank_of(request)
    body = await read_json(request)
    async with bank.pool.connection() as connection:
        await register_client(
            connection,
            client_id=_member(body, "client_id", str),
            name=_member(body, "name", str, needed=False),
            client_secret=_member(body, "client_secret", str),
            redirect_uris=_texts(body, "redirect_uris"),
            notify_url=_member(body, "notify_url", str, needed=False),
            notify_host=_member(body, "notify_host", str, needed=False),
        )
    return {"client_id": body["client_id"]}


@lever()
async def put_proof(request: Request) -> Answer:
    """PUT clients/proof {client_id, proof, jwks?}: how the client proves who it is; a certificate is issued."""
    bank = bank_of(request)
    body = await read_json(request)
    client_id, proof = _member(body, "client_id", str), _member(body, "proof", str)
    if proof not in PROOFS:
        raise LedgerRefusal("bad_request", f"proof is one of {', '.join(PROOFS)}")
    answer: Answer = {"client_id": client_id, "proof": proof}
    certificate = None
    if proof == CERTIFICATE:
        door = await _secure_door(request)
        issued = issue(door.authority, client_id, at=bank.now())
        certificate = issued.digest
        answer |= {
            "port": door.port,
            "authority": door.authority.certificate_pem,
            "certificate": issued.certificate_pem,
            "private_key": issued.key_pem,
        }
    async with bank.pool.connection() as connection:
        await demand(
            connection,
            client_id=client_id,
            proof=proof,
            jwks=_member(body, "jwks", dict, needed=False),
            certificate=certificate,
        )
    return answer


async def _secure_door(request: Request) -> SecureDoor:
    """Opened when it is first wanted; it ends with the bank."""
    state = request.app.state
    if not hasattr(state, "secure_door"):
        bank = bank_of(request)
        state.secure_door = await open_door(bank, host=bank.settings.hosts[0])
    door: SecureDoor = state.secure_door
    return door


@lever()
async def approve_headless(request: Request) -> Answer:
    """POST approve {consent_id, login, account_ids or all, redirect_uri, code_challenge, state?}."""
    bank = bank_of(request)
    body = await read_json(request)
    challenge = _member(body, "code_challenge", str)
    if not _CHALLENGE.fullmatch(challenge):
        raise LedgerRefusal("bad_request", "code_challenge is an S256 challenge")
    everything = _member(body, "all", bool, needed=False) or False
    account_ids = None if everything else _texts(body, "account_ids")
    async with bank.pool.connection() as connection, connection.transaction():
        customer = await find_customer(connection, _member(body, "login", str))
        if customer is None:
            raise LedgerRefusal("customer_not_found", "There is no such customer.")
        code = await approve(
            bank,
            connection,
            consent_id=_member(body, "consent_id", str),
            customer_id=customer["id"],
            account_ids=account_ids,
            redirect_uri=_member(body, "redirect_uri", str),
            code_challenge=challenge,
        )
    return {"code": code, "state": body.get("state")}


@lever()
async def withdraw_headless(request: Request) -> Answer:
    """POST withdraw {consent_id, login}: the customer takes the consent back at the bank."""
    bank = bank_of(request)
    body = await read_json(request)
    async with bank.pool.connection() as connection:
        customer = await find_customer(connection, _member(body, "login", str))
        if customer is None:
            raise LedgerRefusal("customer_not_found", "There is no such customer.")
        done = await withdraw(
            bank,
            connection,
            consent_id=_member(body, "consent_id", str),
            customer_id=customer["id"],
        )
    return {"withdrawn": done}


def _player(request: Request) -> Player:
    player: Player = request.app.state.player
    return player


@lever(creates=True)
async def play(request: Request) -> Answer:
    """POST play {csv or path, rate?, as_history?, limit?, prepare_only?}."""
    player = _player(request)
    body = await read_json(request, limit=LARGE)
    rows = read_rows(_csv_text(body))
    limit = _member(body, "limit", int, needed=False)
    rows = rows if limit is None else rows[: max(limit, 0)]
    rate = _member(body, "rate", int, needed=False)
    rate = 20 if rate is None else rate
    if not 1 <= rate <= _FASTEST:
        raise LedgerRefusal("bad_request", f"rate is 1 to {_FASTEST} rows a second")
    if player.busy:
        raise LedgerRefusal("play_running", "Another play is under way.")
    if _member(body, "prepare_only", bool, needed=False):
        dealt = await player.deal(rows)
        return {
            "state": "prepared",
            "accounts": sorted({account for account, _ in dealt.values()}),
        }
    as_history = _member(body, "as_history", bool, needed=False) or False
    begun = await player.start(rows, rate=rate, as_history=as_history)
    return begun.as_json()


def _csv_text(body: Any) -> str:
    text = _member(body, "csv", str, needed=False)
    if text is not None:
        return str(text)
    path = Path(_member(body, "path", str))
    if path.suffix.lower() != ".csv" or not path.is_absolute():
        raise LedgerRefusal("bad_request", "path is the full path of a .csv file")
    try:
        if path.stat().st_size > LARGE:
            raise LedgerRefusal("bad_request", f"the file is longer than {LARGE} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise LedgerRefusal("bad_request", "the file cannot be read as UTF-8 text") from problem


@lever()
async def play_state(request: Request) -> Answer:
    """GET play."""
    return _player(request).play.as_json()


@lever()
async def play_stop(request: Request) -> Answer:
    """DELETE play: stop where it is."""
    return (await _player(request).stop()).as_json()


@lever()
async def ledger(request: Request) -> Answer:
    """GET ledger?after=&limit=."""
    bank = bank_of(request)
    after = _whole(request, "after", default=0)
    limit = _whole(request, "limit", default=1000)
    if not 1 <= limit <= MOST_ROWS:
        raise LedgerRefusal("bad_request", f"limit is 1 to {MOST_ROWS}")
    async with bank.pool.connection() as connection:
        return await read_ledger(bank, connection, after=after, limit=limit)


def _whole(request: Request, name: str, *, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise LedgerRefusal("bad_request", f"{name} is a whole number")
    return int(text)


@lever()
async def faults(request: Request) -> Answer:
    """GET faults."""
    return bank_of(request).faults.as_json()


@lever()
async def put_faults(request: Request) -> Answer:
    """PUT faults: exactly these from now on; `{}` makes a good bank of it again."""
    bank = bank_of(request)
    chosen = read_faults(await read_json(request, empty=True))
    _set_faults(bank, chosen)
    return chosen.as_json()


def _set_faults(bank: Bank, chosen: Faults) -> None:
    bank.faults = chosen
    bank.told.set()
    _log.info("faults on=%s", ",".join(sorted(_differing(chosen))) or "none")


def _differing(chosen: Faults) -> list[str]:
    good = Faults().as_json()
    return [name for name, value in chosen.as_json().items() if value != good[name]]


@lever()
async def reset(request: Request) -> Answer:
    """POST reset: everybody and everything anew from the seed; keys and clients stay."""
    bank = bank_of(request)
    await _player(request).stop()
    _set_faults(bank, Faults())
    await found_again(bank)
    return {"status": "ok"}


_BASE = "/_control"
_DOORS: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
    ("GET", "health", health),
    ("GET", "customers", customers),
    ("POST", "customers/{login}/buy", purchase),
    ("POST", "customers/{login}/order", order_online),
    ("POST", "customers/{login}/refund", give_back),
    ("POST", "customers/{login}/salary", salary),
    ("POST", "customers/{login}/cards", set_cards),
    ("POST", "book", book),
    ("POST", "lapse", lapse),
    ("POST", "customers/{login}/receipt", receipt_ahead),
    ("POST", "receipts/correct", receipt_again),
    ("POST", "parcels/move", parcel_on),
    ("POST", "updates/again", update_again),
    ("GET", "updates", updates),
    ("PUT", "clients", put_client),
    ("PUT", "clients/proof", put_proof),
    ("POST", "approve", approve_headless),
    ("POST", "withdraw", withdraw_headless),
    ("POST", "play", play),
    ("GET", "play", play_state),
    ("DELETE", "play", play_stop),
    ("GET", "ledger", ledger),
    ("GET", "faults", faults),
    ("PUT", "faults", put_faults),
    ("POST", "reset", reset),
]
ROUTES = [
    Route(f"{_BASE}/{path}", door, methods=[method, "OPTIONS"]) for method, path, door in _DOORS
]
