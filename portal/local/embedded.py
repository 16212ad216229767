"""A server of our own: found and adopted, or started, waited for and stopped."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from portal.local import processes
from portal.local.problems import CannotStart
from portal.local.processes import Adopted, Identity, Running
from portal.local.state import State

Steps = tuple[tuple[signal.Signals, float], ...]

POSTGRES_STOP: Steps = ((signal.SIGINT, 5.0), (signal.SIGQUIT, 2.0))
VALKEY_STOP: Steps = ((signal.SIGTERM, 5.0),)
_PATIENCE = 30.0


@dataclass(frozen=True)
class Server:
    """What the supervisor must know of an embedded server."""

    name: str
    state: State
    command: Callable[[], list[str]]
    prepare: Callable[[], None]
    running: Callable[[], Identity | None]
    same_settings: Callable[[Identity], bool]
    ready: Callable[[], bool]
    finish: Callable[[], None]
    stop_steps: Steps
    port: int
    port_setting: str
    vital: bool = True

    def adopt(self) -> Running | None:
        """The server an earlier run left, if it is as we would start it; else it is stopped."""
        found = self.running()
        if found is None:
            return None
        if self.same_settings(found):
            found.save(self.state.pid_file(self.name))
            return Adopted(found)
        self.stop(Adopted(found))
        return None

    def start(self) -> Running:
        """Adopt or start it; does not wait."""
        adopted = self.adopt()
        if adopted:
            return adopted
        if self.port:
            require_free_port(self.port, self.port_setting)
        self.prepare()
        return processes.start(
            self.command(),
            log=self.state.log / f"{self.name}.log",
            pid_file=self.state.pid_file(self.name),
            state=self.state.folder,
            environ={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
            user=self.state.user,
        )

    def well(self, _: Running) -> bool:
        return self.ready()

    def settle(self) -> None:
        try:
            self.finish()
        except psycopg.Error as error:
            raise CannotStart(
                f"{self.name} runs, but its databases could not be prepared: {error}"
            ) from error

    def stop(self, running: Running) -> None:
        processes.stop(running, steps=self.stop_steps, state=self.state.folder)
        self.state.pid_file(self.name).unlink(missing_ok=True)


def start_and_wait(server: Server) -> Running:
    """Start a server, wait until it answers, and finish it (roles, databases)."""
    running = server.start()
    until = time.monotonic() + _PATIENCE
    while not server.ready():
        if not running.alive() or time.monotonic() > until:
            if running.alive():
                server.stop(running)
            raise CannotStart(failure(server.name, server.state))
        time.sleep(0.03)
    server.settle()
    return running


def failure(name: str, state: State, *, what: str = "did not start") -> str:
    """The last words of a process's log, in a sentence."""
    log = state.log / f"{name}.log"
    last = last_lines(log, 3)
    hint = " The disk is full: make room." if "No space left on device" in last else ""
    return f"{name} {what}.{hint} Its log, {log}, ends: {last.rstrip('.') or 'with nothing'}."


def last_lines(path: Path, count: int) -> str:
    try:
        lines = path.read_bytes()[-4096:].decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return " / ".join(line.strip()[:200] for line in lines[-count:])


def require_free_port(port: int, setting: str) -> None:
    """Refuse to start over somebody else's port, and say whose it is where that can be seen."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            holder = port_holder(port)
            by = f" by {holder}" if holder else " by another program"
            raise CannotStart(
                f"Port {port} is taken{by}. Stop that program, or choose another port with "
                f"{setting}."
            ) from error


def port_holder(port: int) -> str:
    """`process 123 (command)` of who listens on a local port; empty where it cannot be seen."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for folder in Path("/proc").glob("[0-9]*/fd") if inodes else ():
        if _links(folder) & inodes:
            pid = int(folder.parent.name)
            identity = Identity.of(pid)
            return f"process {pid} ({_short(identity)})"
    return ""


def _short(identity: Identity | None) -> str:
    return " ".join(identity.command.split())[:60] if identity else "unknown"


def _links(folder: Path) -> set[str]:
    """Where a folder's links lead; those that vanish while we read, and foreign folders, are left out."""
    found = set()
    with contextlib.suppress(OSError):
        for entry in folder.iterdir():
            with contextlib.suppress(OSError):
                found.add(str(entry.readlink()))
    return found


def _listening_inodes(port: int) -> set[str]:
    listening = "0A"
    found = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = Path("/proc/net", table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, rows):
            if fields[3] == listening and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(fields[9])
    return found
