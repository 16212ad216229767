"""Starts the parts in the order they need each other, keeps them running, stops them in reverse."""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import FrameType

from portal.local.keeper import Keeper
from portal.local.logs import LogWatch
from portal.local.parts import Job, Part
from portal.local.problems import CannotStart
from portal.local.progress import Progress, Step
from portal.local.state import State

_LOOK_EVERY = 0.3
_READY_PATIENCE = 120.0


@dataclass(frozen=True)
class Plan:
    """What to run. `needs` names, for a part or job, those that must be ready before it.

    `tiers` are the parts in the order of starting; they stop in reverse, each tier at once.
    """

    tiers: tuple[tuple[Part, ...], ...]
    jobs: tuple[Job, ...]
    optional_jobs: frozenset[str]
    needs: Mapping[str, tuple[str, ...]]


class Supervisor:
    def __init__(self, plan: Plan, state: State, progress: Progress) -> None:
        self._plan = plan
        self._state = state
        self._progress = progress
        self._stopping = threading.Event()
        self._refusals: list[CannotStart] = []
        self._keepers = {
            part.name: Keeper(part, state, stopping=self._stopping, tell=progress.say)
            for tier in plan.tiers
            for part in tier
        }
        self._failed_jobs: set[str] = set()
        self._jobs_done = {job.name: threading.Event() for job in plan.jobs}
        self._watches = [
            LogWatch(state.log / f"{name}.log", progress.say) for name in self._keepers
        ]

    def run(self, *, welcome: Callable[[], Iterable[str]]) -> None:
        """Run until Ctrl-C or SIGTERM. Raises CannotStart, after stopping all, when it must give up."""
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, self._on_signal)
        threads = [
            threading.Thread(target=self._guarded, args=(call, name), daemon=True)
            for name, call in self._calls()
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        try:
            self._await_ready()
            if not self._stopping.is_set():
                self._say_welcome(welcome, time.monotonic() - began)
            self._watch()
        finally:
            self._stop(threads)
        if self._refusals:
            raise self._refusals[0]

    def stop(self) -> None:
        """Begin to stop, as a signal would."""
        self._stopping.set()

    def _calls(self) -> Iterable[tuple[str, Callable[[], None]]]:
        for name, keeper in self._keepers.items():
            yield name, keeper.run
        for job in self._plan.jobs:
            yield job.name, lambda job=job: self._run_job(job)  # type: ignore[misc]

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.stop()

    def _guarded(self, call: Callable[[], None], name: str) -> None:
        """A part's thread: first what it needs, then its life; a refusal stops everything."""
        try:
            for needed in self._plan.needs.get(name, ()):
                self._await(self._event(needed))
            if not self._stopping.is_set():
                call()
            refused = self._keepers[name].refused if name in self._keepers else None
            if refused:
                raise refused
        except CannotStart as problem:
            self._refusals.append(problem)
            self._stopping.set()

    def _event(self, name: str) -> threading.Event:
        return self._keepers[name].ready if name in self._keepers else self._jobs_done[name]

    def _await(self, event: threading.Event) -> None:
        while not event.wait(0.05) and not self._stopping.is_set():
            pass

    def _run_job(self, job: Job) -> None:
        try:
            job.run(self._stopping.is_set)
        except CannotStart as problem:
            if job.name not in self._plan.optional_jobs:
                raise
            self._progress.say(f"{problem} The rest runs without it.")
            self._failed_jobs.add(job.name)
        self._jobs_done[job.name].set()

    def _await_ready(self) -> None:
        names = [*self._keepers, *self._jobs_done]
        told: set[str] = set()
        with self._progress.step("Starting") as step:
            while not self._stopping.wait(0.05):
                ready = [name for name in names if self._event(name).is_set()]
                for name in ready:
                    if name not in told and not step.live:
                        self._say_ready(name, step)
                    told.add(name)
                waiting = [name for name in names if name not in ready]
                step.update(len(ready), len(names), ", ".join(waiting))
                self._look_at_logs()
                if not waiting or step.seconds() > _READY_PATIENCE:
                    break
            step.summary = "stopped" if self._stopping.is_set() else "ready"

    def _say_ready(self, name: str, step: Step) -> None:
        if name not in self._failed_jobs:
            word = "ready" if name in self._keepers else "done"
            self._progress.say(f"  {name} {word} ({step.seconds():.1f} s)")

    def _say_welcome(self, welcome: Callable[[], Iterable[str]], seconds: float) -> None:
        late = [name for name, keeper in self._keepers.items() if not keeper.ready.is_set()]
        for line in welcome():
            self._progress.say(line)
        if late:
            self._progress.say(
                f"Not ready after {seconds:.0f} s, and tried again: {', '.join(late)}"
            )

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_EVERY):
            self._look_at_logs()

    def _look_at_logs(self) -> None:
        for watch in self._watches:
            watch.look()

    def _stop(self, threads: list[threading.Thread]) -> None:
        self._stopping.set()
        with self._progress.step("Stopping"):
            for thread in threads:
                thread.join(timeout=4)
            for tier in reversed(self._plan.tiers):
                with ThreadPoolExecutor(len(tier)) as pool:
                    list(pool.map(lambda part: self._keepers[part.name].stop(), tier))
