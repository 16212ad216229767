"""Trouble on order, the same for the same seed: processes killed with -9, and banks that misbehave."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.main_job.bank import Bank
from benchmarks.main_job.usage import children, pids

# Not before anything happens, and not when all is over.
_FROM, _UNTIL = 0.05, 0.95
_SECONDS_A_KILL = 40.0
_RETURN_PATIENCE = 90.0
# Of processes with children, the kernel kills one of those as often as the parent.
_WITH_CHILDREN = {"worker", "postgres"}
_SHORTEST_WINDOW, _LONGEST_WINDOW = 2.0, 8.0
_SHARE = 0.3


@dataclass(frozen=True)
class Kill:
    """When, in seconds after the beginning, and whom; a child of it where it has some."""

    at: float
    process: str
    is_child: bool = False


def kills(processes: Sequence[str], *, seed: int, seconds: float) -> list[Kill]:
    """Each process at least once, at random moments; more where there is time."""
    dice = random.Random(f"{seed}/kills")  # noqa: S311  # to be repeatable
    more = int(seconds / _SECONDS_A_KILL) if processes else 0
    named = [*processes, *(dice.choice(processes) for _ in range(more))]
    moments = sorted(dice.uniform(_FROM, _UNTIL) * seconds for _ in named)
    dice.shuffle(named)
    met: set[str] = set()
    planned = []
    for at, name in zip(moments, named, strict=True):
        # The process itself first, so that it is killed in every run.
        is_child = name in met and name in _WITH_CHILDREN and dice.random() < 0.5
        met.add(name)
        planned.append(Kill(at, name, is_child))
    return planned


class Killer:
    """Carries the kills out, and looks whether everybody is back."""

    def __init__(self, processes: Sequence[str], *, seed: int, seconds: float) -> None:
        self.done: Counter[str] = Counter()
        self._planned = kills(processes, seed=seed, seconds=seconds)
        self._killed: dict[str, int] = {}

    async def run(self, folder: Path) -> None:
        began = time.monotonic()
        for each in self._planned:
            await asyncio.sleep(max(0.0, began + each.at - time.monotonic()))
            await self._kill(each, folder)

    async def _kill(self, kill: Kill, folder: Path) -> None:
        """One that is being replaced just now is killed when it is back."""
        give_up = time.monotonic() + _RETURN_PATIENCE
        while time.monotonic() < give_up:
            pid = pids(folder).get(kill.process)
            if pid is not None and pid != self._killed.get(kill.process) and is_alive(pid):
                below = children(pid) if kill.is_child else []
                with suppress(ProcessLookupError):
                    os.kill(below[len(below) // 2] if below else pid, signal.SIGKILL)
                    self.done[kill.process] += 1
                if not below:
                    self._killed[kill.process] = pid
                return
            await asyncio.sleep(0.1)

    def not_healed(self, folder: Path) -> list[str]:
        """Killed processes that nobody has started again."""
        now = pids(folder)
        return sorted(
            name
            for name, killed in self._killed.items()
            if now.get(name) in {None, killed} or not is_alive(now[name])
        )


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (OSError, IndexError):
        return False


@dataclass(frozen=True)
class Window:
    """For so many seconds a bank has these faults."""

    seconds: float
    names: tuple[str, ...]
    faults: Mapping[str, Any]


def windows(names: Sequence[str], *, seed: str, seconds: float) -> list[Window]:
    """Each fault once as the first of a window, with some of the others beside it."""
    if not names:
        return []
    dice = random.Random(f"{seed}/faults")  # noqa: S311  # to be repeatable
    length = min(max(seconds / len(names), _SHORTEST_WINDOW), _LONGEST_WINDOW)
    firsts = list(names)
    dice.shuffle(firsts)
    planned = []
    for first in firsts:
        beside = [each for each in names if each != first and dice.random() < 0.25]
        chosen = (first, *beside)
        if {"429", "500"} <= set(chosen):
            # A bank has one status for what it refuses.
            chosen = tuple(each for each in chosen if each == first or each not in {"429", "500"})
        faults: dict[str, Any] = {}
        for each in chosen:
            faults |= _fault(each, dice)
        planned.append(Window(length * dice.uniform(0.7, 1.3), chosen, faults))
    return planned


def _fault(name: str, dice: random.Random) -> dict[str, Any]:
    orders: dict[str, dict[str, Any]] = {
        "slow": {"latency_ms": dice.randrange(200, 1500)},
        "429": {"error_rate": _SHARE, "status": 429, "retry_after_seconds": dice.randrange(1, 4)},
        "500": {"error_rate": _SHARE, "status": 500},
        "drop": {"drop_responses": _SHARE},
        "malformed": {"malformed": _SHARE},
        "duplicate": {"duplicate_notifications": True},
        "reorder": {"reorder_notifications": True},
        "silent": {"silent": True},
        "renumber": {"renumber": True},
        "mutate": {"mutate": _SHARE},
        "hang": {"hang": True},
    }
    return orders[name]


class Misbehaviour:
    """Orders the faults, window after window, each bank its own, until everything has happened."""

    def __init__(self, names: Sequence[str], *, seed: int, seconds: float) -> None:
        self.done: Counter[str] = Counter()
        self._names = names
        self._seed = seed
        self._seconds = seconds

    async def run(self, banks: Mapping[str, Bank], *, until: asyncio.Event) -> None:
        if self._names:
            await asyncio.gather(*(self._at(bank, until) for bank in banks.values()))

    async def _at(self, bank: Bank, until: asyncio.Event) -> None:
        round_ = 0
        try:
            # At least one whole round: each fault is on once.
            while not round_ or not until.is_set():
                round_ += 1
                seed = f"{self._seed}/{bank.slug}/{round_}"
                for each in windows(self._names, seed=seed, seconds=self._seconds):
                    if round_ > 1 and until.is_set():
                        break
                    await bank.misbehave(each.faults)
                    self.done.update(each.names)
                    await asyncio.sleep(each.seconds)
        finally:
            await bank.misbehave({})
