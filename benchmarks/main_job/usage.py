"""What each process takes of the machine, as the kernel counts it: memory at most, and processor time."""

import asyncio
import json
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
_TICK = os.sysconf("SC_CLK_TCK")
_EVERY_SECONDS = 1.0


@dataclass(frozen=True)
class _Process:
    """One line of the kernel's table. `begun` tells it from a later one with the same number."""

    pid: int
    parent: int
    begun: str
    cpu_seconds: float


class Usage:
    """Looks once a second at every process that the supervisor started, and at their children."""

    def __init__(self, run: Path) -> None:
        self.peak_mb: dict[str, int] = {}
        self.cpu_seconds: dict[str, float] = {}
        self._before: dict[str, float] = {}
        self._run = run
        self._cpu: dict[str, dict[tuple[int, str], float]] = defaultdict(dict)

    async def watch(self) -> None:
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(_EVERY_SECONDS)

    def look(self) -> None:
        """Note what is taken now."""
        processes = _processes()
        leaders = pids(self._run)
        families = _families(processes, set(leaders.values()))
        for name, pid in leaders.items():
            family = families.get(pid, [])
            held = round(_held_mb([each.pid for each in family]))
            self.peak_mb[name] = max(self.peak_mb.get(name, 0), held)
            for each in family:
                self._cpu[name][each.pid, each.begun] = each.cpu_seconds

    def begin(self) -> None:
        """What was taken before is not counted."""
        self.look()
        self._before = self._so_far()

    def end(self) -> None:
        """Processor time since the beginning, of those too that have ended since."""
        self.look()
        taken = self._so_far()
        self.cpu_seconds = {
            name: round(taken[name] - self._before.get(name, 0.0), 1) for name in sorted(taken)
        }

    def _so_far(self) -> dict[str, float]:
        return {name: sum(taken.values()) for name, taken in self._cpu.items()}


def pids(run: Path) -> dict[str, int]:
    """The processes by name, as docs/running.md describes the folder."""
    found = {}
    for path in run.glob("*.json"):
        try:
            found[path.stem] = int(json.loads(path.read_text())["pid"])
        except (OSError, ValueError, KeyError):
            continue
    return found


def children(pid: int) -> list[int]:
    """The processes that this one started, in the order of their numbers."""
    return sorted(each.pid for each in _processes().values() if each.parent == pid)


def _processes() -> dict[int, _Process]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            pid, cpu = int(path.parent.name), (int(fields[11]) + int(fields[12])) / _TICK
            found[pid] = _Process(pid, int(fields[1]), fields[19], cpu)
        except (OSError, ValueError, IndexError):
            continue
    return found


def _families(processes: dict[int, _Process], leaders: set[int]) -> dict[int, list[_Process]]:
    found: dict[int, list[_Process]] = defaultdict(list)
    for each in processes.values():
        above = each.pid
        while above in processes and above not in leaders:
            above = processes[above].parent
        if above in leaders:
            found[above].append(each)
    return found


def _held_mb(family: list[int]) -> float:
    """What each holds alone, and once what they share: PostgreSQL's buffers are not counted thirty times."""
    alone = shared = 0
    for pid in family:
        try:
            resident, common = map(int, Path(f"/proc/{pid}/statm").read_text().split()[1:3])
        except (OSError, ValueError):
            continue
        alone += resident - common
        shared = max(shared, common)
    return (alone + shared) * _PAGE_MB
