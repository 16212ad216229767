"""`python -m portal.local`: the portal and its servers on one machine."""

import argparse
import shlex
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from portal.local.embedded import Server, start_and_wait
from portal.local.installation import (
    SERVERS,
    Installation,
    Ports,
    environment,
    load_secrets,
    overridden,
    read_env_file,
    write_env_file,
)
from portal.local.problems import CannotStart
from portal.local.processes import Adopted
from portal.local.state import open_state, remove_state, sole_user, state_folder


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    try:
        result: int = options.call(options)
    except CannotStart as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return result


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m portal.local", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")

    up = commands.add_parser("up", help="start the servers alone, in the background")
    up.add_argument("--only", default=",".join(SERVERS), help="a list such as postgres,valkey")
    up.set_defaults(call=_up)

    stop = commands.add_parser("stop", help="stop everything that runs")
    stop.set_defaults(call=_stop)

    env = commands.add_parser("env", help="print the environment for a shell's eval")
    env.set_defaults(call=_env)

    guard = commands.add_parser("guard", help="end a test run's servers when its input ends")
    guard.add_argument("folder", type=Path)
    guard.set_defaults(call=_guard)
    return parser


def installation() -> Installation:
    state = open_state(state_folder())
    return Installation(state, load_secrets(state), Ports.from_environ(overridden({})))


def _up(options: argparse.Namespace) -> int:
    here = installation()
    names = [name for name in str(options.only).split(",") if name]
    unknown = sorted(set(names) - set(SERVERS))
    if unknown:
        raise CannotStart(f"There is no server {unknown[0]!r}; there are {', '.join(SERVERS)}.")
    with sole_user(here.state), ThreadPoolExecutor(len(SERVERS)) as pool:
        write_env_file(here.state.env_file, environment(here))
        list(pool.map(start_and_wait, map(here.server, names)))
    sys.stdout.write(f"Running: {', '.join(names)}. Their addresses: {here.state.env_file}\n")
    return 0


def _stop(_: argparse.Namespace) -> int:
    stop_servers(installation())
    return 0


def stop_servers(here: Installation) -> None:
    with ThreadPoolExecutor(len(SERVERS)) as pool:
        list(pool.map(_stop_server, map(here.server, SERVERS)))


def _stop_server(server: Server) -> None:
    found = server.running()
    if found:
        server.stop(Adopted(found))


def _env(_: argparse.Namespace) -> int:
    path = state_folder() / "env"
    values = read_env_file(path)
    if not values:
        raise CannotStart(f"There is no {path} yet: `make run` writes it.")
    sys.stdout.write("".join(f"export {k}={shlex.quote(v)}\n" for k, v in values.items()))
    return 0


def _guard(options: argparse.Namespace) -> int:
    sys.stdin.buffer.read()
    folder: Path = options.folder
    if (folder / "places.json").exists():
        state = open_state(folder)
        stop_servers(Installation(state, load_secrets(state), Ports(), durable=False))
    remove_state(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
