"""Servers for a run of tests: started once, gone when the run is over however it ends.

`pytest -n` starts its workers with the controller's environment: call `servers()` in the
controller before they start, and put `Servers.environ()` into `os.environ`. In a worker,
`servers()` finds those variables and starts nothing.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from portal.local import processes, roles
from portal.local.embedded import start_and_wait
from portal.local.installation import (
    NO_PORTS,
    POSTGRES,
    VALKEY,
    Installation,
    load_secrets,
)
from portal.local.roles import DatabaseUrls
from portal.local.state import REPOSITORY, open_state

_VARIABLE = "PORTAL_TEST_SERVERS"


@dataclass(frozen=True)
class Servers:
    """Where the test servers answer. `broker_url` is for Celery, `valkey_url` for everything else."""

    state: str
    owner_url: str
    runtime_url: str
    system_url: str
    superuser_url: str
    valkey_url: str
    broker_url: str
    sandbox_url: str
    """A database of the sandbox's own; empty when no sandbox server was asked for."""

    def database(self, name: str) -> DatabaseUrls:
        """The URLs of another database on the same server, as each role."""
        return DatabaseUrls(
            owner=with_database(self.owner_url, name),
            runtime=with_database(self.runtime_url, name),
            system=with_database(self.system_url, name),
            superuser=with_database(self.superuser_url, name),
        )

    def make_database(self, name: str, *, template: str = "template1") -> DatabaseUrls:
        """A fresh database with the three roles' rights, copied from `template`; replaces one of that name."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)
        urls = self.database(name)
        roles.prepare_database_at(self.superuser_url, urls.superuser, name=name, template=template)
        return urls

    def environ(self, *, worker: int = 0) -> dict[str, str]:
        """The variables that name these servers, for settings and for xdist's workers.

        Each worker has two of Valkey's databases to itself: clearing a cache empties a whole one.
        """
        mine = 2 * worker
        return {
            _VARIABLE: json.dumps(asdict(self)),
            "PORTAL_MODE": "test",
            "PORTAL_STATE": self.state,
            "DATABASE_URL": self.runtime_url,
            "DATABASE_OWNER_URL": self.owner_url,
            "DATABASE_SYSTEM_URL": self.system_url,
            "VALKEY_URL": with_query(self.valkey_url, f"db={mine}"),
            "CELERY_BROKER_URL": with_query(self.broker_url, f"virtual_host={mine + 1}"),
        }


def with_database(url: str, name: str) -> str:
    """The same libpq URL for another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def with_query(url: str, query: str) -> str:
    """The same URL with another query."""
    return urlunsplit(urlsplit(url)._replace(query=query))


@contextmanager
def servers(
    state_dir: Path | None = None, *, sandbox: bool = False, durable: bool = False
) -> Iterator[Servers]:
    """PostgreSQL and Valkey on sockets of their own, without ports, and without fsync unless `durable`.

    `state_dir` (a folder to make; default a fresh temporary one) is deleted at the end. A guard
    process ends the servers when this process is gone, even by SIGKILL.
    """
    inherited = os.environ.get(_VARIABLE)
    if inherited:
        yield Servers(**json.loads(inherited))
        return
    folder = state_dir or Path(tempfile.mkdtemp(prefix="portal-test-"))
    with _guarded(folder):
        yield _start(folder, sandbox=sandbox, durable=durable)


def _start(folder: Path, *, sandbox: bool, durable: bool) -> Servers:
    state = open_state(folder)
    installation = Installation(state, load_secrets(state), NO_PORTS, durable=durable)
    names = [POSTGRES, VALKEY, *(["aurelia-postgres"] if sandbox else [])]
    with ThreadPoolExecutor(len(names)) as pool:
        list(pool.map(lambda name: start_and_wait(installation.server(name)), names))
    urls = roles.database_urls(installation.postgres, installation.secrets.roles, roles.DATABASE)
    return Servers(
        state=str(folder),
        owner_url=urls.owner,
        runtime_url=urls.runtime,
        system_url=urls.system,
        superuser_url=urls.superuser,
        valkey_url=installation.valkey.url(),
        broker_url=installation.valkey.broker_url(),
        sandbox_url=installation.sandbox_database_url("aurelia") if sandbox else "",
    )


@contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    guard = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "portal.local", "guard", str(folder)],
        stdin=subprocess.PIPE,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    try:
        yield
    finally:
        # The end of its input tells the guard that we are done, or dead.
        guard.communicate(timeout=30)
        processes.reap()
