"""The last calls of the bank's interfaces, as it saw them: for judges who ask what a client really asked."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field
from itertools import count

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partners.sandbox.levers import Answer, lever

_INTERFACES = ("/open-banking/", "/psd2/", "/sync/")
_KEPT = 5000


@dataclass(frozen=True)
class Call:
    """One call and its answer; `attended`: it said that the customer is there."""

    number: int
    method: str
    path: str
    query: str
    attended: bool
    status: int


@dataclass
class Calls:
    """The book of them, in memory alone."""

    kept: deque[Call] = field(default_factory=lambda: deque(maxlen=_KEPT))
    numbers: count[int] = field(default_factory=lambda: count(1))

    def note(self, scope: Scope, status: int) -> None:
        """One more, answered; 0 where it was not."""
        headers = dict(scope["headers"])
        self.kept.append(
            Call(
                next(self.numbers),
                scope["method"],
                scope["path"],
                scope["query_string"].decode("latin-1"),
                b"psu-ip-address" in headers or b"x-fapi-customer-ip-address" in headers,
                status,
            )
        )


class CallBook:
    """ASGI layer: each call of an interface of accounts is written down with its answer."""

    def __init__(self, app: ASGIApp, *, calls: Calls) -> None:
        self._app = app
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve and note."""
        if scope["type"] != "http" or not scope["path"].startswith(_INTERFACES):
            return await self._app(scope, receive, send)
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            self._calls.note(scope, status)
        return None


@lever()
async def read_calls(request: Request) -> Answer:
    """GET /_control/calls?after=N: the calls after the Nth, oldest first."""
    written = request.query_params.get("after", "")
    after = int(written) if written.isascii() and written.isdigit() else 0
    calls: Calls = request.app.state.calls
    return {"calls": [asdict(each) for each in calls.kept if each.number > after]}


ROUTES = [Route("/_control/calls", read_calls, methods=["GET"])]
