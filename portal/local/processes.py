"""Processes known by more than a number: started, recognised after a crash, stopped for good."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, Self

from portal.local.serveruser import ServerUser

MARK = "PORTAL_SUPERVISED"
"""Every process of ours carries this variable; its value is the state folder it belongs to."""

_PROC = Path("/proc")
_FIELDS_AFTER_NAME = 20


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same number."""

    pid: int
    started: str
    command: str

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this number now; None when there is none or it is a zombie."""
        found = _from_proc(pid) if _PROC.joinpath("self", "stat").exists() else _from_ps(pid)
        return cls(pid, *found) if found else None

    def alive(self) -> bool:
        now = Identity.of(self.pid)
        return now is not None and now.started == self.started

    def save(self, path: Path) -> None:
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(self)), encoding="utf-8")
        draft.replace(path)

    @classmethod
    def load(cls, path: Path) -> Self | None:
        """What a pid file says, alive or not; None when there is no file that can be read."""
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(stored["pid"]), str(stored["started"]), str(stored["command"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _from_proc(pid: int) -> tuple[str, str] | None:
    try:
        stat = _PROC.joinpath(str(pid), "stat").read_text(encoding="utf-8", errors="replace")
        command = _PROC.joinpath(str(pid), "cmdline").read_bytes()
        boot = _PROC.joinpath("sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    if len(fields) < _FIELDS_AFTER_NAME or fields[0] in "ZX":
        return None
    return f"{boot}:{fields[19]}", command.replace(b"\0", b" ").decode(errors="replace").strip()


def _from_ps(pid: int) -> tuple[str, str] | None:
    answer = subprocess.run(  # noqa: S603
        ["ps", "-o", "stat=,lstart=,command=", "-p", str(pid)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    words = answer.stdout.split()
    if answer.returncode or not words or words[0].startswith("Z"):
        return None
    return " ".join(words[1:6]), " ".join(words[6:])


class Running(Protocol):
    """A process that we watch, whether we started it or found it."""

    @property
    def pid(self) -> int: ...
    def alive(self) -> bool: ...
    def exit_code(self) -> int | None: ...


class Started:
    """Our own child."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen
        self.pid = popen.pid

    def alive(self) -> bool:
        return self._popen.poll() is None

    def exit_code(self) -> int | None:
        return self._popen.poll()

    def wait(self, seconds: float) -> None:
        """Wait for its end, but no longer than this."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)


# Held so that a server may outlive the object that started it; the ended are reaped at each start.
_children: list[subprocess.Popen[bytes]] = []


class Adopted:
    """A process that an earlier run left and that is still good."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self.pid = identity.pid

    def alive(self) -> bool:
        return self._identity.alive()

    def exit_code(self) -> int | None:
        return None


def start(
    command: Sequence[str],
    *,
    log: Path,
    pid_file: Path,
    state: Path,
    environ: Mapping[str, str],
    user: ServerUser | None = None,
    cwd: Path | None = None,
) -> Started:
    """Start a process as the leader of its own session, its output appended to `log`."""
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as out:
        popen = subprocess.Popen(  # noqa: S603
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**environ, MARK: str(state)},
            cwd=cwd or Path("/"),
            start_new_session=True,
            umask=0o077,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    identity = Identity.of(popen.pid)
    if identity is not None:
        identity.save(pid_file)
    reap()
    _children.append(popen)
    return Started(popen)


def reap() -> None:
    """Take note of those of our children that have ended."""
    _children[:] = [child for child in _children if child.poll() is None]


def tell(running: Running, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, number)


def gone_within(running: Running, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while running.alive():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def stop(running: Running, *, steps: Iterable[tuple[signal.Signals, float]], state: Path) -> None:
    """Ask politely, then less so (each step a signal and seconds to obey), then kill its session."""
    for number, patience in steps:
        if not running.alive():
            break
        tell(running, number)
        gone_within(running, patience)
    if running.alive():
        tell(running, signal.SIGKILL)
        gone_within(running, 2)
    end_session(running.pid, state=state)


def end_session(session: int, *, state: Path) -> None:
    """Kill what a session leader left behind; only processes that carry our mark for this state."""
    for pid in _session_members(session, state=state):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _session_members(session: int, *, state: Path) -> list[int]:
    wanted = f"{MARK}={state}".encode()
    members = []
    for entry in _PROC.glob("[0-9]*"):
        try:
            fields = entry.joinpath("stat").read_text(errors="replace").rpartition(")")[2].split()
            ours = wanted in entry.joinpath("environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if fields[0] not in "ZX" and int(fields[3]) == session and ours:
            members.append(int(entry.name))
    return members
