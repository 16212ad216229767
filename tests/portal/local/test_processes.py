import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from portal.local import processes
from portal.local.processes import Adopted, Identity, Started
from portal.local.state import State

Spawn = Callable[[str], Started]

SLEEP = "import time; time.sleep(60)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)"
WITH_CHILD = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_identity_survives_its_file(spawn: Spawn, state: State) -> None:
    running = spawn(SLEEP)

    stored = Identity.load(state.pid_file("script-0"))

    assert stored == Identity.of(running.pid)
    assert stored is not None
    assert stored.alive()


def test_identity_of_an_earlier_process_with_the_same_number_is_not_alive(spawn: Spawn) -> None:
    now = Identity.of(spawn(SLEEP).pid)
    assert now is not None

    earlier = replace(now, started="another boot:1")

    assert not earlier.alive()


def test_a_zombie_is_not_alive() -> None:
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    ended = wait_for(lambda: Identity.of(zombie.pid) is None)
    zombie.wait()

    assert ended


def test_a_damaged_pid_file_is_no_process(tmp_path: Path) -> None:
    damaged = tmp_path / "pid.json"
    damaged.write_text('{"pid": "x"')

    assert Identity.load(damaged) is None


def test_stop_kills_what_does_not_listen(spawn: Spawn, state: State) -> None:
    running = spawn(STUBBORN)
    wait_for(lambda: (state.log / "script-0.log").read_text() != "")

    processes.stop(running, steps=((signal.SIGTERM, 0.2),), state=state.folder)

    assert running.exit_code() == -signal.SIGKILL


def test_stop_leaves_no_child_behind(spawn: Spawn, state: State) -> None:
    running = spawn(WITH_CHILD)
    mark = str(state.folder)
    assert wait_for(lambda: len(marked(mark)) == 2)

    processes.stop(running, steps=((signal.SIGTERM, 2),), state=state.folder)

    assert wait_for(lambda: marked(mark) == [])


def test_end_session_leaves_processes_of_other_installations_alone(
    spawn: Spawn, tmp_path: Path
) -> None:
    running = spawn(SLEEP)

    processes.end_session(running.pid, state=tmp_path)

    assert running.alive()


def test_an_adopted_process_can_be_stopped(spawn: Spawn, state: State) -> None:
    running = spawn(SLEEP)
    identity = Identity.of(running.pid)
    assert identity is not None

    processes.stop(Adopted(identity), steps=((signal.SIGTERM, 2),), state=state.folder)

    assert not running.alive()


def marked(state: str) -> list[int]:
    """The living processes that carry our mark for this state folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            environ = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"{processes.MARK}={state}".encode() in environ and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found
