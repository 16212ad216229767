import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from portal.local import embedded, postgres, processes
from portal.local.embedded import start_and_wait
from portal.local.installation import NO_PORTS, Installation, load_secrets
from portal.local.problems import CannotStart
from portal.local.processes import Adopted, Identity
from portal.local.roles import database_urls
from portal.local.state import State, open_state, remove_state

pytestmark = pytest.mark.slow


@pytest.fixture
def here(state: State) -> Iterator[Installation]:
    here = Installation(state, load_secrets(state), NO_PORTS, durable=False)
    yield here
    for name in ("postgres", "valkey"):
        server = here.server(name)
        found = server.running()
        if found:
            server.stop(Adopted(found))


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_server_that_an_earlier_run_left_is_adopted(here: Installation, name: str) -> None:
    first = start_and_wait(here.server(name))

    second = start_and_wait(here.server(name))

    assert second.pid == first.pid
    assert isinstance(second, Adopted)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_server_is_known_again_without_its_pid_file(here: Installation, name: str) -> None:
    first = start_and_wait(here.server(name))
    here.state.pid_file(name).unlink()

    second = start_and_wait(here.server(name))

    assert second.pid == first.pid
    assert here.state.pid_file(name).exists()


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_server_with_other_settings_is_replaced(here: Installation, name: str) -> None:
    first = start_and_wait(here.server(name))
    free = free_port()
    changed = replace(here, ports=replace(NO_PORTS, postgres=free, valkey=free))

    second = start_and_wait(changed.server(name))
    changed.server(name).stop(second)

    assert second.pid != first.pid
    assert not first.alive()


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_server_that_was_killed_starts_again(here: Installation, name: str) -> None:
    first = start_and_wait(here.server(name))
    os.kill(first.pid, signal.SIGKILL)
    processes.gone_within(first, 5)

    second = start_and_wait(here.server(name))

    assert second.alive()


def test_a_lock_left_by_a_number_that_is_now_anothers_does_not_stop_postgres(
    here: Installation,
) -> None:
    running = start_and_wait(here.server("postgres"))
    lock = here.postgres.data / "postmaster.pid"
    text = lock.read_text().splitlines()
    here.server("postgres").stop(running)
    lock.write_text("\n".join([str(os.getpid()), *text[1:]]))

    again = start_and_wait(here.server("postgres"))

    assert again.alive()


def test_data_of_another_major_version_is_refused(here: Installation) -> None:
    postgres.prepare(here.postgres)
    (here.postgres.data / "PG_VERSION").write_text("16\n")

    with pytest.raises(CannotStart, match="was made by PostgreSQL 16"):
        start_and_wait(here.server("postgres"))


def test_an_initdb_that_was_killed_is_begun_again(here: Installation) -> None:
    (here.postgres.home / "data.new").mkdir(parents=True)
    (here.postgres.home / "data.new" / "half").touch()

    running = start_and_wait(here.server("postgres"))

    assert running.alive()


def test_data_that_belongs_to_other_secrets_is_refused(here: Installation) -> None:
    start_and_wait(here.server("postgres"))
    wrong = {**here.secrets.passwords, "superuser": "0" * 48}
    other = replace(here, secrets=replace(here.secrets, passwords=wrong))

    with pytest.raises(CannotStart, match="different installations"):
        start_and_wait(other.server("postgres"))


def test_a_taken_port_is_named_with_its_holder_and_its_setting(here: Installation) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        busy = replace(here, ports=replace(NO_PORTS, postgres=port))

        with pytest.raises(CannotStart) as refused:
            start_and_wait(busy.server("postgres"))

    assert f"Port {port} is taken by process {os.getpid()}" in str(refused.value)
    assert "PORTAL_POSTGRES_PORT" in str(refused.value)


def test_a_server_that_cannot_start_says_why(here: Installation) -> None:
    postgres.prepare(here.postgres)
    (here.postgres.data / "postgresql.conf").write_text("no_such_setting = 1\n")

    with pytest.raises(CannotStart, match="no_such_setting"):
        start_and_wait(here.server("postgres"))


def test_a_full_disk_is_said_plainly(state: State) -> None:
    (state.log / "postgres.log").write_text("PANIC: could not write: No space left on device\n")

    assert "The disk is full" in embedded.failure("postgres", state)


def test_valkey_answers_nobody_without_the_password(here: Installation) -> None:
    start_and_wait(here.server("valkey"))

    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(here.valkey.socket_path))
        stranger.sendall(b"PING\r\n")
        answer = stranger.recv(100)

    assert answer.startswith(b"-NOAUTH")


def test_postgres_answers_nobody_without_the_password(here: Installation) -> None:
    start_and_wait(here.server("postgres"))
    urls = database_urls(here.postgres, here.secrets.roles, "portal")

    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(urls.runtime.replace(here.secrets.passwords["runtime"], "wrong"))


def test_the_servers_do_not_run_as_root(here: Installation) -> None:
    pids = [start_and_wait(here.server(name)).pid for name in ("postgres", "valkey")]

    owners = [Path(f"/proc/{pid}").stat().st_uid for pid in pids]

    assert 0 not in owners


def test_a_running_identity_is_that_of_the_data_folder(here: Installation) -> None:
    running = start_and_wait(here.server("postgres"))

    assert postgres.running(here.postgres) == Identity.of(running.pid)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the servers to another user")
def test_servers_run_from_a_folder_that_their_user_cannot_reach() -> None:
    with tempfile.TemporaryDirectory() as closed:
        state = open_state(Path(closed) / "state")
        here = Installation(state, load_secrets(state), NO_PORTS, durable=False)
        names = ("postgres", "aurelia-postgres", "valkey")

        with ThreadPoolExecutor() as pool:
            running = list(pool.map(lambda name: start_and_wait(here.server(name)), names))
        alive = [each.alive() for each in running]
        for name, each in zip(names, running, strict=True):
            here.server(name).stop(each)
        remove_state(state.folder)

    assert alive == [True, True, True]
    assert not state.servers.exists()
    assert not str(state.servers).startswith(closed)
