"""The whole portal as people run it: `python -m portal.local run` in a folder of its own."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 180
# What the test run's own settings put there, and what would point the stack at the wrong servers.
NOT_INHERITED = re.compile(r"^(PORTAL_|DATABASE_|VALKEY_|CELERY_|EMAIL_|SANDBOX_|DJANGO_|PYTEST_)")


@dataclass
class Stack:
    """A running portal: where its hosts are, and what the demonstration left."""

    state: Path
    port: int
    first_bank_port: int
    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def origin(self, label: str = "") -> str:
        host = f"{label}.portal.localhost" if label else "portal.localhost"
        return f"http://{host}:{self.port}"

    def bank_origin(self, slug: str) -> str:
        place = ["aurelia", "northmoor", "quillon"].index(slug)
        return f"http://{slug}-bank.localhost:{self.first_bank_port + place}"

    @property
    def demo(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "demo.json").read_text())
        return found

    def client(self, label: str, **options: Any) -> httpx.Client:
        """A stranger's HTTP client of one of the portal's hosts."""
        headers = {
            "Host": self.origin(label).removeprefix("http://"),
            **options.pop("headers", {}),
        }
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}", headers=headers, timeout=20, **options
        )

    def bank(self, slug: str) -> httpx.Client:
        """The control interface of a sandbox bank: the outside judge's eyes and hands."""
        origin = self.bank_origin(slug)
        port = origin.rpartition(":")[2]
        return httpx.Client(
            base_url=f"http://127.0.0.1:{port}/_control",
            headers={"Host": origin.removeprefix("http://")},
            timeout=20,
        )


def free_ports(count: int) -> int:
    """The first of `count` neighbouring ports that nobody listens on.

    Looked for from anywhere: two that start at once would both find the first of a list.
    """
    places = list(range(18_600, 28_600, 10))
    for first in random.sample(places, len(places)):
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no neighbouring ports are free")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def running_stack(state: Path, **environ: str) -> Iterator[Stack]:
    """Start everything, wait until it says that it is ready, and stop it as Ctrl-C does."""
    first = free_ports(4)
    given = {name: value for name, value in os.environ.items() if not NOT_INHERITED.match(name)}
    given |= {
        "PORTAL_STATE": str(state),
        "PORTAL_PORT": str(first),
        "SANDBOX_PORT": str(first + 1),
        "PORTAL_POSTGRES_PORT": "0",
        "PORTAL_SANDBOX_POSTGRES_PORT": "0",
        "PORTAL_VALKEY_PORT": "0",
        **environ,
    }
    with watched(given):
        yield from _running(state, first, given)


@contextmanager
def watched(environ: Mapping[str, str]) -> Iterator[None]:
    """Whatever end this process has, also by SIGKILL, the portal of that environment ends with it."""
    watch = subprocess.Popen(
        [sys.executable, "-m", "portal.local", "watch"],
        cwd=ROOT,
        env=dict(environ),
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        # It was stopped in order. Who is cut off says nothing.
        watch.communicate(b"stopped", timeout=30)


def _running(state: Path, first: int, given: Mapping[str, str]) -> Iterator[Stack]:
    process = subprocess.Popen(
        [sys.executable, "-m", "portal.local", "run"],
        cwd=ROOT,
        env=given,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    stack = Stack(state, first, first + 1, process)
    reader = threading.Thread(target=_listen, args=(stack,), daemon=True)
    reader.start()
    try:
        _wait_until_ready(stack)
        yield stack
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
            subprocess.run(
                [sys.executable, "-m", "portal.local", "stop"], cwd=ROOT, env=given, check=False
            )
        reader.join(5)
        if process.stdout:
            process.stdout.close()


def _listen(stack: Stack) -> None:
    for line in stack.process.stdout or ():
        stack.lines.append(line.rstrip())


def _wait_until_ready(stack: Stack) -> None:
    until = time.monotonic() + READY_SECONDS
    while not any("Ctrl-C stops everything" in line for line in stack.lines):
        if stack.process.poll() is not None or time.monotonic() > until:
            raise RuntimeError("the portal did not come up:\n" + "\n".join(stack.lines[-40:]))
        time.sleep(0.1)
