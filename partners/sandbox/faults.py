"""What the bank can be told to do badly, and the layer that does it to its interfaces."""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_INTERFACES = ("/open-banking/", "/psd2/", "/sync/", "/partner/", "/as/token", "/.well-known/")
_STATUSES = (429, 500, 503)
_FREEZE = ("fail", "hang", "late", "pending", "lost", "broken", "refuse", "conflict", "gone")
_LONGEST_MS = 600_000
_AMOUNTS = frozenset({"Amount", "amount", "transactionAmount"})
NONSENSE = b'{"Data": {"Account": 7, "Transaction": [{"Amount": {"Amount": "a lot"'


class FaultsRefused(ValueError):
    """The faults asked for do not exist; the text says which and why."""


@dataclass(frozen=True)
class Faults:
    """Chances are shares of requests from 0 to 1 (true means always). All off: a good bank."""

    latency_ms: int = 0
    error_rate: float = 0.0
    status: int = 500
    drop_responses: float = 0.0
    hang: float = 0.0
    malformed: float = 0.0
    down: bool = False
    duplicate_notifications: bool = False
    reorder_notifications: bool = False
    silent: bool = False
    renumber: bool = False
    mutate: float = 0.0
    duplicate_updates: bool = False
    reorder_updates: bool = False
    broken_receipts: bool = False
    garbled: str = ""
    freeze: (
        Literal["fail", "hang", "late", "pending", "lost", "broken", "refuse", "conflict", "gone"]
        | None
    ) = None
    freeze_after_ms: int = 5000
    retry_after_seconds: int = 2
    gives_days: int = 0

    def as_json(self) -> dict[str, Any]:
        """All faults by name."""
        return asdict(self)


def read_faults(body: object) -> Faults:
    """The faults a JSON object asks for, the others off; raises FaultsRefused."""
    if not isinstance(body, dict):
        raise FaultsRefused("faults are a JSON object")
    known = {field.name: field.default for field in fields(Faults)}
    chosen: dict[str, Any] = {}
    for name, value in body.items():
        if name not in known:
            raise FaultsRefused(f"there is no fault called {str(name)[:40]!r}")
        chosen[name] = _checked(name, value, known[name])
    return replace(Faults(), **chosen)


def _checked(name: str, value: object, default: object) -> object:
    if name == "freeze":
        if value is not None and value not in _FREEZE:
            raise FaultsRefused(f"freeze is null or one of {', '.join(_FREEZE)}")
        return value
    if isinstance(default, str):
        return _checked_id(name, value)
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise FaultsRefused(f"{name} is true or false")
        return value
    if isinstance(default, float):
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise FaultsRefused(f"{name} is a share from 0 to 1, or true or false")
        return float(value)
    return _checked_number(name, value)


def _checked_id(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise FaultsRefused(f"{name} is a TransactionId, or empty")
    return value


def as_told(transaction: dict[str, Any], transaction_id: str, faults: Faults) -> dict[str, Any]:
    """A transaction as it is told, in whichever shape; the garbled one with an amount that nobody can read."""
    if faults.garbled != transaction_id:
        return transaction
    return {name: "a lot" if name in _AMOUNTS else told for name, told in transaction.items()}


def _checked_number(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LONGEST_MS:
        raise FaultsRefused(f"{name} is a whole number from 0 to {_LONGEST_MS}")
    if name == "status" and value not in _STATUSES:
        raise FaultsRefused(f"status is one of {', '.join(map(str, _STATUSES))}")
    return value


class FaultyInterfaces:
    """ASGI layer outside of all others: the faults of Bank.faults, done to the bank's interfaces."""

    def __init__(self, app: ASGIApp, *, seed: int) -> None:
        self._app = app
        self._dice = random.Random(seed)  # noqa: S311 - which request fails is to be repeatable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or misbehave."""
        if scope["type"] != "http" or scope["path"].startswith("/_control/"):
            return await self._app(scope, receive, send)
        faults: Faults = scope["app"].state.bank.faults
        if faults.down:
            return await _drop(receive, send)
        if not scope["path"].startswith(_INTERFACES):
            return await self._app(scope, receive, send)
        return await self._misbehave(faults, scope, receive, send)

    async def _misbehave(self, faults: Faults, scope: Scope, receive: Receive, send: Send) -> None:
        if faults.latency_ms:
            await asyncio.sleep(faults.latency_ms / 1000)
        if self._dice.random() < faults.hang:
            return await hang(receive)
        if self._dice.random() < faults.error_rate:
            return await _fail(faults, scope, send)
        if self._dice.random() < faults.drop_responses:
            await self._app(scope, receive, _swallow)
            return await _drop(receive, send)
        if self._dice.random() < faults.malformed:
            await self._app(scope, receive, _swallow)
            return await _answer(send, 200, NONSENSE)
        return await self._app(scope, receive, send)


async def hang(receive: Receive) -> None:
    """Say nothing until the caller gives up."""
    while (await receive())["type"] != "http.disconnect":
        continue


async def _swallow(_message: Message) -> None:
    """The bank did it; its answer gets lost."""


async def _fail(faults: Faults, scope: Scope, send: Send) -> None:
    code, words = {
        429: ("U000", "Too many requests."),
        503: ("U000", "The bank is being maintained."),
    }.get(faults.status, ("U000", "Something went wrong at the bank."))
    told: dict[str, Any] = {"Errors": [{"ErrorCode": code, "Message": words}]}
    # Even a bank in trouble says which request it means: the standards want it of every answer.
    named = b"x-fapi-interaction-id"
    if scope["path"].startswith("/sync/"):
        code, kind = {429: ("RATE_LIMIT", "RATE_LIMIT_EXCEEDED")}.get(
            faults.status, ("INTERNAL_SERVER_ERROR", "API_ERROR")
        )
        told = {"error_type": kind, "error_code": code, "error_message": words}
        told |= {"display_message": None, "request_id": uuid.uuid4().hex[:15]}
    if scope["path"].startswith("/psd2/"):
        code = {429: "ACCESS_EXCEEDED"}.get(faults.status, "INTERNAL_SERVER_ERROR")
        told = {"tppMessages": [{"category": "ERROR", "code": code, "text": words}]}
        named = b"x-request-id"
    headers = [(named, _own_id(scope, named))]
    body = json.dumps(told).encode()
    if faults.status in {429, 503}:
        headers.append((b"retry-after", str(faults.retry_after_seconds).encode()))
    await _answer(send, faults.status, body, headers)


def _own_id(scope: Scope, name: bytes) -> bytes:
    sent: bytes = dict(scope["headers"]).get(name, b"")
    return sent or str(uuid.uuid4()).encode()


async def _answer(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    plain = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send(
        {"type": "http.response.start", "status": status, "headers": plain + (headers or [])}
    )
    await send({"type": "http.response.body", "body": body})


async def _drop(receive: Receive, send: Send) -> None:
    """Hang up without an answer. Where the server's connection cannot be reached: break off in the middle."""
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
        await hang(receive)
        return
    headers = [(b"content-type", b"application/json"), (b"content-length", b"1000")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"{"})
