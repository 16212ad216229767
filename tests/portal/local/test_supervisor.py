import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from portal.local.parts import Job, Service
from portal.local.probes import LogProbe
from portal.local.problems import CannotStart
from portal.local.progress import Progress
from portal.local.state import REPOSITORY, State
from portal.local.supervisor import Plan, Supervisor
from tests.portal.local.test_processes import marked, wait_for

pytestmark = pytest.mark.slow
MakeService = Callable[..., Service]

NEVER = re.compile(b"never")
SLEEP = "import time; time.sleep(60)"
NOTES_END = (
    "import signal, sys, time\n"
    "def end(*_):\n"
    "    open({path!r}, 'a').write({name!r} + ' ')\n"
    "    sys.exit()\n"
    "signal.signal(signal.SIGTERM, end)\n"
    "time.sleep(60)"
)


class Run:
    """A supervisor in a thread, stopped by the test."""

    def __init__(self, plan: Plan, state: State) -> None:
        self.out = StringIO()
        self.welcomed = threading.Event()
        self.problem: CannotStart | None = None
        self.supervisor = Supervisor(plan, state, Progress(self.out))
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.supervisor.run(welcome=self._welcome)
        except CannotStart as problem:
            self.problem = problem

    def _welcome(self) -> list[str]:
        self.welcomed.set()
        return ["welcome"]

    def stop(self) -> None:
        self.supervisor.stop()
        self._thread.join(15)
        assert not self._thread.is_alive()


@pytest.fixture
def run(state: State) -> Iterator[Callable[[Plan], Run]]:
    runs: list[Run] = []

    def start(plan: Plan) -> Run:
        runs.append(Run(plan, state))
        return runs[-1]

    yield start
    for each in runs:
        each.stop()
    assert marked(str(state.folder)) == []


def plan(*tiers: tuple[Service, ...], **more: object) -> Plan:
    settings: dict[str, object] = {
        "jobs": (),
        "optional_jobs": frozenset(),
        "needs": {},
        **more,
    }
    return Plan(tiers, **settings)  # type: ignore[arg-type]


def job(state: State, script: str, stamp: str = "1") -> Job:
    return Job("job", state, (sys.executable, "-c", script), {}, lambda: stamp)


def test_parts_stop_in_reverse(
    run: Callable[[Plan], Run], service: MakeService, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    parts = [service(n, NOTES_END.format(path=str(notes), name=n)) for n in ("first", "second")]
    running = run(plan((parts[0],), (parts[1],), needs={"second": ("first",)}))
    assert running.welcomed.wait(10)

    running.stop()

    assert notes.read_text() == "second first "


def test_a_part_waits_for_what_it_needs(
    run: Callable[[Plan], Run], service: MakeService, state: State
) -> None:
    never = LogProbe(state.log / "first.log", NEVER)
    running = run(
        plan(
            (service("first", SLEEP, probe=never),),
            (service("second", SLEEP),),
            needs={"second": ("first",)},
        )
    )

    wait_for(lambda: state.pid_file("first").exists())
    time.sleep(0.5)

    assert not state.pid_file("second").exists()
    assert not running.welcomed.is_set()


def test_a_part_that_ends_is_started_again(
    run: Callable[[Plan], Run], service: MakeService
) -> None:
    running = run(plan((service("brief", "import time; time.sleep(0.8)"),)))

    assert wait_for(
        lambda: running.out.getvalue().count("brief ended (exit 0). Again in") >= 2, 10
    )
    assert "Again in 1 s" in running.out.getvalue()
    assert "Again in 2 s" in running.out.getvalue()


def test_trouble_in_a_log_is_told_in_a_line(
    run: Callable[[Plan], Run], service: MakeService
) -> None:
    script = "import time; print('x ERROR portal it broke ' + 'y' * 500); time.sleep(60)"
    running = run(plan((service("noisy", script),)))

    assert wait_for(lambda: "noisy | x ERROR portal it broke" in running.out.getvalue())
    line = next(row for row in running.out.getvalue().splitlines() if "noisy |" in row)
    assert len(line) < 180


def test_a_job_runs_before_what_needs_it_and_once(
    run: Callable[[Plan], Run], service: MakeService, state: State, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    script = f"open({str(count)!r}, 'a').write('x')"
    parts = plan((service("web", SLEEP),), jobs=(job(state, script),), needs={"web": ("job",)})

    for _ in range(2):
        running = run(parts)
        assert running.welcomed.wait(10)
        running.stop()

    assert count.read_text() == "x"


def test_a_job_whose_stamp_changed_runs_again(
    run: Callable[[Plan], Run], service: MakeService, state: State, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    script = f"open({str(count)!r}, 'a').write('x')"

    for stamp in ("1", "2"):
        running = run(plan((service("web", SLEEP),), jobs=(job(state, script, stamp),)))
        assert running.welcomed.wait(10)
        running.stop()

    assert count.read_text() == "xx"


def test_a_job_whose_file_is_gone_runs_again(state: State, tmp_path: Path) -> None:
    left = tmp_path / "left"
    script = f"open({str(left)!r}, 'a').write('x')"
    once = replace(job(state, script), leaves=left)

    once.run(lambda: False)
    once.run(lambda: False)
    first = left.read_text()
    left.unlink()
    once.run(lambda: False)

    assert (first, left.read_text()) == ("x", "x")


def test_a_job_that_fails_stops_everything(
    run: Callable[[Plan], Run], service: MakeService, state: State
) -> None:
    running = run(
        plan((service("web", SLEEP),), jobs=(job(state, "raise SystemExit('no table')"),))
    )

    assert wait_for(lambda: running.problem is not None, 10)
    assert "job failed" in str(running.problem)
    assert "no table" in str(running.problem)


def test_an_optional_job_that_fails_is_told_and_the_rest_runs(
    run: Callable[[Plan], Run], service: MakeService, state: State
) -> None:
    failing = job(state, "raise SystemExit('no seed')")
    parts = plan((service("web", SLEEP),), jobs=(failing,), optional_jobs=frozenset({"job"}))

    running = run(parts)

    assert running.welcomed.wait(10)
    assert "no seed" in running.out.getvalue()


def test_what_a_killed_supervisor_left_is_stopped_by_the_next(
    run: Callable[[Plan], Run], service: MakeService, state: State
) -> None:
    left = service("web", SLEEP)
    old = left.start()

    running = run(plan((left,)))

    assert running.welcomed.wait(10)
    assert not old.alive()
    assert len(marked(str(state.folder))) == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_all(state: State, number: signal.Signals) -> None:
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(folder=str(state.folder))],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    assert any("welcome" in line for line in iter(program.stdout.readline, ""))

    program.send_signal(number)
    program.communicate(timeout=15)

    assert program.returncode == 0
    assert marked(str(state.folder)) == []


PROGRAM = """
import sys
from pathlib import Path
from portal.local.parts import Service
from portal.local.probes import StaysProbe
from portal.local.progress import Progress
from portal.local.state import open_state
from portal.local.supervisor import Plan, Supervisor
state = open_state(Path({folder!r}))
command = (sys.executable, "-c", "import time; time.sleep(60)")
parts = tuple(Service(n, state, command, {{}}, StaysProbe(0.1)) for n in ("a", "b"))
supervisor = Supervisor(Plan((parts,), (), frozenset(), {{}}), state, Progress())
supervisor.run(welcome=lambda: ["welcome"])
"""
