"""`python -m benchmarks.screen`: p50 and p99 from a message's commit to its socket, ours against the floor.

The server under test has core 0 to itself; PostgreSQL, Valkey, writer and clients share the rest. Ours and the floor
take turns in each repetition; compare ratios of one run alone. One JSON line a measurement, then a table.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack, ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import uvloop

from benchmarks.processes import OTHER_CORE, free_port, running
from benchmarks.screen.clients import Clients
from benchmarks.screen.world import World, running_world, tickets
from portal.local.web import socket_options

WAYS = ("floor", "portal")
_SETTLE_SECONDS = 2.0
_PATIENCE_SECONDS = 10.0


@dataclass(frozen=True)
class Measured:
    """One way at one rate: latencies in milliseconds, the server's CPU in microseconds a message."""

    way: str
    rate: float
    committed: int
    arrived: int
    twice: int
    p50_ms: float
    p99_ms: float
    last_fifth_p50_ms: float
    server_cpu_us: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.screen", description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--rates", default="1,50,200", help="messages a second")
    parser.add_argument("--seconds", type=float, default=15, help="for each rate")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--ways", default=",".join(WAYS))
    options = parser.parse_args()
    if (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, set(range(OTHER_CORE, os.cpu_count() or 1)))
    found: list[Measured] = []
    with tempfile.TemporaryDirectory(prefix="portal-benchmark-") as name, ExitStack() as stack:
        folder = Path(name)
        _say("starting servers and making customers ...")
        world = stack.enter_context(running_world(folder, customers=options.clients))
        world.save(folder / "world.json")
        for _ in range(options.repetitions):
            for rate in map(float, options.rates.split(",")):
                for way in options.ways.split(","):
                    _say(f"{way} at {rate:g} a second for {options.seconds:g} s ...")
                    measured = uvloop.run(_measure(way, world, folder, rate, options.seconds))
                    found.append(measured)
                    sys.stdout.write(orjson.dumps(asdict(measured)).decode() + "\n")
                    sys.stdout.flush()
    sys.stdout.write(_table(found))
    return 0 if all(each.arrived == each.committed and not each.twice for each in found) else 1


async def _measure(way: str, world: World, folder: Path, rate: float, seconds: float) -> Measured:
    port = free_port()
    async with AsyncExitStack() as stack:
        program = stack.enter_context(
            running(
                _server(way, folder, port),
                log=folder / f"{way}.log",
                port=port,
                environ=os.environ,
            )
        )
        clients = Clients()
        stack.push_async_callback(clients.close)
        if way == "portal":
            await clients.to_portal(world, port, tickets(world))
        else:
            await clients.to_floor(world, port)
        await asyncio.sleep(_SETTLE_SECONDS)
        before = program.cpu_seconds()
        committed = await _write(folder, rate, seconds)
        for _ in range(int(_PATIENCE_SECONDS / 0.1)):
            if len(clients.arrived) >= len(committed):
                break
            await asyncio.sleep(0.1)
        spent = program.cpu_seconds() - before
    return _measured(way, rate, committed, clients, spent)


def _measured(
    way: str, rate: float, committed: dict[int, int], clients: Clients, spent: float
) -> Measured:
    numbers = sorted(set(committed) & set(clients.arrived))
    late = [(clients.arrived[each] - committed[each]) / 1e6 for each in numbers]
    return Measured(
        way=way,
        rate=rate,
        committed=len(committed),
        arrived=len(clients.arrived),
        twice=clients.twice,
        p50_ms=round(_quantile(late, 0.5), 2),
        p99_ms=round(_quantile(late, 0.99), 2),
        # Where a queue grows, what was said last waited longest.
        last_fifth_p50_ms=round(_quantile(late[-max(1, len(late) // 5) :], 0.5), 2),
        server_cpu_us=round(spent / max(1, len(late)) * 1e6),
    )


def _server(way: str, folder: Path, port: int) -> list[str]:
    if way == "floor":
        world = str(folder / "world.json")
        return [sys.executable, "-m", "benchmarks.screen.floor", world, str(port)]
    return [
        *(sys.executable, "-m", "uvicorn", "portal.asgi:application", "--host", "127.0.0.1"),
        *("--port", str(port), *socket_options(), "--no-access-log"),
        *("--log-level", "warning"),
    ]


async def _write(folder: Path, rate: float, seconds: float) -> dict[int, int]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.screen.writer", str(folder / "world.json")),
        *(str(rate), str(seconds)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _nothing = await process.communicate()
    if process.returncode:
        raise RuntimeError("the writer failed")
    return dict(orjson.loads(said))


def _quantile(values: list[float], share: float) -> float:
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _table(found: list[Measured]) -> str:
    """Medians of the repetitions, and ours as a multiple of the floor's."""
    lines = [
        "",
        "rate  way     p50 ms  p99 ms  last fifth  CPU us  lost  p50 as multiple of the floor",
    ]
    for rate in sorted({each.rate for each in found}):
        floor = _median(found, "floor", rate)
        for way in WAYS:
            mine = _median(found, way, rate)
            if mine is None:
                continue
            ratio = f"{mine.p50_ms / floor.p50_ms:.2f}" if floor else "-"
            lost = mine.committed - mine.arrived
            lines.append(
                f"{rate:<6g}{way:<8}{mine.p50_ms:>6.2f}{mine.p99_ms:>8.2f}"
                f"{mine.last_fifth_p50_ms:>12.2f}{mine.server_cpu_us:>8.0f}{lost:>6}  {ratio}"
            )
    return "\n".join(lines) + "\n"


def _median(found: list[Measured], way: str, rate: float) -> Measured | None:
    mine = [each for each in found if (each.way, each.rate) == (way, rate)]
    if not mine:
        return None
    middle = statistics.median_low([each.p50_ms for each in mine])
    return next(each for each in mine if each.p50_ms == middle)


def _say(words: str) -> None:
    sys.stderr.write(f"{words}\n")


if __name__ == "__main__":
    sys.exit(main())
