"""`python -m portal.local`: the portal and its servers on one machine."""

import argparse
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from portal.local import installation as installed
from portal.local.embedded import Server, start_and_wait
from portal.local.installation import SERVERS, Installation, Ports, load_secrets
from portal.local.parts import Service
from portal.local.plan import full_plan
from portal.local.problems import CannotStart
from portal.local.processes import Adopted, Identity
from portal.local.progress import Progress
from portal.local.state import (
    State,
    held,
    holder,
    open_state,
    remove_state,
    sole_user,
    state_folder,
)
from portal.local.supervisor import Supervisor
from portal.local.welcome import welcome

_STOP_PATIENCE = 20.0


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        result: int = options.call(options)
    except CannotStart as problem:
        sys.stderr.write(f"\n{problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    run = commands.add_parser("run", help="run everything until Ctrl-C")
    run.set_defaults(call=_run)

    up = commands.add_parser("up", help="start the servers alone, in the background")
    up.add_argument("--only", default="", help="a list such as postgres,valkey")
    up.set_defaults(call=_up)

    status = commands.add_parser("status", help="say what runs")
    status.set_defaults(call=_status)

    stop = commands.add_parser("stop", help="stop everything that runs")
    stop.set_defaults(call=_stop)

    env = commands.add_parser("env", help="print the environment, for a shell's eval")
    env.set_defaults(call=_env)

    reset = commands.add_parser("reset", help="stop everything and delete the state folder")
    reset.set_defaults(call=_reset)

    watch = commands.add_parser(
        "watch", help="stop everything and delete the state folder when its input ends unsaid"
    )
    watch.set_defaults(call=_watch)

    guard = commands.add_parser("guard", help="end a test run's servers when its input ends")
    guard.add_argument("folder", type=Path)
    guard.set_defaults(call=_guard)
    return parser


def _open() -> Installation:
    state = open_state(state_folder())
    return Installation(state, load_secrets(state), Ports.from_environ(os.environ))


def _environ_of(here: Installation) -> dict[str, str]:
    """What our processes get: the user's environment, filled up with this installation's."""
    values = installed.overridden(installed.environment(here), os.environ)
    return {
        **os.environ,
        **values,
        "PORTAL_STATE": str(here.state.folder),
        "PYTHONUNBUFFERED": "1",
    }


def _write_env_file(here: Installation) -> None:
    values = installed.overridden(installed.environment(here), os.environ)
    installed.write_env_file(here.state.env_file, values)


def _run(_: argparse.Namespace) -> int:
    here = _open()
    installed.check_given(os.environ)
    with sole_user(here.state):
        environ = _environ_of(here)
        _write_env_file(here)
        plan = full_plan(here, installed.needed_servers(os.environ), environ)
        services = [part for tier in plan.tiers for part in tier if isinstance(part, Service)]
        progress = Progress()
        left = _stop_leftovers(services)
        if left:
            progress.say(f"Stopped what an earlier run had left: {', '.join(left)}.")
        # Counts begin anew with the processes: those of the gone would only pile up.
        shutil.rmtree(here.state.folder / "metrics", ignore_errors=True)
        supervisor = Supervisor(plan, here.state, progress)
        supervisor.run(welcome=lambda: welcome(here.state, environ))
    return 0


def _stop_leftovers(services: Iterable[Service]) -> list[str]:
    chosen = list(services)
    with ThreadPoolExecutor(max(len(chosen), 1)) as pool:
        stopped = list(pool.map(Service.stop_leftover, chosen))
    return [service.name for service, was in zip(chosen, stopped, strict=True) if was]


def _up(options: argparse.Namespace) -> int:
    here = _open()
    names = [name for name in str(options.only).split(",") if name]
    names = names or list(installed.needed_servers(os.environ))
    unknown = sorted(set(names) - set(SERVERS))
    if unknown:
        raise CannotStart(f"There is no server {unknown[0]!r}; there are {', '.join(SERVERS)}.")
    with sole_user(here.state), ThreadPoolExecutor(len(SERVERS)) as pool:
        _write_env_file(here)
        list(pool.map(start_and_wait, map(here.server, names)))
    sys.stdout.write(f"Running: {', '.join(names)}. Their addresses: {here.state.env_file}\n")
    return 0


def _status(_: argparse.Namespace) -> int:
    """One line a process; exit 0 when a supervisor runs, 3 when none does."""
    here = _open()
    supervised = held(here.state)
    sys.stdout.write("supervised\n" if supervised else "no supervisor runs\n")
    for path in sorted(here.state.run.glob("*.json")):
        identity = Identity.load(path)
        if identity and identity.alive():
            sys.stdout.write(f"  {path.stem:<20} pid {identity.pid}\n")
    return 0 if supervised else 3


def _stop(_: argparse.Namespace) -> int:
    folder = state_folder()
    if folder.is_dir():
        stop_everything(_open())
    return 0


def stop_everything(here: Installation) -> None:
    """End the supervisor if one runs, then whatever is left."""
    _stop_supervisor(here.state)
    with sole_user(here.state):
        plan = full_plan(here, SERVERS, _environ_of(here))
        _stop_leftovers(part for tier in plan.tiers for part in tier if isinstance(part, Service))
        stop_servers(here)


def _stop_supervisor(state: State) -> None:
    until = time.monotonic() + _STOP_PATIENCE
    told = False
    while held(state):
        pid = holder(state)
        if pid and not told:
            os.kill(pid, signal.SIGTERM)
            told = True
        if time.monotonic() > until:
            raise CannotStart(f"The supervisor (pid {pid}) has not stopped. See {state.log}.")
        time.sleep(0.1)


def stop_servers(here: Installation) -> None:
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        list(pool.map(_stop_server, map(here.server, SERVERS)))


def _stop_server(server: Server) -> None:
    found = server.running()
    if found:
        server.stop(Adopted(found))


def _env(_: argparse.Namespace) -> int:
    path = state_folder() / "env"
    values = installed.read_env_file(path)
    if not values:
        raise CannotStart(f"There is no {path} yet: `make run` writes it.")
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in values.items()]
    sys.stdout.write("".join(lines))
    return 0


def _reset(_: argparse.Namespace) -> int:
    folder = state_folder()
    if folder.is_dir():
        stop_everything(_open())
        remove_state(folder)
    return 0


def _watch(options: argparse.Namespace) -> int:
    """Who started everything writes a word once it has stopped it: without one it was cut off."""
    return 0 if sys.stdin.buffer.read() else _reset(options)


def _guard(options: argparse.Namespace) -> int:
    sys.stdin.buffer.read()
    folder: Path = options.folder
    if (folder / "places.json").exists():
        state = open_state(folder)
        stop_servers(Installation(state, load_secrets(state), installed.NO_PORTS, durable=False))
    remove_state(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
