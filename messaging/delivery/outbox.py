"""One socket's outgoing frames: written at once while the client takes them; else bounded, in order, by a task."""

import asyncio
from collections.abc import Awaitable, Callable

from portal.sockets import Write

Send = Callable[[dict[str, object]], Awaitable[None]]

MOST_FRAMES = 256
MOST_BYTES = 1024 * 1024
SLOWEST_SEND_SECONDS = 10.0


class SlowConsumer(Exception):  # what the client is, not what we did
    """The client does not take what it is sent: beyond 256 frames, 1 MiB, or ten seconds for one."""


class Outbox:
    """Frames wait here until the client takes them; an idle one holds no task and no queue.

    Where the server offers `write`, a frame goes by it while nothing waits, and is never queued.
    `put` refuses beyond the bounds; a reader of long histories waits for `room` before it reads on,
    so that only a client that really does not take anything is called slow. `fail` is called at most
    once, with SlowConsumer or with what the transport raised; nothing is written after that.
    """

    __slots__ = (
        *("_bytes", "_fail", "_frames", "_is_over", "_patience"),
        *("_room", "_send", "_write", "_writer"),
    )

    def __init__(
        self,
        send: Send,
        *,
        fail: Callable[[Exception], None],
        write: Write | None = None,
        patience: float | None = None,
    ) -> None:
        self._send = send
        self._write = write
        self._fail = fail
        self._patience = SLOWEST_SEND_SECONDS if patience is None else patience
        self._frames: list[bytes] = []
        self._bytes = 0
        self._is_over = False
        self._writer: asyncio.Task[None] | None = None
        self._room: asyncio.Future[None] | None = None

    def put(self, frame: bytes) -> None:
        """Write one frame, now or behind what waits. Raises SlowConsumer where it does not fit."""
        if self._is_over:
            return
        if self._writer is None and self._write is not None and self._write(frame):
            return
        size = len(frame)
        if len(self._frames) >= MOST_FRAMES or self._bytes + size > max(MOST_BYTES, size):
            raise SlowConsumer
        self._frames.append(frame)
        self._bytes += size
        if self._writer is None:
            self._writer = asyncio.get_running_loop().create_task(self._write_on())

    async def room(self) -> None:
        """Wait until at most a quarter is queued."""
        while self._is_crowded():
            if self._room is None:
                self._room = asyncio.get_running_loop().create_future()
            # Several streams wait for the same room: one that is given up must not end the others' wait.
            await asyncio.shield(self._room)

    async def flushed(self) -> None:
        """Wait until everything was handed to the transport."""
        while self._writer is not None:
            await asyncio.wait({self._writer})

    def stop(self) -> None:
        """Write nothing any more."""
        self._is_over = True
        self._frames.clear()
        if self._writer is not None:
            self._writer.cancel()

    def _is_crowded(self) -> bool:
        return len(self._frames) > MOST_FRAMES // 4 or self._bytes > MOST_BYTES // 4

    async def _write_on(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._frames:
                frame = self._frames[0]
                too_slow = loop.call_later(self._patience, self._give_up)
                try:
                    await self._send({"type": "websocket.send", "text": frame.decode()})
                finally:
                    too_slow.cancel()
                self._taken(len(frame))
        except (OSError, RuntimeError) as problem:
            self._is_over = True
            self._fail(problem)
        finally:
            self._writer = None

    def _taken(self, size: int) -> None:
        if self._frames:
            del self._frames[0]
            self._bytes -= size
        if self._room is not None and not self._is_crowded():
            self._room.set_result(None)
            self._room = None

    def _give_up(self) -> None:
        self.stop()
        self._fail(SlowConsumer())
