"""A state folder of this test alone, and processes that do nothing but what the test needs."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from portal.local import processes
from portal.local.parts import Service
from portal.local.probes import StaysProbe
from portal.local.processes import Started
from portal.local.state import State, open_state, remove_state


@pytest.fixture
def state() -> Iterator[State]:
    # Directly under the temporary folder: pytest's own is too deep for a socket, and closed to
    # the user that the servers run as.
    folder = Path(tempfile.mkdtemp(prefix="portal-t-"))
    yield open_state(folder)
    remove_state(folder)


@pytest.fixture
def spawn(state: State) -> Iterator[Callable[[str], Started]]:
    """Start a Python script as one of our processes; it is killed after the test."""
    started: list[Started] = []

    def spawn(script: str) -> Started:
        name = f"script-{len(started)}"
        running = processes.start(
            [sys.executable, "-c", script],
            log=state.log / f"{name}.log",
            pid_file=state.pid_file(name),
            state=state.folder,
            environ={},
        )
        started.append(running)
        return running

    yield spawn
    for running in started:
        processes.stop(running, steps=(), state=state.folder)


@pytest.fixture
def service(state: State) -> Callable[..., Service]:
    """A service that runs a Python script."""

    def service(name: str, script: str, **more: object) -> Service:
        command = (sys.executable, "-u", "-c", script)
        settings: dict[str, object] = {"probe": StaysProbe(0.1), **more}
        return Service(name, state, command, {}, **settings)  # type: ignore[arg-type]

    return service
