"""The socket's door: one connection, its ticket, its frames, its place in each stream.

A plain ASGI application: no thread hop before a handler, no channel of its own, and no database
connection between reads (docs/socket.md).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from accounts.signin.tickets import TicketsUnavailable
from messaging.delivery import frames
from messaging.delivery.frames import BadFrame, Close, error, frame, read_frame
from messaging.delivery.hub import Hub, running_hub
from messaging.delivery.outbox import Outbox, SlowConsumer
from messaging.delivery.reading import Beat, NotNow, Read, StreamKey
from messaging.delivery.seats import CustomerSeat, ProgramSeat, Seat
from portal.outbox.pokes import poke
from portal.rest.problems import Problem
from portal.sockets import WRITE, Write
from portal.telemetry.measures import EVENT_TO_SCREEN, SOCKETS, SOCKETS_CLOSED
from portal.telemetry.traces import span

logger = logging.getLogger(__name__)

Message = dict[str, Any]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# By the first label of the host.
SEATS: tuple[type[Seat], ...] = (CustomerSeat, ProgramSeat)
PROTOCOL = "portal.v1.json"
TICKET_PREFIX = "portal.t."
HELLO_SECONDS = 5.0
MOST_BAD_FRAMES = 5
FRAMES_PER_SECOND = 20.0
BURST = 40.0
LAST_WORDS_SECONDS = 1.0
DRAIN_SECONDS = 5


class Ended(Exception):  # the connection's end, not a fault
    """The connection is over; `code` None where the client has left."""

    def __init__(self, code: Close | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@dataclass(eq=False, slots=True)
class Following:
    """A socket's place in one stream: everything up to `seq` has been queued for it."""

    stream: str
    key: StreamKey
    seq: int
    epoch: str | None
    # The highest number that a poke or a beat spoke of.
    wanted: int = 0
    # A `sub` that has not been answered yet; nothing is said of a stream before it once was.
    asked: bool = True
    found: bool = False
    # Of the poke that woke it.
    trace: str = ""
    # Whose it is, once that is known.
    customer_id: UUID | None = None
    task: asyncio.Task[None] | None = None


@dataclass(slots=True)
class Allowance:
    """Twenty frames a second, with a burst that a reconnecting client needs."""

    left: float = BURST
    at: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        now = time.monotonic()
        self.left = min(BURST, self.left + (now - self.at) * FRAMES_PER_SECOND) - 1
        self.at = now
        return self.left >= 0


async def socket(scope: Scope, receive: Receive, send: Send) -> None:
    """`/v1/ws`: on the chat host for customers, on the API's for programs. Whatever is wrong is said by a
    close code after accepting, so that browsers can read it."""
    if (await receive())["type"] != "websocket.connect":
        return
    kind = _kind_of_seat(scope)
    if kind is None or PROTOCOL not in scope.get("subprotocols", []):
        await send({"type": "websocket.close"})
        return
    await send({"type": "websocket.accept", "subprotocol": PROTOCOL})
    hub = await running_hub()
    try:
        seat = await _admitted(hub, kind, scope)
    except Ended as end:
        await _close(send, end)
        return
    write = scope.get("extensions", {}).get(WRITE)
    await Connection(hub, seat, receive, send, write).serve()


async def refuse(_scope: Scope, receive: Receive, send: Send) -> None:
    """There is no socket at this address: 403 before anything is accepted."""
    await receive()
    await send({"type": "websocket.close"})


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _kind_of_seat(scope: Scope) -> type[Seat] | None:
    """Whose socket this host has; None where it has none."""
    for kind in SEATS:
        if [each.partition(":")[0].lower() for each in _headers(scope, b"host")] == [
            f"{kind.door}.{settings.PORTAL_BASE_HOST}"
        ]:
            return kind
    return None


async def _admitted(hub: Hub, kind: type[Seat], scope: Scope) -> Seat:
    """Whom the ticket admits. Raises Ended."""
    if not kind.is_welcome(_headers(scope, b"origin")):
        raise Ended(Close.BAD_ORIGIN, "this origin may not listen here")
    given = [each for each in scope["subprotocols"] if each.startswith(TICKET_PREFIX)]
    if len(given) != 1:
        raise Ended(Close.AUTH_FAILED, "a ticket is needed")
    return await _holder(hub, kind, given[0].removeprefix(TICKET_PREFIX))


async def _holder(hub: Hub, kind: type[Seat], ticket: str) -> Seat:
    try:
        seat = await hub.run(kind.admit, ticket)
    except (TicketsUnavailable, DatabaseError) as reason:
        raise Ended(Close.RATE_LIMITED, "tickets cannot be read just now") from reason
    if seat is None:
        raise Ended(Close.TICKET_EXPIRED, "the ticket is used or expired")
    return seat


async def _close(send: Send, end: Ended) -> None:
    if end.code is None:
        return
    try:
        async with asyncio.timeout(LAST_WORDS_SECONDS):
            await send({"type": "websocket.close", "code": int(end.code), "reason": end.reason})
    except (TimeoutError, OSError, RuntimeError):
        # It takes nothing any more: the server drops the connection when we return.
        return


class Connection:
    """One open socket. The hub speaks to it by methods that return at once.

    An idle one costs one task, the server's own, which waits for the client's next frame.
    """

    __slots__ = (
        *("seat", "_hub", "_receive", "_send", "_outbox", "_following", "_allowance"),
        *("_bad_frames", "_end", "_task", "__weakref__"),
    )

    def __init__(
        self, hub: Hub, seat: Seat, receive: Receive, send: Send, write: Write | None
    ) -> None:
        self.seat = seat
        self._hub = hub
        self._receive = receive
        self._send = send
        self._outbox = Outbox(send, write=write, fail=self._not_taken)
        self._following: dict[StreamKey, Following] = {}
        self._allowance = Allowance()
        self._bad_frames = 0
        self._end: Ended | None = None
        self._task = asyncio.current_task()

    async def serve(self) -> None:
        """Until the client leaves, or is asked to."""
        SOCKETS.inc()
        try:
            end = await self._heard_out()
            if end.code in {Close.DRAIN, Close.RATE_LIMITED, Close.BAD_FRAMES}:
                await self._last_words()
            await _close(self._send, end)
        finally:
            SOCKETS.dec()
            code = None if self._end is None else self._end.code
            SOCKETS_CLOSED.labels("left" if code is None else str(int(code))).inc()
            self._hub.leave(self)
            self._outbox.stop()
            pumps = [each.task for each in self._following.values() if each.task is not None]
            for task in pumps:
                task.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _heard_out(self) -> Ended:
        """Hear the client until one of us ends it."""
        try:
            await self._hear_client()
            # `end` may have asked this task to stop just as it did: let that come here, and no further.
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            # Ours, from `end`; or the server's, which wants this task to stop.
            if self._end is None or self._task is None or self._task.uncancel():
                raise
        return self._end or Ended(None)

    async def _last_words(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await self._outbox.flushed()
        except TimeoutError:
            return

    def end(self, code: Close | None, reason: str = "") -> None:
        if self._end is None:
            self._end = Ended(code, reason)
            if self._task is not None and self._task is not asyncio.current_task():
                self._task.cancel()

    def _put(self, said: bytes) -> None:
        try:
            self._outbox.put(said)
        except SlowConsumer:
            self.end(Close.SLOW_CONSUMER, "too much is waiting for you")

    def _not_taken(self, problem: Exception) -> None:
        if isinstance(problem, SlowConsumer):
            self.end(Close.SLOW_CONSUMER, "you take too long")
        else:
            self.end(None)

    # --- what the hub says ----------------------------------------------------------------------
    def follows(self) -> frozenset[StreamKey]:
        return frozenset(self._following)

    def concerns(self, bank_id: UUID, customer_id: UUID) -> bool:
        """Whether it shows anything of that customer's."""
        if self.seat.customer_id is not None:
            return self.seat.customer_id == customer_id
        followed = self._following.items()
        return any((key.bank_id, it.customer_id) == (bank_id, customer_id) for key, it in followed)

    def wake(self, key: StreamKey, head: int, trace: str = "") -> None:
        """There may be something after our place: read it, as a step of that trace."""
        following = self._following.get(key)
        if following is None or (head <= following.seq and not following.asked):
            return
        following.wanted = max(following.wanted, head)
        following.trace = trace
        if following.task is None:
            following.task = asyncio.create_task(self._pump(following))

    def beat(self, told: Beat) -> None:
        if self.seat.credential not in told.live:
            self.end(Close.SESSION_ENDED, "the session has ended")
            return
        if any(key.bank_id in told.suspended for key in self._following):
            self.end(Close.SESSION_ENDED, "a bank is suspended")
            return
        followed = self._following.items()
        heads = {
            it.stream: told.heads[key] for key, it in followed if it.found and key in told.heads
        }
        self._put(frame("hb", ts=_now(), heads=heads))
        for key, following in followed:
            if key in told.over:
                self.wake(key, following.seq + 1)
            elif following.asked or told.heads.get(key, 0) > following.seq:
                self.wake(key, told.heads.get(key, 0))

    def hear(self, key: StreamKey, kind: str, data: dict[str, object]) -> None:
        following = self._following.get(key)
        if following is not None and following.found:
            self._put(frame("eph", stream=following.stream, type=kind, data=data))

    def drain(self) -> None:
        self._put(frame("drain", retry_after=DRAIN_SECONDS))
        self.end(Close.DRAIN, "come back with a new ticket")

    # --- what the client says -------------------------------------------------------------------
    async def _hear_client(self) -> None:
        try:
            async with asyncio.timeout(HELLO_SECONDS):
                await self._greeted()
            while self._end is None:
                await self._take(await self._next_frame())
        except TimeoutError:
            self.end(Close.BAD_FRAMES, "hello was expected")
        except Ended as end:
            self.end(end.code, end.reason)
        except Exception:
            logger.exception("a socket's frame could not be handled")
            self.end(Close.RATE_LIMITED, "something went wrong on our side")

    async def _greeted(self) -> None:
        while not isinstance(await self._next_frame(), frames.Hello):
            self._bad_frame("hello comes first")
        # Whoever has read `ready` is one of those that the hub knows.
        self._hub.join(self)
        self._put(
            frame(
                "ready",
                session=str(self.seat.name),
                hb_s=settings.REALTIME_HEARTBEAT.total_seconds(),
                max_frame=frames.LARGEST_FRAME,
            )
        )
        if self._hub.draining:
            self.drain()

    async def _next_frame(self) -> frames.Frame:
        """The next frame that is one. Raises Ended."""
        while True:
            said = await self._receive()
            if said["type"] == "websocket.disconnect":
                raise Ended(None)
            text = said.get("text")
            raw = text.encode() if isinstance(text, str) else said.get("bytes") or b""
            if len(raw) > frames.LARGEST_FRAME:
                raise Ended(Close.FRAME_TOO_LARGE, f"at most {frames.LARGEST_FRAME} bytes")
            self._spend_allowance()
            try:
                return read_frame(text if isinstance(text, str) else "")
            except BadFrame as reason:
                self._bad_frame(str(reason))

    def _spend_allowance(self) -> None:
        if not self._allowance.take():
            detail = f"at most {FRAMES_PER_SECOND:.0f} frames a second"
            self._put(error("rate_limited", detail, temporary=True, retry_after=2))
            raise Ended(Close.RATE_LIMITED, detail)

    def _bad_frame(self, detail: str) -> None:
        self._bad_frames += 1
        self._put(error("bad_frame", detail))
        if self._bad_frames >= MOST_BAD_FRAMES:
            raise Ended(Close.BAD_FRAMES, "too many bad frames")

    async def _take(self, said: frames.Frame) -> None:
        match said:
            case frames.Sub():
                self._subscribe(said)
            case frames.Unsub(stream):
                self._unsubscribe(stream)
                self._put(frame("ok", re="unsub"))
            case frames.Ack():
                await self._acknowledge(said)
            case frames.Typing(stream):
                self._typing(stream)
            case frames.Auth(ticket):
                await self._renew(ticket)
            case frames.Ping():
                self._put(frame("pong"))
            case frames.Hello():
                self._bad_frame("hello comes once")

    def _subscribe(self, said: frames.Sub) -> None:
        key = self.seat.key_of(said.stream, said.consent)
        if key is None:
            self._put(_no_such_stream())
            return
        held = self._following.get(key)
        if held is None and len(self._following) >= self.seat.most_streams:
            most = self.seat.most_streams
            self._put(error("too_many_streams", f"at most {most} streams a socket"))
            return
        if held is not None and held.task is not None:
            held.task.cancel()
        self._following[key] = Following(said.stream, key, said.seq, said.epoch)
        # Before the first read, so that no poke falls between the two.
        self._hub.follow(self, key)
        self.wake(key, said.seq)

    def _unsubscribe(self, stream: str) -> None:
        key = self.seat.key_of(stream, None)
        following = None if key is None else self._following.get(key)
        if following is not None:
            if following.task is not None:
                following.task.cancel()
            self._forget(following)

    def _forget(self, following: Following) -> None:
        self._following.pop(following.key, None)
        self._hub.unfollow(self, following.key)

    async def _acknowledge(self, said: frames.Ack) -> None:
        following = self._found(said.stream)
        if following is None:
            return
        try:
            await self._hub.run(
                self.seat.acknowledge, following.key, delivered=said.delivered, read=said.read
            )
        except (Problem, DatabaseError, LookupError):
            self._put(error("unavailable", "the mark was not kept", temporary=True, retry_after=5))
            return
        self._put(frame("ok", re="ack"))

    def _found(self, stream: str) -> Following | None:
        """Our place in a stream that we follow; says so where there is none."""
        key = self.seat.key_of(stream, None)
        following = None if key is None else self._following.get(key)
        if following is not None and following.found:
            return following
        self._put(error("not_subscribed", "sub to this stream first"))
        return None

    def _typing(self, stream: str) -> None:
        if not self.seat.types:
            self._bad_frame("programs do not type")
            return
        following = self._found(stream)
        if following is not None:
            sender = self.seat.customer_id
            say_typing(following.key.bank_id, stream, name="", sender=sender, hub=self._hub)

    async def _renew(self, ticket: str) -> None:
        newer = await _holder(self._hub, type(self.seat), ticket)
        renewed = self.seat.renewed_by(newer)
        if renewed is None:
            raise Ended(Close.AUTH_FAILED, "the ticket is somebody else's")
        self.seat = renewed
        self._put(frame("ok", re="auth"))

    # --- what the streams say -------------------------------------------------------------------
    async def _pump(self, following: Following) -> None:
        """Read and queue until our place is the head; a client that takes nothing is not read for."""
        try:
            while await self._advance(following):
                pass
        except Exception:
            logger.exception("a stream could not be read")
            self._put(error("unavailable", "asked again soon", temporary=True, retry_after=5))
            following.asked = True
        finally:
            if following.task is asyncio.current_task():
                following.task = None

    async def _advance(self, following: Following) -> bool:
        """One read; whether there may be more."""
        await self._outbox.room()
        wanted = following.wanted
        try:
            with span("show a stream", trace=following.trace):
                read = await self._hub.run(
                    self.seat.read, following.key, following.seq, following.epoch
                )
        except NotNow as reason:
            self._put(error(reason.code, str(reason), temporary=True, retry_after=60))
            self._forget(following)
            return False
        if read is None:
            self._put(_no_such_stream())
            self._forget(following)
            return False
        self._show(following, read)
        if following.seq < read.head:
            return True
        if following.asked:
            following.asked = False
            if read.snapshot is None:
                self._put(_synced(following, read))
        if read.is_over:
            self._forget(following)
            return False
        # What was spoken of while we read may have come after what we read.
        return following.wanted > max(wanted, following.seq)

    def _show(self, following: Following, read: Read) -> None:
        following.epoch = read.epoch
        following.found = True
        following.customer_id = read.customer_id
        if read.snapshot is not None:
            following.seq = read.head
            place = {"stream": following.stream, "epoch": read.epoch, "head": read.head}
            self._put(frame("reset", **place, snapshot=read.snapshot))
        for event in read.events:
            self._put(frame("event", **event))
            following.seq = event["seq"]
            if not following.asked:
                late = timezone.now() - datetime.fromisoformat(event["ts"])
                EVENT_TO_SCREEN.observe(max(0.0, late.total_seconds()))


def say_typing(
    bank_id: UUID, stream: str, *, name: str, sender: UUID | None = None, hub: Hub | None = None
) -> None:
    """Tell whoever else follows the stream that somebody writes. `sender` is a customer, or None for the bank.

    With a hub it is said from its threads, since Valkey is a network away.
    """
    said = {
        "bank": str(bank_id),
        "stream": stream,
        "type": "typing",
        "data": {"name": name},
        "from": str(sender) if sender else None,
    }
    text = orjson.dumps(said).decode()
    if hub is None:
        poke("ephemeral", text)
    else:
        hub.spawn(hub.run(poke, "ephemeral", text))


def _no_such_stream() -> bytes:
    return error("no_such_stream", "there is no such stream here")


def _synced(following: Following, read: Read) -> bytes:
    return frame(
        "synced",
        stream=following.stream,
        epoch=read.epoch,
        head=following.seq,
        recovered=True,
    )


def _now() -> str:
    return timezone.now().isoformat().replace("+00:00", "Z")
