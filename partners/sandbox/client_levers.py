"""The levers of /_control for programs that are registered at the bank, and the consents they ask for."""

from __future__ import annotations

import re

from starlette.requests import Request

from partners.sandbox.bank import bank_of
from partners.sandbox.bodies import read_json
from partners.sandbox.consents import approve, withdraw
from partners.sandbox.founding import register_client
from partners.sandbox.handshake import SecureDoor, certify_request, issue, open_door
from partners.sandbox.ledger import LedgerRefusal
from partners.sandbox.levers import Answer, lever, member, texts
from partners.sandbox.pages import find_customer
from partners.sandbox.proofs import CERTIFICATE, PROOFS, demand

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


@lever()
async def put_client(request: Request) -> Answer:
    """PUT clients {client_id, name?, client_secret, redirect_uris, notify_url?, notify_host?}."""
    bank = bank_of(request)
    body = await read_json(request)
    async with bank.pool.connection() as connection:
        await register_client(
            connection,
            client_id=member(body, "client_id", str),
            name=member(body, "name", str, needed=False),
            client_secret=member(body, "client_secret", str),
            redirect_uris=texts(body, "redirect_uris"),
            notify_url=member(body, "notify_url", str, needed=False),
            notify_host=member(body, "notify_host", str, needed=False),
        )
    return {"client_id": body["client_id"]}


@lever()
async def put_proof(request: Request) -> Answer:
    """PUT clients/proof {client_id, proof, jwks?, jwks_uri?, jwks_host?}: how the client proves who it is; a certificate is issued."""
    bank = bank_of(request)
    body = await read_json(request)
    client_id, proof = member(body, "client_id", str), member(body, "proof", str)
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
            jwks=member(body, "jwks", dict, needed=False),
            certificate=certificate,
            jwks_uri=member(body, "jwks_uri", str, needed=False),
            jwks_host=member(body, "jwks_host", str, needed=False),
        )
    return answer


@lever(creates=True)
async def certify(request: Request) -> Answer:
    """POST clients/certificate {request}: one of the bank's authority for a key (PKCS #10, PEM); it is demanded of nobody."""
    bank = bank_of(request)
    body = await read_json(request)
    door = await _secure_door(request)
    try:
        pem = certify_request(door.authority, member(body, "request", str), at=bank.now())
    except ValueError as problem:
        raise LedgerRefusal("bad_request", "request is no signed request in PEM") from problem
    return {"certificate": pem}


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
    challenge = member(body, "code_challenge", str)
    if not _CHALLENGE.fullmatch(challenge):
        raise LedgerRefusal("bad_request", "code_challenge is an S256 challenge")
    everything = member(body, "all", bool, needed=False) or False
    account_ids = None if everything else texts(body, "account_ids")
    async with bank.pool.connection() as connection, connection.transaction():
        customer = await find_customer(connection, member(body, "login", str))
        if customer is None:
            raise LedgerRefusal("customer_not_found", "There is no such customer.")
        code = await approve(
            bank,
            connection,
            consent_id=member(body, "consent_id", str),
            customer_id=customer["id"],
            account_ids=account_ids,
            redirect_uri=member(body, "redirect_uri", str),
            code_challenge=challenge,
        )
    return {"code": code, "state": body.get("state")}


@lever()
async def withdraw_headless(request: Request) -> Answer:
    """POST withdraw {consent_id, login}: the customer takes the consent back at the bank."""
    bank = bank_of(request)
    body = await read_json(request)
    async with bank.pool.connection() as connection:
        customer = await find_customer(connection, member(body, "login", str))
        if customer is None:
            raise LedgerRefusal("customer_not_found", "There is no such customer.")
        done = await withdraw(
            bank,
            connection,
            consent_id=member(body, "consent_id", str),
            customer_id=customer["id"],
        )
    return {"withdrawn": done}
