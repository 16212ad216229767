"""The supervisor's parts that are not servers: long-running processes and one-off jobs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from signal import SIGTERM
from typing import Protocol

from portal.local import processes
from portal.local.embedded import Steps, failure, require_free_port
from portal.local.probes import Probe
from portal.local.problems import CannotStart
from portal.local.processes import Adopted, Identity, Running
from portal.local.state import REPOSITORY, State, read_json, write_json

_TERM: Steps = ((SIGTERM, 5.0),)


class Part(Protocol):
    """What the supervisor keeps alive."""

    @property
    def name(self) -> str: ...
    @property
    def vital(self) -> bool:
        """Whether everything gives up when it cannot start the first time."""

    def start(self) -> Running: ...
    def well(self, running: Running) -> bool: ...
    def settle(self) -> None:
        """What must be done once it answers, before others may lean on it."""

    def stop(self, running: Running) -> None: ...


@dataclass(frozen=True)
class Service:
    """One of our own processes."""

    name: str
    state: State
    command: tuple[str, ...]
    environ: Mapping[str, str]
    probe: Probe
    port: int = 0
    port_setting: str = ""
    stop_steps: Steps = _TERM
    vital: bool = False

    @property
    def log(self) -> Path:
        return self.state.log / f"{self.name}.log"

    def start(self) -> Running:
        self.stop_leftover()
        if self.port:
            require_free_port(self.port, self.port_setting)
        # A fresh log for each start: probes read it, and the one before is kept beside it.
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        return processes.start(
            self.command,
            log=self.log,
            pid_file=self.state.pid_file(self.name),
            state=self.state.folder,
            environ=self.environ,
            cwd=REPOSITORY,
        )

    def well(self, running: Running) -> bool:
        return self.probe(running)

    def settle(self) -> None:
        """Nothing to do."""

    def stop(self, running: Running) -> None:
        processes.stop(running, steps=self.stop_steps, state=self.state.folder)
        self.state.pid_file(self.name).unlink(missing_ok=True)

    def stop_leftover(self) -> bool:
        """Stop what an earlier run left of this process; whether there was something."""
        left = Identity.load(self.state.pid_file(self.name))
        if left is None:
            return False
        if left.alive():
            self.stop(Adopted(left))
            return True
        processes.end_session(left.pid, state=self.state.folder)
        self.state.pid_file(self.name).unlink(missing_ok=True)
        return False


@dataclass(frozen=True)
class Job:
    """A command that runs to its end before others start; not again while its stamp is the same."""

    name: str
    state: State
    command: tuple[str, ...]
    environ: Mapping[str, str]
    stamp: Callable[[], str]
    leaves: Path | None = None
    """A file that it writes; run again when that is gone."""

    def due(self) -> bool:
        if self.leaves and not self.leaves.exists():
            return True
        return self._stamps().get(self.name) != self.stamp()

    def run(self, stopping: Callable[[], bool]) -> None:
        """Run it if it is due; raises CannotStart with the end of its log when it fails."""
        if not self.due():
            return
        stamp = self.stamp()
        (self.state.log / f"{self.name}.log").unlink(missing_ok=True)
        running = processes.start(
            self.command,
            log=self.state.log / f"{self.name}.log",
            pid_file=self.state.pid_file(self.name),
            state=self.state.folder,
            environ=self.environ,
            cwd=REPOSITORY,
        )
        while running.alive() and not stopping():
            running.wait(0.1)
        processes.stop(running, steps=_TERM, state=self.state.folder)
        self.state.pid_file(self.name).unlink(missing_ok=True)
        if running.exit_code() == 0:
            write_json(self._stamps_file, {**self._stamps(), self.name: stamp})
        elif not stopping():
            raise CannotStart(failure(self.name, self.state, what="failed"))

    @property
    def _stamps_file(self) -> Path:
        return self.state.folder / "stamps.json"

    def _stamps(self) -> dict[str, str]:
        return read_json(self._stamps_file)
