"""What makes a function a lever of /_control: near callers only, JSON in and out, refusals in words."""

from __future__ import annotations

import functools
import re
from collections.abc import Awaitable, Callable
from typing import Any

from psycopg.rows import DictRow
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from partners.sandbox.bank import bank_of
from partners.sandbox.bodies import BodyRefused
from partners.sandbox.faults import FaultsRefused
from partners.sandbox.ledger import LedgerRefusal
from partners.sandbox.pages import find_customer
from partners.sandbox.replay import ReplayRefused
from partners.sandbox.storage.database import Connection

Answer = dict[str, Any]
_NEAR = {"127.0.0.1", "::1"}
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


async def customer_named(request: Request, connection: Connection) -> DictRow:
    """Who the address of the lever names."""
    row = await find_customer(connection, request.path_params["login"])
    if row is None:
        raise LedgerRefusal("customer_not_found", "There is no such customer.")
    return row


def member(body: Any, name: str, kind: type, *, needed: bool = True) -> Any:
    """A member of a JSON object, of that type."""
    value = body.get(name) if isinstance(body, dict) else None
    if value is None and not needed:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise LedgerRefusal("bad_request", f"{name} must be given, as {kind.__name__}")
    return value


def texts(body: Any, name: str) -> list[str]:
    """A member that is a list of texts, with one at least."""
    values = member(body, name, list)
    if not values or not all(isinstance(value, str) for value in values):
        raise LedgerRefusal("bad_request", f"{name} is a list of texts")
    return list(values)


def whole(request: Request, name: str, *, default: int) -> int:
    """A whole number in the address's query."""
    text = request.query_params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise LedgerRefusal("bad_request", f"{name} is a whole number")
    return int(text)
