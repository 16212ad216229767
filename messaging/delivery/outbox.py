"""One socket's outgoing frames: bounded, in order, written by one task."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

Send = Callable[[dict[str, object]], Awaitable[None]]

MOST_FRAMES = 256
MOST_BYTES = 1024 * 1024
SLOWEST_SEND_SECONDS = 10.0


class SlowConsumer(Exception):  # what the client is, not what we did
    """The client does not take what it is sent: beyond 256 frames, 1 MiB, or ten seconds for one."""


class Outbox:
    """Frames wait here until the client takes them.

    `put` refuses beyond the bounds; a reader of long histories waits for `room` before it reads on,
    so that only a client that really does not take anything is called slow.
    """

    def __init__(self, send: Send, *, patience: float | None = None) -> None:
        self._send = send
        self._patience = SLOWEST_SEND_SECONDS if patience is None else patience
        self._frames: deque[str] = deque()
        self._bytes = 0
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._nothing = asyncio.Event()
        self._nothing.set()

    def put(self, text: str) -> None:
        """Queue one frame. Raises SlowConsumer where it does not fit."""
        size = len(text.encode())
        if len(self._frames) >= MOST_FRAMES or self._bytes + size > max(MOST_BYTES, size):
            raise SlowConsumer
        self._frames.append(text)
        self._bytes += size
        self._something.set()
        self._nothing.clear()
        if len(self._frames) > MOST_FRAMES // 4 or self._bytes > MOST_BYTES // 4:
            self._room.clear()

    async def room(self) -> None:
        """Wait until at most a quarter is queued."""
        await self._room.wait()

    async def flushed(self) -> None:
        """Wait until everything was handed to the transport."""
        await self._nothing.wait()

    async def write(self) -> None:
        """Send what is queued, for ever. Raises SlowConsumer when one frame takes too long."""
        while True:
            await self._something.wait()
            while self._frames:
                text = self._frames[0]
                try:
                    async with asyncio.timeout(self._patience):
                        await self._send({"type": "websocket.send", "text": text})
                except TimeoutError:
                    raise SlowConsumer from None
                self._frames.popleft()
                self._bytes -= len(text.encode())
                if len(self._frames) <= MOST_FRAMES // 4 and self._bytes <= MOST_BYTES // 4:
                    self._room.set()
            self._something.clear()
            self._nothing.set()
