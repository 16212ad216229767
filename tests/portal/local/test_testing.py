import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis

from portal.local.state import REPOSITORY
from portal.local.testing import Servers, servers
from tests.portal.local.test_processes import marked, wait_for

pytestmark = pytest.mark.slow

KILLED = """
import os, signal
from portal.local.testing import servers
with servers() as running:
    print(running.state, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


QUIET = """
from portal.local.testing import servers
with servers():
    pass
"""


@pytest.fixture(scope="module")
def running() -> "Servers":  # type: ignore[misc]
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PORTAL_TEST_SERVERS", raising=False)
        with servers() as running:
            yield running


def one(url: str, query: str) -> tuple[object, ...]:
    with psycopg.connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row


@pytest.mark.parametrize("role", ["owner", "runtime", "system"])
def test_no_role_is_above_row_policies(running: Servers, role: str) -> None:
    rights = one(
        getattr(running, f"{role}_url"),
        "SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
        " WHERE rolname = current_user",
    )

    assert rights == (f"portal_{role}", False, False, False, False)


@pytest.mark.parametrize("role", ["owner", "runtime", "system"])
def test_every_role_finds_the_portals_tables_first(running: Servers, role: str) -> None:
    path = one(getattr(running, f"{role}_url"), "SELECT current_setting('search_path')")

    assert path == ("public, pg_temp",)


def test_a_table_of_the_owners_is_read_by_runtime_and_not_by_system(running: Servers) -> None:
    urls = running.make_database("rights")
    with psycopg.connect(urls.owner) as connection:
        connection.execute("CREATE TABLE things (id int GENERATED ALWAYS AS IDENTITY, name text)")
    with psycopg.connect(urls.runtime) as connection:
        connection.execute("INSERT INTO things (name) VALUES ('a')")

    assert one(urls.runtime, "SELECT name FROM things") == ("a",)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        one(urls.system, "SELECT name FROM things")


def test_a_worker_that_empties_its_cache_empties_nobody_elses(running: Servers) -> None:
    names = ("VALKEY_URL", "CELERY_BROKER_URL")
    first, second = running.environ(worker=3), running.environ(worker=4)
    ours = redis.Redis.from_url(first["VALKEY_URL"])
    ours.set("counted", 60)

    redis.Redis.from_url(second["VALKEY_URL"]).flushdb()

    assert ours.get("counted") == b"60"
    assert (
        len({given[name].partition("?")[2][-1] for given in (first, second) for name in names})
        == 4
    )


def test_runtime_owns_nothing_and_makes_nothing(running: Servers) -> None:
    urls = running.make_database("empty")

    with (
        psycopg.connect(urls.runtime) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute("CREATE TABLE mine (id int)")


def test_a_database_is_copied_with_its_rights(running: Servers) -> None:
    template = running.make_database("template")
    with psycopg.connect(template.owner) as connection:
        connection.execute("CREATE TABLE kept (id int)")

    copy = running.make_database("copy", template="template")

    assert one(copy.runtime, "SELECT count(*) FROM kept") == (0,)


def test_a_worker_takes_the_controllers_servers(
    running: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in running.environ().items():
        monkeypatch.setenv(name, value)

    with servers() as inherited:
        assert inherited == running


def test_servers_end_with_a_run_that_was_killed() -> None:
    environ = {k: v for k, v in os.environ.items() if k != "PORTAL_TEST_SERVERS"}

    killed = subprocess.run(
        [sys.executable, "-c", KILLED],
        cwd=REPOSITORY,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    folder = Path(killed.stdout.strip())

    assert killed.returncode == -signal.SIGKILL
    assert wait_for(lambda: not folder.exists(), 10)
    assert marked(str(folder)) == []


def test_they_go_without_a_word() -> None:
    environ = {name: each for name, each in os.environ.items() if name != "PORTAL_TEST_SERVERS"}

    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", QUIET],
        cwd=REPOSITORY,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stdout, done.stderr) == ("", "")
