"""A customer's socket, by docs/socket.md: ticket, hello, sub; apply the next number, drop lower, ask on a gap."""

import asyncio
import json
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from benchmarks.main_job.network import GaveUp
from benchmarks.main_job.records import Body, Card, Money

if TYPE_CHECKING:
    from benchmarks.main_job.customer import Customer

_CARDS = {"alert", "fraud_alert"}
_PAUSES = (0.1, 0.3, 1.0, 2.0)
_SILENCE_SECONDS = 40.0  # two and a half beats
_RENEW_SECONDS = 400.0
_STOP = {4001, 4003, 4008, 4009}


class Listener:
    """Keeps one socket open, through whatever is killed, and every card that came over it."""

    def __init__(self, customer: "Customer") -> None:
        self.cards: list[Card] = []
        self.counts: Counter[str] = Counter()
        self.is_following = asyncio.Event()
        self.stopped_by: str = ""
        self._customer = customer
        self._places: dict[str, dict[str, Any]] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        streams = self._customer.session["streams"]
        self._places = {each: {"seq": 0, "epoch": None} for each in streams}
        self._task = asyncio.create_task(self._listen(), name=f"socket {self._customer.name}")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen(self) -> None:
        failures = 0
        while not self.stopped_by:
            try:
                async with await self._open() as socket:
                    await self._follow(socket)
            except (WebSocketException, OSError, TimeoutError, GaveUp, httpx.HTTPError) as ended:
                self.counts["reconnected"] += 1
                failures = self._after(ended, failures)
            self.is_following.clear()
            await asyncio.sleep(_PAUSES[min(failures, len(_PAUSES) - 1)])

    def _after(self, ended: Exception, failures: int) -> int:
        """How many failures in a row this makes: a socket that worked before begins anew."""
        received = getattr(ended, "rcvd", None)
        if received is not None and received.code in _STOP:
            self.stopped_by = f"{received.code} {received.reason}"
        return 0 if self.is_following.is_set() else failures + 1

    async def _open(self) -> connect:
        ticket = await self._customer.ticket()
        chat = httpx.URL(self._customer.chat)
        return connect(
            f"ws://{chat.netloc.decode()}/v1/ws",
            host="127.0.0.1",
            port=chat.port,
            origin=self._customer.chat,  # type: ignore[arg-type]  # websockets' own string type
            subprotocols=["portal.v1.json", f"portal.t.{ticket}"],  # type: ignore[list-item]  # as above
            compression=None,
            proxy=None,
            max_size=None,
            ping_interval=None,
        )

    async def _follow(self, socket: ClientConnection) -> None:
        await self._say(socket, "hello", client="main-job/1")
        opened = time.monotonic()
        while True:
            async with asyncio.timeout(_SILENCE_SECONDS):
                said = json.loads(await socket.recv())
            received_at = time.time()
            await self._take(socket, said, received_at)
            if time.monotonic() - opened > _RENEW_SECONDS:
                await self._customer.renew()
                await self._say(socket, "auth", ticket=await self._customer.ticket())
                opened = time.monotonic()

    async def _say(self, socket: ClientConnection, name: str, **said: Any) -> None:
        await socket.send(json.dumps({"t": name, **said}))

    async def _subscribe(self, socket: ClientConnection, stream: str) -> None:
        place = self._places[stream]
        known = {"epoch": place["epoch"]} if place["epoch"] else {}
        await self._say(socket, "sub", stream=stream, seq=place["seq"], **known)

    async def _take(self, socket: ClientConnection, said: Body, at: float) -> None:
        kind = said["t"]
        self.counts[kind] += 1
        if kind == "ready":
            for stream in self._places:
                await self._subscribe(socket, stream)
        elif kind == "event":
            await self._event(socket, said, at)
        elif kind == "synced":
            self._places[said["stream"]]["epoch"] = said["epoch"]
            self.is_following.set()
        elif kind == "reset":
            await self._reset(said, at)

    async def _event(self, socket: ClientConnection, said: Body, at: float) -> None:
        place = self._places[said["stream"]]
        if said["seq"] <= place["seq"]:
            self.counts["repeated"] += 1
            return
        if said["seq"] > place["seq"] + 1:
            self.counts["gaps"] += 1
            await self._subscribe(socket, said["stream"])
            return
        place["seq"], place["epoch"] = said["seq"], said["epoch"]
        if said["type"] == "message.created":
            self._keep(said["data"], at)

    async def _reset(self, said: Body, at: float) -> None:
        """Too far behind: what came since our place is read over REST, up to the snapshot's own."""
        place = self._places[said["stream"]]
        if said["stream"].startswith("conv:"):
            for message in await self._customer.messages(after=place["seq"]):
                if message["seq"] <= said["head"]:
                    self._keep(message, at)
        place["seq"], place["epoch"] = said["head"], said["epoch"]
        self.is_following.set()

    def _keep(self, message: Body, at: float) -> None:
        if message["kind"] in _CARDS:
            card = message["card"]
            about = card["transaction"]
            self.cards.append(
                Card(
                    message=message["id"],
                    seq=message["seq"],
                    alert_type=card["alert_type"],
                    row=about["id"] if about else "",
                    money=Money.read(about["amount"]) if about else None,
                    received_at=at,
                )
            )
