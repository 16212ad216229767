"""Keeps one part running: starts it, watches it, starts it again after a growing pause."""

import threading
import time
from collections.abc import Callable

from portal.local.embedded import failure
from portal.local.parts import Part
from portal.local.problems import CannotStart
from portal.local.processes import Running
from portal.local.state import State

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_CALM_AFTER = 60.0
_START_PATIENCE = 60.0
_PROBE_EVERY = 5.0
_PROBES_MISSED = 3


class Keeper:
    """One part's life. `run` belongs to a thread of its own; the rest may be called from any."""

    def __init__(
        self, part: Part, state: State, *, stopping: threading.Event, tell: Callable[[str], None]
    ) -> None:
        self.part = part
        self.ready = threading.Event()
        self.refused: CannotStart | None = None
        self.restarts = 0
        self._state = state
        self._stopping = stopping
        self._tell = tell
        self._running: Running | None = None

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def pid(self) -> int | None:
        return self._running.pid if self._running else None

    def run(self) -> None:
        """Until we are told to stop. A first start that cannot be is kept in `refused`."""
        pause = _FIRST_PAUSE
        while not self._stopping.is_set():
            began = time.monotonic()
            trouble = self._live()
            self.ready.clear()
            self._end()
            if self._stopping.is_set() or self.refused:
                return
            if time.monotonic() - began > _CALM_AFTER:
                pause = _FIRST_PAUSE
            self._tell(f"{trouble} Again in {pause:.0f} s.")
            self._stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
            self.restarts += 1

    def _live(self) -> str:
        """From start to end; returns what went wrong."""
        try:
            self._running = self.part.start()
            if not self._becomes_well(self._running):
                return self._not_well()
            self.part.settle()
        except OSError as error:
            return self._refuse(CannotStart(f"{self.name} could not be started: {error}."))
        except CannotStart as problem:
            return self._refuse(problem)
        self.ready.set()
        return self._watch(self._running)

    def _refuse(self, problem: CannotStart) -> str:
        if not self.restarts:
            self.refused = problem
        return str(problem)

    def _not_well(self) -> str:
        if self.part.vital and not self._stopping.is_set():
            raise CannotStart(failure(self.name, self._state))
        return failure(self.name, self._state)

    def _becomes_well(self, running: Running) -> bool:
        until = time.monotonic() + _START_PATIENCE
        while running.alive() and time.monotonic() < until and not self._stopping.is_set():
            if self.part.well(running):
                return True
            self._stopping.wait(0.05)
        return False

    def _watch(self, running: Running) -> str:
        missed = 0
        next_probe = time.monotonic() + _PROBE_EVERY
        while not self._stopping.wait(0.25):
            if not running.alive():
                code = running.exit_code()
                return f"{self.name} ended{'' if code is None else f' (exit {code})'}."
            if time.monotonic() >= next_probe:
                next_probe = time.monotonic() + _PROBE_EVERY
                missed = 0 if self.part.well(running) else missed + 1
            if missed >= _PROBES_MISSED:
                return f"{self.name} no longer answers."
        return ""

    def _end(self) -> None:
        # While everything stops, the supervisor ends the parts in their order.
        if self._running and not self._stopping.is_set():
            self.part.stop(self._running)
            self._running = None

    def stop(self) -> None:
        if self._running:
            self.part.stop(self._running)
            self._running = None
