"""`python -m benchmarks.sockets`: CPU of the server for one message to one of N sockets, and memory an idle socket.

The message is one that is in no log (somebody writes), so that the socket layers alone are compared: Valkey to
socket, without a database. What open sockets cost while nothing is said (pings; ours are asked every fifteen seconds
whether they may still listen, and told) is measured before, as long, and not counted as a message's. Ours and plain
Channels take turns; compare ratios of one run alone.
"""

import argparse
import asyncio
import os
import random
import re
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import uvloop
from redis import asyncio as aioredis
from websockets.asyncio.client import connect

from benchmarks.processes import OTHER_CORE, Program, free_port, running
from benchmarks.screen.clients import Clients
from benchmarks.screen.world import World, running_world, tickets
from portal.local.web import socket_options

WAYS = ("channels", "portal")
TEXT = "Your card ending 4242 was used for 18.20 EUR at a shop you have not visited before."
_STAMP = re.compile(r"@(\d{19})")
_SETTLE_SECONDS = 3.0
_TOGETHER = 20
_BEAT_SECONDS = 15.0


@dataclass(frozen=True)
class Measured:
    """One way: the server's CPU in microseconds a message, KB a socket, latency in milliseconds.

    `idle_cpu_ms`: what all sockets cost in a second in which nothing is said.
    """

    way: str
    sockets: int
    sent: int
    arrived: int
    cpu_us: float
    idle_cpu_ms: float
    kb_a_socket: float
    p50_ms: float
    p99_ms: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sockets", description=__doc__)
    parser.add_argument("--sockets", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=400, help="messages a second")
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, set(range(OTHER_CORE, os.cpu_count() or 1)))
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="portal-benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        sys.stderr.write("starting servers and making customers ...\n")
        world = stack.enter_context(running_world(folder, customers=options.sockets))
        for _ in range(options.repetitions):
            for way in WAYS:
                sys.stderr.write(f"{way}: {options.sockets} sockets ...\n")
                measured = uvloop.run(_measure(way, world, folder, options.rate, options.seconds))
                found.append(measured)
                sys.stdout.write(orjson.dumps(asdict(measured)).decode() + "\n")
                sys.stdout.flush()
    sys.stdout.write(_table(found))
    return 0 if all(each.arrived == each.sent for each in found) else 1


class Sockets(Clients):
    """Notes when each stamped message came instead of its number."""

    def __init__(self) -> None:
        super().__init__()
        self.late_ms: list[float] = []

    def take(self, said: str) -> None:
        found = _STAMP.search(said)
        if found is not None:
            self.late_ms.append((time.monotonic_ns() - int(found.group(1))) / 1e6)

    async def to_channels(self, world: World, port: int) -> None:
        for first in range(0, len(world.listeners), _TOGETHER):
            await asyncio.gather(
                *(
                    self.follow(
                        connect(f"ws://127.0.0.1:{port}/ws/{each.customer_id}", compression=None)
                    )
                    for each in world.listeners[first : first + _TOGETHER]
                )
            )


async def _measure(way: str, world: World, folder: Path, rate: float, seconds: float) -> Measured:
    port = free_port()
    async with AsyncExitStack() as stack:
        environ = {**os.environ, "BENCHMARK_VALKEY_URL": world.valkey_url}
        application = (
            "portal.asgi:application"
            if way == "portal"
            else "benchmarks.sockets.plain_channels:application"
        )
        wire = socket_options() if way == "portal" else ["--ws", "websockets-sansio"]
        command = [
            *(sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1"),
            *("--port", str(port), *wire, "--log-level", "warning"),
        ]
        log = folder / f"{way}.log"
        program = stack.enter_context(running(command, log=log, port=port, environ=environ))
        sockets = Sockets()
        stack.push_async_callback(sockets.close)
        await _warmed(way, world, port)
        before_kb = program.anonymous_kb()
        if way == "portal":
            await sockets.to_portal(world, port, tickets(world))
        else:
            await sockets.to_channels(world, port)
        await asyncio.sleep(_SETTLE_SECONDS)
        grown_kb = program.anonymous_kb() - before_kb
        idle = await _idle(program, seconds)
        before = program.cpu_seconds()
        began = time.monotonic()
        sent = await _send(way, world, rate, seconds)
        for _ in range(50):
            if len(sockets.late_ms) >= sent:
                break
            await asyncio.sleep(0.1)
        spent = program.cpu_seconds() - before - idle * (time.monotonic() - began)
    late = sorted(sockets.late_ms)
    return Measured(
        way=way,
        sockets=len(world.listeners),
        sent=sent,
        arrived=len(late),
        cpu_us=round(spent / max(1, len(late)) * 1e6, 1),
        idle_cpu_ms=round(idle * 1000, 1),
        kb_a_socket=round(grown_kb / len(world.listeners), 1),
        p50_ms=round(late[len(late) // 2], 2),
        p99_ms=round(late[int(len(late) * 0.99)], 2),
    )


async def _idle(program: Program, seconds: float) -> float:
    """CPU seconds a second while nothing is said; over whole rounds of beats."""
    rounds = max(1, round(seconds / _BEAT_SECONDS))
    before, began = program.cpu_seconds(), time.monotonic()
    await asyncio.sleep(rounds * _BEAT_SECONDS)
    return (program.cpu_seconds() - before) / (time.monotonic() - began)


async def _warmed(way: str, world: World, port: int) -> None:
    """One socket first: what the process loads once is not a socket's."""
    first = World(world.bank_id, world.listeners[:1], world.runtime_url, world.valkey_url)
    warm = Sockets()
    if way == "portal":
        await warm.to_portal(first, port, tickets(first))
    else:
        await warm.to_channels(first, port)
    await warm.close()
    await asyncio.sleep(0.5)


async def _send(way: str, world: World, rate: float, seconds: float) -> int:
    valkey = aioredis.Redis.from_url(world.valkey_url)
    layer = _layer(world) if way == "channels" else None
    began, sent = time.monotonic(), 0
    while (now := time.monotonic()) - began < seconds:
        while sent < (now - began) * rate:
            listener = random.choice(world.listeners)  # noqa: S311  # whose turn it is
            data = {"name": f"{TEXT} @{time.monotonic_ns():019d}"}
            if layer is not None:
                await layer.group_send(listener.customer_id, {"type": "told", "data": data})
            else:
                said = {
                    "bank": world.bank_id,
                    "stream": listener.stream,
                    "type": "typing",
                    "data": data,
                    "from": None,
                }
                await valkey.publish("portal:ephemeral", orjson.dumps(said))
            sent += 1
        await asyncio.sleep(0.0005)
    await valkey.aclose()
    return sent


def _layer(world: World) -> Any:
    from channels_redis.pubsub import RedisPubSubChannelLayer  # noqa: PLC0415  # the baseline's alone

    return RedisPubSubChannelLayer(hosts=[{"address": world.valkey_url, "socket_timeout": None}])


def _table(found: list[Measured]) -> str:
    lines = ["", "way        CPU us a message  idle CPU ms/s  KB a socket  p50 ms  p99 ms  lost"]
    middle: dict[str, tuple[float, float]] = {}
    for way in WAYS:
        mine = [each for each in found if each.way == way]
        cpu = statistics.median(each.cpu_us for each in mine)
        idle = statistics.median(each.idle_cpu_ms for each in mine)
        memory = statistics.median(each.kb_a_socket for each in mine)
        middle[way] = cpu, memory
        p50 = statistics.median(each.p50_ms for each in mine)
        p99 = statistics.median(each.p99_ms for each in mine)
        lost = sum(each.sent - each.arrived for each in mine)
        lines.append(
            f"{way:<11}{cpu:>16.1f}{idle:>15.1f}{memory:>13.1f}{p50:>8.2f}{p99:>8.2f}{lost:>6}"
        )
    ratio = middle["channels"][0] / middle["portal"][0]
    lines.append(
        f"CPU a direct message: {ratio:.1f} times less than plain Channels + pub/sub layer"
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
