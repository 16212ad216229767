"""Large bodies, handed to their door as they come.

Django puts the whole of a body into a file before anybody has looked who sends it. Here one that is large, or does
not say how large it is, stays on the wire until its door reads it: what a door refuses is never read.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import async_to_sync
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.handlers.asgi import ASGIHandler

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]


class BrokenOff(OSError):
    """The sender went away before the end of what they sent."""


class BodyOnTheWire:
    """A body that is read from the connection, by the thread that serves the request.

    Also what the handler waits on for the connection's end: nothing else may take its messages meanwhile.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._held = bytearray()
        self._over = asyncio.Event()
        self._is_gone = False

    async def __call__(self) -> Message:
        """The next message behind the body."""
        await self._over.wait()
        return {"type": "http.disconnect"} if self._is_gone else await self._receive()

    def read(self, size: int | None = -1, /) -> bytes:
        """At most so many bytes; all, where no number is said: no more than a door takes into memory."""
        wanted = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1 if size is None or size < 0 else size
        while len(self._held) < wanted and not self._over.is_set():
            self._held += async_to_sync(self._next)()
        if wanted != size and len(self._held) >= wanted:
            raise RequestDataTooBig
        given = bytes(self._held[:wanted])
        del self._held[:wanted]
        return given

    async def _next(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self._is_gone = True
            self._over.set()
            raise BrokenOff
        if not message.get("more_body", False):
            self._over.set()
        return cast("bytes", message.get("body", b""))

    def close(self) -> None:
        """Nothing is kept."""
        self._held.clear()


class Handler(ASGIHandler):
    """Django's, but for bodies that are not small."""

    async def handle(self, scope: Any, receive: Any, send: Any) -> None:
        on_the_wire = BodyOnTheWire(receive) if _is_large(scope) else receive
        await super().handle(scope, on_the_wire, send)

    async def read_body(self, receive: Any) -> Any:
        if isinstance(receive, BodyOnTheWire):
            return receive
        return await super().read_body(receive)


def _is_large(scope: Any) -> bool:
    said = {name.lower(): value for name, value in scope.get("headers", ())}
    length = said.get(b"content-length")
    if length is None:
        return b"transfer-encoding" in said
    return not length.isdigit() or int(length) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE
