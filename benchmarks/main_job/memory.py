"""How much memory each process takes at most, as the kernel counts it."""

import asyncio
import json
from pathlib import Path

_PAGE_MB = 4096 / 1024 / 1024
_EVERY_SECONDS = 1.0


class Memory:
    """Looks once a second at every process that the supervisor started, and at their children."""

    def __init__(self, run: Path) -> None:
        self.peak_mb: dict[str, int] = {}
        self._run = run

    async def watch(self) -> None:
        while True:
            for name, megabytes in (await asyncio.to_thread(self._look)).items():
                self.peak_mb[name] = max(self.peak_mb.get(name, 0), round(megabytes))
            await asyncio.sleep(_EVERY_SECONDS)

    def _look(self) -> dict[str, float]:
        leaders = pids(self._run)
        family = _families(set(leaders.values()))
        return {name: _held_mb(family.get(pid, [])) for name, pid in leaders.items()}


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
    return sorted(each for each, parent in _parents().items() if parent == pid)


def _parents() -> dict[int, int]:
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
    return found


def _families(leaders: set[int]) -> dict[int, list[int]]:
    parents = _parents()
    found: dict[int, list[int]] = {}
    for pid in parents:
        above = pid
        while above in parents and above not in leaders:
            above = parents[above]
        if above in leaders:
            found.setdefault(above, []).append(pid)
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
