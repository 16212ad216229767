"""How often a day the bank lets itself be asked about one account; without a limit unless a lever sets one.

By the Berlin Group's rule, calls that say that the customer is there are not counted, and the pages that follow a
list's first belong to it. The other dialects count each call, and say in their headers what is left.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections import deque
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from partners.sandbox.bodies import read_json
from partners.sandbox.faults import FaultsRefused
from partners.sandbox.levers import Answer, lever

AGREED = 1440
_COUNTED = re.compile(r"/(?:open-banking|psd2)/.+/accounts/[^/]+/(?:balances|transactions)")
_PSD2 = "/psd2/"
_LONGEST_DAY = 86_400
Key = tuple[bytes, str]


@dataclass
class Allowance:
    """`a_day` calls within `day_seconds`, of each consent and resource; None: as often as one likes."""

    a_day: int | None = None
    day_seconds: float = _LONGEST_DAY
    taken: dict[Key, deque[float]] = field(default_factory=dict)

    @property
    def granted(self) -> int:
        """What a consent says of it."""
        return self.a_day or AGREED

    def left_after(self, key: Key, now: float) -> int:
        """Take one; how many are left then, below 0 where there was none."""
        calls = self.taken.setdefault(key, deque())
        while calls and calls[0] <= now - self.day_seconds:
            calls.popleft()
        if len(calls) < self.granted:
            calls.append(now)
            return self.granted - len(calls)
        return -1

    def resets_in(self, key: Key, now: float) -> int:
        """In how many seconds there is one more."""
        calls = self.taken.get(key)
        return int(calls[0] + self.day_seconds - now) + 1 if calls else 0


class Counted:
    """ASGI layer: refuses what is asked too often."""

    def __init__(self, app: ASGIApp, *, allowance: Allowance) -> None:
        self._app = app
        self._allowance = allowance

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, or refuse with 429."""
        if self._allowance.a_day is None or not _is_counted(scope):
            return await self._app(scope, receive, send)
        headers = dict(scope["headers"])
        key = (headers.get(b"consent-id", b""), scope["path"])
        now = time.monotonic()
        left = self._allowance.left_after(key, now)
        is_psd2 = scope["path"].startswith(_PSD2)
        reset = self._allowance.resets_in(key, now)
        told = [] if is_psd2 else _headers(max(left, 0), reset)
        if left < 0:
            return await _refuse(send, is_psd2=is_psd2, told=told)

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *told]
            await send(message)

        return await self._app(scope, receive, telling)


def _is_counted(scope: Scope) -> bool:
    if scope["type"] != "http" or not _COUNTED.fullmatch(scope["path"]):
        return False
    if not scope["path"].startswith(_PSD2):
        return True
    follows = b"page=" in scope["query_string"]
    return not follows and b"psu-ip-address" not in dict(scope["headers"])


def _headers(left: int, reset: int) -> list[tuple[bytes, bytes]]:
    return [
        (b"x-ratelimit-remaining", str(left).encode()),
        (b"x-ratelimit-reset", str(reset).encode()),
    ]


async def _refuse(send: Send, *, is_psd2: bool, told: list[tuple[bytes, bytes]]) -> None:
    words = "The access on the account has been exceeding the consented multiplicity per day."
    said: dict[str, object] = {"Errors": [{"ErrorCode": "U000", "Message": words}]}
    if is_psd2:
        said = {"tppMessages": [{"category": "ERROR", "code": "ACCESS_EXCEEDED", "text": words}]}
    headers = [
        (b"content-type", b"application/json"),
        (b"x-request-id", str(uuid.uuid4()).encode()),
        *told,
    ]
    await send({"type": "http.response.start", "status": 429, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(said).encode()})


@lever()
async def put_allowance(request: Request) -> Answer:
    """PUT /_control/allowance {"a_day": 4, "day_seconds": 86400}: from now on, nothing taken yet; `{}` ends it."""
    body = await read_json(request, empty=True)
    allowance: Allowance = request.app.state.allowance
    wanted = body if isinstance(body, dict) else {"a_day": body}
    a_day, seconds = wanted.get("a_day"), wanted.get("day_seconds", _LONGEST_DAY)
    if a_day is not None and (not _is_whole(a_day) or a_day > AGREED):
        raise FaultsRefused(f"a_day is a whole number from 1 to {AGREED}")
    if not _is_whole(seconds) or seconds > _LONGEST_DAY:
        raise FaultsRefused(f"day_seconds is a whole number from 1 to {_LONGEST_DAY}")
    allowance.a_day, allowance.day_seconds = a_day, float(seconds)
    allowance.taken.clear()
    return {"a_day": a_day, "day_seconds": seconds}


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


ROUTES = [Route("/_control/allowance", put_allowance, methods=["PUT"])]
