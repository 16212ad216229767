"""A subscription to Valkey, heard below redis-py: each message as its bytes come in, without a task to wake.

redis-py opens the connection, whatever its address asks for (TLS, a password, a unix socket). Once it stands, its
transport speaks to us: redis-py's own `listen` costs more than all else that is done for a message.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import hiredis
import redis
from redis import asyncio as aioredis

_CONNECT_SECONDS = 2.0

# With the channel and what was said.
Hear = Callable[[bytes, bytes], None]


class Subscription(asyncio.Protocol):
    """What Valkey says on a connection that is ours. `subscribed` once it has said yes to every channel;
    `ended`, with the reason, when nothing more will come."""

    def __init__(
        self, transport: asyncio.Transport, channels: Sequence[bytes], hear: Hear
    ) -> None:
        loop = asyncio.get_running_loop()
        self.subscribed: asyncio.Future[None] = loop.create_future()
        self.ended: asyncio.Future[None] = loop.create_future()
        self._transport = transport
        self._hear = hear
        self._unanswered = len(channels)
        self._reader = hiredis.Reader()
        transport.set_protocol(self)
        said = hiredis.pack_command((b"SUBSCRIBE", *channels))  # type: ignore[arg-type]  # its stub knows one word only
        transport.write(said)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (said := self._reader.gets()) is not False:
            self._take(said)

    def _take(self, said: Any) -> None:
        match said:
            case [b"message", channel, text]:
                self._hear(channel, text)
            case [b"subscribe", _, _]:
                self._unanswered -= 1
                if not self._unanswered and not self.subscribed.done():
                    self.subscribed.set_result(None)
            case hiredis.ReplyError():
                self._end(redis.ResponseError(str(said)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(redis.ConnectionError(f"the subscription is cut: {exc}"))

    def _end(self, problem: redis.RedisError) -> None:
        self._transport.abort()
        for awaited in (self.subscribed, self.ended):
            if not awaited.done():
                awaited.set_exception(problem)
                # Whoever asks still gets it; nobody has to.
                awaited.exception()


@asynccontextmanager
async def subscribed_to(
    url: str, channels: Sequence[bytes], hear: Hear
) -> AsyncIterator[Subscription]:
    """A subscription that Valkey has said yes to, closed at the end. Raises RedisError or OSError."""
    pool = aioredis.ConnectionPool.from_url(
        url, socket_timeout=None, socket_connect_timeout=_CONNECT_SECONDS, protocol=2
    )
    connection = pool.connection_class(**pool.connection_kwargs)
    try:
        await connection.connect()  # type: ignore[no-untyped-call]  # redis-py's
        # Nothing was asked that is not answered: what comes from here on is ours.
        writer: Any = connection._writer  # noqa: SLF001  # redis-py has no door to it
        async with asyncio.timeout(_CONNECT_SECONDS):
            subscription = Subscription(writer.transport, channels, hear)
            await subscription.subscribed
        yield subscription
    finally:
        # The stream that it opened will never hear of the end.
        await connection.disconnect(nowait=True)
