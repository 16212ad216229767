"""The server's side of a WebSocket on the wire: uvicorn's own, held to bounds that it has not by itself."""

from asyncio import TimerHandle
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# So long a client may take to answer our close, or to take what is still on its way to it.
LINGER_SECONDS = 10.0


class BoundedSocket(WebSocketsSansIOProtocol):
    """Says its close to a client that takes nothing too, and then waits for it no longer than that.

    uvicorn closes a transport when everything was taken: with a client that never reads that is never, and
    what was written for it stays.
    """

    _lingering: TimerHandle | None = None
    _is_settled = False

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            # A few bytes behind what waits already: who reads on later learns why it ended.
            self.writable.set()
        await super().send(message)
        if not self._is_settled and message["type"] == "websocket.send":
            self._is_settled = True
            self._forget_handshake()

    def _forget_handshake(self) -> None:
        """Who is told something was let in. What it came with is some kilobytes, the used ticket among them,
        and a socket lives for hours."""
        self.request.headers.clear()
        self.response.headers.clear()
        cast("list[tuple[bytes, bytes]]", self.scope["headers"]).clear()

    async def run_asgi(self) -> None:
        await super().run_asgi()
        if not self.disconnected:
            self._lingering = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)
