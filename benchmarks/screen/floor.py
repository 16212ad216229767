"""The floor: a bare asyncio server that, on a poke, reads what comes after its last number and sends it.

    python -m benchmarks.screen.floor WORLD PORT

No Django, no sessions, no gate, no limits: one connection to PostgreSQL, one query for all conversations that
were poked since the last one, under the same row policies. Clients open /<conversation id>.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import psycopg
import uvloop
from redis import asyncio as aioredis
from websockets.asyncio.server import ServerConnection, serve

from benchmarks.screen.world import World

_READ = """
    SELECT e.stream, e.seq, e.id, e.kind, e.at, m.id, m.kind, m.author, m.text, m.rev, m.created_at
    FROM unnest(%s::text[], %s::bigint[]) AS wanted (stream, after)
    JOIN messaging_streamevent e ON e.bank_id = %s AND e.stream = wanted.stream AND e.seq > wanted.after
    LEFT JOIN messaging_message m ON m.bank_id = e.bank_id AND m.id = e.message_id
    ORDER BY e.stream, e.seq
"""


class Floor:
    def __init__(self, world: World) -> None:
        self.world = world
        self.bank = UUID(world.bank_id)
        self.sockets: dict[str, ServerConnection] = {}
        self.last: dict[str, int] = {}
        self.poked: set[str] = set()
        self.something = asyncio.Event()

    async def run(self, port: int) -> None:
        async with serve(self._socket, "127.0.0.1", port, compression=None):
            await asyncio.gather(self._listen(), self._read())

    async def _socket(self, socket: ServerConnection) -> None:
        stream = f"conv:{socket.request.path.strip('/')}" if socket.request else ""
        self.sockets[stream] = socket
        await socket.wait_closed()
        self.sockets.pop(stream, None)

    async def _listen(self) -> None:
        pubsub = aioredis.Redis.from_url(self.world.valkey_url, socket_timeout=None).pubsub()
        await pubsub.subscribe("portal:streams")
        async for said in pubsub.listen():
            if said["type"] == "message":
                self.poked.add(said["data"].decode().split(" ")[1])
                self.something.set()

    async def _read(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self.world.runtime_url, autocommit=True
        ) as connection:
            await connection.execute(
                f"SET portal.bank_id = '{self.bank}'; SET portal.reach = 'bank'"
            )
            heads = await connection.execute("SELECT name, head FROM messaging_stream")
            self.last = dict(await heads.fetchall())
            while True:
                await self.something.wait()
                self.something.clear()
                streams, self.poked = list(self.poked), set()
                after = [self.last.get(each, 0) for each in streams]
                rows = await connection.execute(
                    _READ, [streams, after, self.bank], prepare=True, binary=True
                )
                for row in await rows.fetchall():
                    await self._send(row)

    async def _send(self, row: tuple[Any, ...]) -> None:
        stream, seq, event_id, kind, at, message_id, message_kind, author, text, rev, created = row
        self.last[stream] = seq
        socket = self.sockets.get(stream)
        if socket is None:
            return
        message = {
            "id": message_id, "kind": message_kind, "author": author, "text": text, "rev": rev,
            "created_at": created,
        }  # fmt: skip
        event = {"stream": stream, "seq": seq, "id": event_id, "type": kind, "ts": at}
        await socket.send(orjson.dumps({"t": "event", **event, "data": message}).decode())


if __name__ == "__main__":
    uvloop.run(Floor(World.load(Path(sys.argv[1]))).run(int(sys.argv[2])))
