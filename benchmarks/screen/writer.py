"""Commits messages at a rate, and pokes after each commit: the same rows for every server under test.

    python -m benchmarks.screen.writer WORLD RATE SECONDS

Writes what `messaging/conversations/actions.py: post_bank_text` writes, as plain SQL: what is measured begins
at the commit. At the end one JSON line: when each message was committed, on the monotonic clock (ns).
"""

import asyncio
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import orjson
import psycopg
import uvloop
from redis import asyncio as aioredis

from benchmarks.screen.world import World
from portal.tenancy.ids import new_id

CONNECTIONS = 6
TEXT = "Thank you for asking. Your new card is on its way and should be with you by Thursday. (%d)"
_HEAD = "UPDATE messaging_stream SET head = head + 1 WHERE bank_id = %s AND name = %s RETURNING head, customer_id"
_MESSAGE = """
    INSERT INTO messaging_message (bank_id, id, conversation_id, customer_id, seq, rev, kind, author, text,
        template, account_ids, about_revision, state, created_at, changed_at)
    VALUES (%s, %s, %s, %s, %s, 1, 'text', 'bank', %s, '', '[]', 0, '', %s, %s)
"""
_EVENT = """
    INSERT INTO messaging_streamevent (bank_id, id, customer_id, stream, seq, kind, message_id, data, at)
    VALUES (%s, %s, %s, %s, %s, 'message.created', %s, '{}', %s)
"""


class Writer:
    def __init__(self, world: World) -> None:
        self.world = world
        self.bank = UUID(world.bank_id)
        self.valkey = aioredis.Redis.from_url(world.valkey_url)
        self.committed: dict[int, int] = {}
        self.numbers: asyncio.Queue[int | None] = asyncio.Queue()

    async def run(self, rate: float, seconds: float) -> None:
        workers = [asyncio.create_task(self._work()) for _ in range(CONNECTIONS)]
        began, sent = time.monotonic(), 0
        while (now := time.monotonic()) - began < seconds:
            while sent < (now - began) * rate:
                self.numbers.put_nowait(sent)
                sent += 1
            await asyncio.sleep(0.0005 if rate > 10 else 0.01)
        for _ in workers:
            self.numbers.put_nowait(None)
        await asyncio.gather(*workers)
        await self.valkey.aclose()

    async def _work(self) -> None:
        async with await psycopg.AsyncConnection.connect(self.world.runtime_url) as connection:
            while (number := await self.numbers.get()) is not None:
                await self._say(connection, number)

    async def _say(self, connection: psycopg.AsyncConnection, number: int) -> None:
        listener = random.choice(self.world.listeners)  # noqa: S311  # whose turn it is
        at, message_id = datetime.now(UTC), new_id()
        async with connection.transaction():
            await connection.execute(
                f"SET LOCAL portal.bank_id = '{self.bank}'; SET LOCAL portal.reach = 'bank'"
            )
            cursor = await connection.execute(_HEAD, [self.bank, listener.stream])
            row = await cursor.fetchone()
            if row is None:
                raise RuntimeError("the stream is gone")
            head, customer_id = row
            said = TEXT % number
            conversation = UUID(listener.conversation_id)
            values = [self.bank, message_id, conversation, customer_id, head, said, at, at]
            await connection.execute(_MESSAGE, values)
            event = [self.bank, new_id(), customer_id, listener.stream, head, message_id, at]
            await connection.execute(_EVENT, event)
        self.committed[number] = time.monotonic_ns()
        await self.valkey.publish("portal:streams", f"{self.bank} {listener.stream} {head}")


async def main() -> None:
    writer = Writer(World.load(Path(sys.argv[1])))
    await writer.run(float(sys.argv[2]), float(sys.argv[3]))
    sys.stdout.write(orjson.dumps(sorted(writer.committed.items())).decode() + "\n")


if __name__ == "__main__":
    uvloop.run(main())
