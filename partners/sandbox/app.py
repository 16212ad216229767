"""The bank put together: doors, layers, background work."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psycopg
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partners.sandbox import (
    accounts_api,
    allowance,
    berlin_group_api,
    calls,
    control,
    cursor_sync_api,
    decisions_api,
    oauth,
    partner_api,
    site,
)
from partners.sandbox.bank import Bank, bank_of
from partners.sandbox.bodies import BodyRefused
from partners.sandbox.clock import tick_forever
from partners.sandbox.events import push_forever
from partners.sandbox.faults import FaultyInterfaces
from partners.sandbox.founding import found
from partners.sandbox.interface import Refused, refusal
from partners.sandbox.keys import load_keys
from partners.sandbox.pages import sorry
from partners.sandbox.proofs import PROOFS
from partners.sandbox.replay import Player
from partners.sandbox.settings import Settings
from partners.sandbox.storage.database import open_pool

_log = logging.getLogger("sandbox.requests")
_PATIENCE_SECONDS = 1.0
_INTERFACES = ("/open-banking/", "/partner/")
_PSD2 = "/psd2/"
_SYNC = "/sync/"
_FREQUENT = ("/accounts/movements", "/phone/peek", "/_control/health", "/static", "/design")
_TITLES = {404: "Page not found", 405: "That does not work here"}


async def jwks(request: Request) -> Response:
    """GET /.well-known/jwks.json: the public halves of the bank's keys."""
    return JSONResponse(
        bank_of(request).keys.jwks(), headers={"cache-control": "public, max-age=300"}
    )


async def discovery(request: Request) -> Response:
    """GET /.well-known/openid-configuration: where everything is (OpenID Connect Discovery, section 4)."""
    bank = bank_of(request)
    return JSONResponse(
        {
            "issuer": bank.origin,
            "authorization_endpoint": f"{bank.origin}/as/authorize",
            "token_endpoint": f"{bank.origin}/as/token",
            "jwks_uri": f"{bank.origin}/.well-known/jwks.json",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "client_credentials", "refresh_token"],
            "token_endpoint_auth_methods_supported": list(PROOFS),
            "token_endpoint_auth_signing_alg_values_supported": ["PS256", "ES256", "EdDSA"],
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["accounts", "AIS"],
        },
        headers={"cache-control": "public, max-age=300"},
    )


def make_app(settings: Settings) -> Starlette:
    """The bank as an ASGI application; its lifespan opens the database and the background work."""

    book, counted = calls.Calls(), allowance.Allowance()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _open_bank(settings) as bank:
            app.state.bank = bank
            app.state.calls, app.state.allowance = book, counted
            _log.info("open bank=%s port=%s", settings.profile.slug, settings.port)
            app.state.player = Player(bank)
            tasks = [asyncio.create_task(work(bank)) for work in (push_forever, tick_forever)]
            yield
            bank.close()
            await app.state.player.stop()
            await _ended(tasks)

    return Starlette(
        routes=[
            *site.ROUTES,
            *oauth.ROUTES,
            *accounts_api.ROUTES,
            *berlin_group_api.ROUTES,
            *cursor_sync_api.ROUTES,
            *partner_api.ROUTES,
            *decisions_api.ROUTES,
            *control.ROUTES,
            *calls.ROUTES,
            *allowance.ROUTES,
            Route("/.well-known/jwks.json", jwks, methods=["GET"]),
            Route("/.well-known/openid-configuration", discovery, methods=["GET"]),
            Mount("/static", StaticFiles(directory=Path(__file__).parent / "static")),
            Mount("/design", StaticFiles(directory=settings.design_dir, check_dir=False)),
        ],
        middleware=[
            Middleware(RequestLog),
            Middleware(calls.CallBook, calls=book),
            Middleware(allowance.Counted, allowance=counted),
            Middleware(TrustedHostMiddleware, allowed_hosts=settings.hosts),
            Middleware(FaultyInterfaces, seed=settings.seed),
            Middleware(CleanAddresses),
        ],
        exception_handlers={
            HTTPException: _known_problem,
            BodyRefused: _unreadable,
            psycopg.DataError: _unstorable,
            psycopg.OperationalError: _no_database,
        },
        lifespan=lifespan,
    )


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Wait for work that was asked to end; what is held up by somebody else is cancelled.

    Cancelling alone would not do: on Python 3.11 a cancellation can be lost inside asyncio.wait_for,
    which the database driver uses.
    """
    _, late = await asyncio.wait(tasks, timeout=_PATIENCE_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _open_bank(settings: Settings) -> AsyncIterator[Bank]:
    pool = await open_pool(
        url=settings.database_url,
        schema=settings.schema,
        wait_seconds=settings.database_wait_seconds,
    )
    try:
        limits = httpx.Limits(max_connections=16)
        async with httpx.AsyncClient(limits=limits, trust_env=False) as outside:
            bank = Bank(settings=settings, pool=pool, keys=await load_keys(pool), outside=outside)
            await found(bank)
            yield bank
    finally:
        await pool.close()


def _explain(request: Request, *, status: int, code: str, detail: str) -> Response:
    """A problem in the form that the door's callers understand."""
    path = request.url.path
    if path.startswith(_PSD2):
        return berlin_group_api.refusal(request, Refused(status, code, detail))
    if path.startswith(_SYNC):
        return cursor_sync_api.refusal(Refused(status, code, detail))
    if path.startswith(_INTERFACES):
        return refusal(request, Refused(status, code, detail))
    if path.startswith(("/_control/", "/as/token", "/widget-token")):
        return JSONResponse({"error": "refused", "detail": detail}, status_code=status)
    return sorry(request, status=status, title=_TITLES.get(status, "Sorry"), detail=detail)


async def _known_problem(request: Request, problem: Exception) -> Response:
    status = problem.status_code if isinstance(problem, HTTPException) else 500
    headers = problem.headers if isinstance(problem, HTTPException) else None
    detail = {404: "There is nothing at this address.", 405: "Not with this method."}
    response = _explain(
        request, status=status, code="U011", detail=detail.get(status, "This cannot be done.")
    )
    response.headers.update(headers or {})
    return response


async def _unreadable(request: Request, problem: Exception) -> Response:
    status = problem.status if isinstance(problem, BodyRefused) else 400
    return _explain(request, status=status, code="U010", detail=str(problem))


async def _unstorable(request: Request, _problem: Exception) -> Response:
    return _explain(request, status=400, code="U002", detail="A value has the wrong form.")


async def _no_database(request: Request, _problem: Exception) -> Response:
    _log.warning("database_away")
    response = _explain(request, status=503, code="U000", detail="The bank is not ready.")
    response.headers["retry-after"] = "2"
    return response


class CleanAddresses:
    """ASGI layer: an address with a NUL in it is refused before any door reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse with 400."""
        if scope["type"] == "http":
            query = scope["query_string"].lower()
            if "\0" in scope["path"] or b"%00" in query or b"\0" in query:
                refused = PlainTextResponse("The address has the wrong form.", status_code=400)
                return await refused(scope, receive, send)
        return await self._app(scope, receive, send)


class RequestLog:
    """ASGI layer: one short line a request, with the route's pattern and never what fills it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve and log."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        begun = time.perf_counter()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", None) or scope.get("root_path") or "-"
            milliseconds = (time.perf_counter() - begun) * 1000
            _log.log(
                logging.DEBUG if route in _FREQUENT else logging.INFO,
                "request method=%s route=%s status=%s ms=%.1f",
                scope["method"],
                route,
                status,
                milliseconds,
            )
        return None
