"""The customers' sockets: what came, and when, on the monotonic clock."""

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.screen.world import World

_NUMBER = re.compile(r"\((\d+)\)")
_TOGETHER = 20


class Clients:
    """One socket a customer. `arrived` maps a message's number to when it came (ns), `twice` counts repeats."""

    def __init__(self) -> None:
        self.arrived: dict[int, int] = {}
        self.twice = 0
        self._open = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    async def to_portal(self, world: World, port: int, tickets: Sequence[str]) -> None:
        """Connect as the chat does: ticket, hello, sub."""
        host = "chat.portal.localhost:8000"
        pairs = list(zip(world.listeners, tickets, strict=True))

        async def join(stream: str, ticket: str) -> None:
            socket = await self._open.enter_async_context(
                connect(
                    f"ws://{host}/v1/ws",
                    host="127.0.0.1",
                    port=port,
                    subprotocols=["portal.v1.json", f"portal.t.{ticket}"],  # type: ignore[list-item]
                    origin=f"http://{host}",  # type: ignore[arg-type]
                    compression=None,
                )
            )
            await socket.send(orjson.dumps({"t": "hello", "client": "benchmark"}).decode())
            await self._until(socket, "ready")
            await socket.send(orjson.dumps({"t": "sub", "stream": stream, "seq": 0}).decode())
            await self._until(socket, "synced", "reset")
            self._tasks.append(asyncio.create_task(self._listen(socket)))

        for first in range(0, len(pairs), _TOGETHER):
            some = pairs[first : first + _TOGETHER]
            await asyncio.gather(*(join(each.stream, ticket) for each, ticket in some))

    async def to_floor(self, world: World, port: int) -> None:
        """Connect to the floor: the conversation's id is the address."""
        for first in range(0, len(world.listeners), _TOGETHER):
            await asyncio.gather(
                *(
                    self.follow(
                        connect(f"ws://127.0.0.1:{port}/{each.conversation_id}", compression=None)
                    )
                    for each in world.listeners[first : first + _TOGETHER]
                )
            )

    async def follow(self, connecting: connect) -> None:
        """Hear what an open socket is sent from now on."""
        socket = await self._open.enter_async_context(connecting)
        self._tasks.append(asyncio.create_task(self._listen(socket)))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await self._open.aclose()

    async def _until(self, socket: ClientConnection, *names: str) -> None:
        while True:
            said = orjson.loads(await socket.recv())
            if said["t"] in names:
                return

    async def _listen(self, socket: ClientConnection) -> None:
        async for said in socket:
            self.take(str(said))

    def take(self, said: str) -> None:
        """Note a message by its number."""
        now = time.monotonic_ns()
        found = _NUMBER.search(said)
        if found is None:
            return
        number = int(found.group(1))
        self.twice += number in self.arrived
        self.arrived.setdefault(number, now)
