"""One hub a process: one subscription to Valkey, handed on to the sockets that this process holds.

A poke only says "read the log after your last number". It may be lost; the beat, which carries the
heads of the streams, heals that. No socket has a channel of its own.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from types import FrameType
from typing import Any, ParamSpec, Protocol, TypeVar
from uuid import UUID

import orjson
import redis
from django.conf import settings

from messaging.delivery.listening import subscribed_to
from messaging.delivery.reading import Beat, StreamKey, beat_of, in_thread
from messaging.delivery.seats import Seat
from portal.outbox.pokes import CHANNEL_PREFIX

logger = logging.getLogger(__name__)

STREAMS, SESSIONS, EPHEMERAL = (
    (CHANNEL_PREFIX + name).encode() for name in ("streams", "sessions", "ephemeral")
)
READERS = 4
_AGAIN_SECONDS = (0.1, 0.5, 1, 2, 5)
_DRAIN_SECONDS = 2.0
_BEATS_AT_ONCE = 25

P = ParamSpec("P")
T = TypeVar("T")


# Few banks are spoken of all the time.
_bank_id = lru_cache(maxsize=1024)(UUID)


class Listener(Protocol):
    """A socket, as the hub knows it. Every method returns at once."""

    @property
    def seat(self) -> Seat: ...
    def follows(self) -> frozenset[StreamKey]: ...
    def concerns(self, bank_id: UUID, customer_id: UUID) -> bool: ...
    def wake(self, key: StreamKey, head: int, trace: str = "") -> None: ...
    def beat(self, told: Beat) -> None: ...
    def hear(self, key: StreamKey, kind: str, data: dict[str, object]) -> None: ...
    def drain(self) -> None: ...


class Hub:
    """Who listens to what in this process, and the tasks that keep them told."""

    def __init__(self) -> None:
        self.listeners: set[Listener] = set()
        self.draining = False
        self._tasks: list[asyncio.Task[None]] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="socket-reader")
        self._of_stream: dict[StreamKey, set[Listener]] = {}
        self._heard: dict[bytes, Callable[[bytes], None]] = {
            STREAMS: self._poked,
            SESSIONS: self._sessions_changed,
            EPHEMERAL: self._ephemeral,
        }
        self._nobody = asyncio.Event()
        self._nobody.set()
        self._heartbeat = settings.REALTIME_HEARTBEAT.total_seconds()

    async def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._listen(), name="hub-listen"),
            asyncio.create_task(self._beats(), name="hub-beats"),
        ]
        self._drain_before_stopping()

    async def stop(self) -> None:
        """Tell everyone to come back elsewhere, then end."""
        await self.drain()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._readers.shutdown(wait=False, cancel_futures=True)

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call what reads the database in one of a few threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, lambda: in_thread(call)(*args, **kwargs))

    # --- who listens ----------------------------------------------------------------------------
    def join(self, listener: Listener) -> None:
        self.listeners.add(listener)
        self._nobody.clear()

    def leave(self, listener: Listener) -> None:
        self.listeners.discard(listener)
        for key in listener.follows():
            self.unfollow(listener, key)
        if not self.listeners:
            self._nobody.set()

    def follow(self, listener: Listener, key: StreamKey) -> None:
        self._of_stream.setdefault(key, set()).add(listener)

    def unfollow(self, listener: Listener, key: StreamKey) -> None:
        followers = self._of_stream.get(key, set())
        followers.discard(listener)
        if not followers:
            self._of_stream.pop(key, None)

    # --- pokes ----------------------------------------------------------------------------------
    async def _listen(self) -> None:
        failures = 0
        while True:
            try:
                async with subscribed_to(
                    settings.VALKEY_URL, tuple(self._heard), self._hear
                ) as subscription:
                    failures = 0
                    # What was said while we were away is asked for now, not at the next beat.
                    await self._beat_all()
                    await subscription.ended
            except (redis.RedisError, OSError) as problem:
                logger.warning("pokes cannot be heard: %s", type(problem).__name__)
            await asyncio.sleep(_AGAIN_SECONDS[min(failures, len(_AGAIN_SECONDS) - 1)])
            failures += 1

    def _hear(self, channel: bytes, said: bytes) -> None:
        try:
            self._heard[channel](said)
        except (KeyError, ValueError, TypeError) as problem:
            logger.warning("a poke that says nothing: %s", type(problem).__name__)

    def _poked(self, said: bytes) -> None:
        bank, stream, head, *trace = said.decode().split(" ")
        key = StreamKey(_bank_id(bank), stream)
        for listener in tuple(self._of_stream.get(key, ())):
            listener.wake(key, int(head), "".join(trace))

    def _sessions_changed(self, said: bytes) -> None:
        bank, customer = (UUID(each) for each in said.decode().split(" "))
        theirs = {each for each in self.listeners if each.concerns(bank, customer)}
        if theirs:
            self.spawn(self._beat(theirs))

    def _ephemeral(self, said: bytes) -> None:
        read = orjson.loads(said)
        key = StreamKey(_bank_id(read["bank"]), read["stream"])
        sender = read.get("from")
        for listener in tuple(self._of_stream.get(key, ())):
            if sender is None or str(listener.seat.customer_id) != sender:
                listener.hear(key, read["type"], read["data"])

    # --- beats ----------------------------------------------------------------------------------
    async def _beats(self) -> None:
        while True:
            await asyncio.sleep(self._heartbeat)
            await self._beat_all()

    async def _beat_all(self) -> None:
        # A bank's customers together; and programs, which hear of several banks, among themselves.
        of_bank: dict[UUID | None, set[Listener]] = {}
        for listener in self.listeners:
            of_bank.setdefault(listener.seat.bank_id, set()).add(listener)
        for listeners in of_bank.values():
            await self._beat(listeners)

    async def _beat(self, listeners: set[Listener]) -> None:
        credentials = {each.seat.credential for each in listeners}
        keys = {key for each in listeners for key in each.follows()}
        try:
            told = await self.run(beat_of, credentials, keys)
        except Exception:
            # The database is away: nothing is claimed, and the next beat asks again.
            logger.exception("a beat could not be read")
            return
        for place, listener in enumerate(listeners, 1):
            # One that renewed its session meanwhile was asked about the old one.
            if listener in self.listeners and listener.seat.credential in credentials:
                listener.beat(told)
            if not place % _BEATS_AT_ONCE:
                # What is to be said to others does not wait for a thousand beats.
                await asyncio.sleep(0)

    def spawn(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(doing)
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)

    # --- the end --------------------------------------------------------------------------------
    async def drain(self) -> None:
        """Ask every socket to come back with a new ticket, and wait a moment until they have left."""
        self.draining = True
        for listener in tuple(self.listeners):
            listener.drain()
        try:
            async with asyncio.timeout(_DRAIN_SECONDS):
                await self._nobody.wait()
        except TimeoutError:
            logger.warning("%d sockets did not leave in time", len(self.listeners))

    def _drain_before_stopping(self) -> None:
        """Drain at SIGTERM, before the server's own handler cuts the sockets off."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._draining(loop, signal.getsignal(number)))

    def _draining(
        self, loop: asyncio.AbstractEventLoop, then: "signal._HANDLER"
    ) -> Callable[[int, FrameType | None], None]:
        async def drain(number: int, frame: FrameType | None) -> None:
            await self.drain()
            _pass_on(then, number, frame)

        def asked(number: int, frame: FrameType | None) -> None:
            if self.draining:
                _pass_on(then, number, frame)
            else:
                self.draining = True
                loop.call_soon_threadsafe(lambda: self.spawn(drain(number, frame)))

        return asked


def _pass_on(handler: "signal._HANDLER", number: int, frame: FrameType | None) -> None:
    if callable(handler):
        handler(number, frame)


_running: dict[asyncio.AbstractEventLoop, Hub] = {}


def running_hubs() -> dict[asyncio.AbstractEventLoop, Hub]:
    return dict(_running)


async def running_hub() -> Hub:
    """This process's hub, started with the first socket where the server did not say that it starts."""
    loop = asyncio.get_running_loop()
    if loop not in _running:
        _running[loop] = Hub()
        await _running[loop].start()
    return _running[loop]


async def lifespan(
    _scope: object,
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """The server's start and end (ASGI's lifespan protocol): the hub lives in between."""
    await receive()
    hub = await running_hub()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await hub.stop()
    _running.pop(asyncio.get_running_loop(), None)
    await send({"type": "lifespan.shutdown.complete"})
