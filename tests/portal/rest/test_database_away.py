"""More is asked at once than there are connections to the database: said as such, on a real server."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from portal.environment import ROOT
from portal.local.testing import with_database
from tests.factories.accounts import make_household
from tests.factories.messaging import CHAT_HOST
from tests.partners.sharing.test_api import API_HOST, Program, make_program
from tests.ports import free_port
from tests.races import stopped_at, wait_for_waiting
from tests.settings import SERVERS

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


@pytest.fixture
def web(transactional_db: None, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """uvicorn with one connection to the database, for which nobody waits longer than a second."""
    port, log = free_port(), tmp_path / "web.log"
    small = {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": with_database(SERVERS.runtime_url, settings.DATABASES["default"]["NAME"]),
        "PORTAL_DATABASE_POOL": "1",
        "PORTAL_DATABASE_WAIT_SECONDS": "1",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "portal.asgi:application"),
                *("--host", "127.0.0.1", "--port", str(port), "--lifespan", "on"),
            ],
            cwd=ROOT,
            env=os.environ | small,
            stdout=out,
            stderr=out,
        )
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}", log
        finally:
            process.kill()
            process.wait()


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


def read_accounts(client: httpx.Client, program: Program) -> httpx.Response:
    headers = {
        "Host": API_HOST,
        "Authorization": f"Bearer {program.token}",
        "Portal-Consent": program.reference,
    }
    return client.get("/api/v1/accounts", headers=headers)


def test_who_finds_no_connection_is_told_when_to_come_again(web: tuple[str, Path]) -> None:
    url, log = web
    home = make_household()
    program = make_program(home)
    published = f"/disclosures/{home.bank_id}/checkpoint"
    page = "/alerts/any-bank/01997a3e-0000-7000-8000-000000000000"
    with httpx.Client(base_url=url, timeout=20, trust_env=False) as client:
        with ThreadPoolExecutor(1) as pool, stopped_at("partners_account"):
            first = pool.submit(read_accounts, client, program)
            wait_for_waiting(1)
            refused = [
                read_accounts(client, program),
                client.get(published, headers={"Host": API_HOST}),
            ]
            shown = client.get(page, headers={"Host": CHAT_HOST})
        later = read_accounts(client, program)

    for each in refused:
        assert each.headers["Content-Type"] == "application/problem+json"
        assert each.json()["type"].endswith("/problems/unavailable")
    for each in (*refused, shown):
        assert (each.status_code, each.headers["Retry-After"]) == (503, "2")
    assert "Too much at once" in shown.text
    assert (first.result().status_code, later.status_code) == (200, 200)
    words = log.read_text()
    assert "database away at /api/v1/accounts: PoolTimeout" in words
    assert "Traceback" not in words
