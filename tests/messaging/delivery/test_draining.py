"""The real command in a process of its own: what a socket is told when that process is asked to end."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.signin.queries import widget_session_of
from messaging.delivery.seats import customer_ticket
from portal.local.testing import with_database
from portal.local.web import socket_options
from tests.factories.messaging import make_in_chat
from tests.messaging.delivery.live import Client, open_socket
from tests.settings import SERVERS

ROOT = Path(__file__).resolve().parents[3]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def web(
    transactional_db: None, tmp_path: Path
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:  # the process reads what is committed
    """`uvicorn portal.asgi:application`, on the test's database."""
    port = _free_port()
    url = with_database(SERVERS.runtime_url, settings.DATABASES["default"]["NAME"])
    log = (tmp_path / "web.log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "uvicorn", "portal.asgi:application"),
            *("--host", "127.0.0.1", "--port", str(port)),
            *(*socket_options(), "--lifespan", "on"),
            *("--timeout-graceful-shutdown", "5"),
        ],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "portal.settings", "DATABASE_URL": url},
        stdout=log,
        stderr=log,
    )
    _wait_for(port)
    yield process, port
    process.kill()
    process.wait()
    log.close()


def _wait_for(port: int) -> None:
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    raise AssertionError("the server did not start")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_asked_to_end_sends_its_sockets_elsewhere_first(
    web: tuple[subprocess.Popen[bytes], int], number: signal.Signals
) -> None:
    process, port = web
    who = make_in_chat()
    principal = widget_session_of(who.token, timezone.now())
    assert principal is not None
    with open_socket(port, customer_ticket(principal).text) as raw:
        client = Client(raw)
        client.hello()
        client.follow(who.stream)

        process.send_signal(number)

        assert client.close_code() == 4200
        assert [each["t"] for each in client.frames[-1:]] == ["drain"]
    assert process.wait(10) in {0, -number}
