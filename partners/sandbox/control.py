"""The levers of the sandbox, /_control: for demonstrations, tests and judges on this machine alone."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import read_json
from partners.sandbox.client_levers import (
    approve_headless,
    certify,
    put_client,
    put_proof,
    withdraw_headless,
)
from partners.sandbox.faults import Faults, read_faults
from partners.sandbox.founding import found_again
from partners.sandbox.ledger import LedgerRefusal
from partners.sandbox.levers import Answer, lever, member
from partners.sandbox.people import mail_address
from partners.sandbox.play_levers import ledger, play, play_state, play_stop, player_of
from partners.sandbox.purchase_levers import (
    book,
    give_back,
    lapse,
    order_online,
    parcel_on,
    purchase,
    receipt_again,
    receipt_ahead,
    salary,
    set_cards,
    update_again,
    updates,
)

# As long as a name of an account is by the standards.
_LONGEST_NAME = 70
_log = logging.getLogger("sandbox.control")


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


@lever()
async def rename(request: Request) -> Answer:
    """POST accounts/rename {account_id, name}: what the bank calls it from now on, on its pages and to programs."""
    body = await read_json(request)
    account_id, name = member(body, "account_id", str), member(body, "name", str)
    if not 1 <= len(name.strip()) <= _LONGEST_NAME:
        raise LedgerRefusal("bad_request", f"a name has 1 to {_LONGEST_NAME} characters")
    async with bank_of(request).pool.connection() as connection:
        cursor = await connection.execute(
            "UPDATE accounts SET name = %s WHERE id = %s", (name.strip(), account_id)
        )
    if not cursor.rowcount:
        raise LedgerRefusal("no_account", "there is no such account")
    return {"account_id": account_id, "name": name.strip()}


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
    await player_of(request).stop()
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
    ("POST", "accounts/rename", rename),
    ("POST", "book", book),
    ("POST", "lapse", lapse),
    ("POST", "customers/{login}/receipt", receipt_ahead),
    ("POST", "receipts/correct", receipt_again),
    ("POST", "parcels/move", parcel_on),
    ("POST", "updates/again", update_again),
    ("GET", "updates", updates),
    ("PUT", "clients", put_client),
    ("PUT", "clients/proof", put_proof),
    ("POST", "clients/certificate", certify),
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
