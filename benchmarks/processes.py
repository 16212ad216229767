"""Programs under test: pinned to a core, measured from outside, ended by their own number."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTED_CORE, OTHER_CORE = 0, 1
_PATIENCE_SECONDS = 60
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Program:
    """A running program: `cpu_seconds` and `anonymous_kb` are its own, without children."""

    process: subprocess.Popen[bytes]

    def cpu_seconds(self) -> float:
        """User and system time so far (proc(5), /proc/pid/stat)."""
        fields = self._read("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def anonymous_kb(self) -> int:
        """Memory of its own, in KB (proc(5), /proc/pid/smaps_rollup)."""
        lines = self._read("smaps_rollup").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))

    def _read(self, name: str) -> str:
        return Path(f"/proc/{self.process.pid}/{name}").read_text(encoding="ascii")


@contextmanager
def running(
    command: Sequence[str], *, log: Path, port: int, environ: Mapping[str, str]
) -> Iterator[Program]:
    """Start a server on the tested core, wait for its port, and stop it at the end."""
    pinned = ["taskset", "-c", str(TESTED_CORE), *command] if os.cpu_count() != 1 else command
    with log.open("ab") as out:
        process = subprocess.Popen(list(pinned), stdout=out, stderr=out, env=dict(environ))
    try:
        _wait_for(port, process, log)
        yield Program(process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"it ended: {log.read_text(errors='replace')[-2000:]}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("it did not listen in time")
