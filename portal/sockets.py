"""The server's side of a WebSocket on the wire: uvicorn's own, held to bounds that it has not by itself."""

import struct
from asyncio import TimerHandle
from collections.abc import Callable
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode
from websockets.protocol import State

# So long a client may take to answer our close, or to take what is still on its way to it.
LINGER_SECONDS = 10.0
_TEXT = 0x81
_IN_TWO_BYTES, _IN_EIGHT_BYTES = 126, 127

# What it adds to an ASGI scope's extensions: a call that takes a text message in UTF-8 at once, or says no.
WRITE = "portal.write"
Write = Callable[[bytes], bool]


class BoundedSocket(WebSocketsSansIOProtocol):
    """Says its close to a client that takes nothing too, and then waits for it no longer than that.

    uvicorn closes a transport when everything was taken: with a client that never reads that is never, and
    what was written for it stays.
    """

    _lingering: TimerHandle | None = None
    _is_settled = False

    def write(self, text: bytes) -> bool:
        """Send a text message now, as `send` would: no coroutine, no task, no waiting. False, and nothing is
        done, where it would have to wait, or the socket is not open."""
        if not self.writable.is_set() or self.conn.state is not State.OPEN:
            return False
        if self.transport.is_closing():
            return False
        if self.conn.extensions:
            self.conn.send_text(text)
            self.transport.write(b"".join(self.conn.data_to_send()))
        else:
            self.transport.write(_head(len(text)) + text)
        self._settle()
        return True

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            # A few bytes behind what waits already: who reads on later learns why it ended.
            self.writable.set()
        await super().send(message)
        if message["type"] == "websocket.send":
            self._settle()

    def _settle(self) -> None:
        if not self._is_settled:
            self._is_settled = True
            self._forget_handshake()

    def _forget_handshake(self) -> None:
        """Who is told something was let in. What it came with is some kilobytes, the used ticket among them,
        and a socket lives for hours."""
        self.request.headers.clear()
        self.response.headers.clear()
        cast("list[tuple[bytes, bytes]]", self.scope["headers"]).clear()

    def send_receive_event_to_app(self) -> None:
        is_text = self.curr_msg_data_type == "text" and not self.close_sent
        if is_text and not _is_utf_8(b"".join(self.frames)):
            # uvicorn would say the same, and log the client's fault as one of ours, with its stack.
            self.logger.info("a client's text was not UTF-8: closed with 1007")
            self.conn.send_close(CloseCode.INVALID_DATA)
            self.handle_parser_exception()
            return
        super().send_receive_event_to_app()

    async def run_asgi(self) -> None:
        cast("dict[str, Any]", self.scope["extensions"])[WRITE] = self.write
        await super().run_asgi()
        if not self.disconnected:
            self._lingering = self.loop.call_later(LINGER_SECONDS, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._lingering is not None:
            self._lingering.cancel()
        super().connection_lost(exc)


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _head(length: int) -> bytes:
    """Of a whole text message from a server: a length beyond 125 is written apart (RFC 6455, section 5.2)."""
    if length < _IN_TWO_BYTES:
        return bytes((_TEXT, length))
    if length < 1 << 16:
        return struct.pack("!BBH", _TEXT, _IN_TWO_BYTES, length)
    return struct.pack("!BBQ", _TEXT, _IN_EIGHT_BYTES, length)
