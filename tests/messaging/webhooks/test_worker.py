"""The real worker in a process of its own: what becomes of a webhook when it is killed while sending."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from messaging.webhooks.actions import SEND_DUE
from portal.local.testing import with_database
from portal.wakeups import wake
from tests.messaging.webhooks.receiver import Receiver, Reply
from tests.messaging.webhooks.world import World
from tests.settings import SERVERS

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 60.0


@contextmanager
def worker(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`celery -A portal worker` on the test's database; killed at the end, whatever it does."""
    database = settings.DATABASES["default"]["NAME"]
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": with_database(SERVERS.runtime_url, database),
        "DATABASE_SYSTEM_URL": with_database(SERVERS.system_url, database),
        "PORTAL_WEBHOOK_TIMEOUT_SECONDS": "3",
    }
    command = (
        *(sys.executable, "-m", "celery", "-A", "portal", "worker", "--concurrency", "1"),
        *("--without-gossip", "--without-mingle", "--loglevel", "INFO"),
    )
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=out, stderr=out, start_new_session=True
        )
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wake_until(receiver: Receiver, count: int) -> None:
    """What beat does every five seconds, more often."""
    give_up = time.monotonic() + PATIENCE
    while len(receiver.received) < count:
        assert time.monotonic() < give_up, f"{len(receiver.received)} of {count} came"
        wake(SEND_DUE)
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_worker_killed_while_it_sends_is_followed_and_the_message_keeps_its_id(
    receiver: Receiver, tmp_path: Path
) -> None:
    world = World(receiver)
    receiver.replies = [Reply(after=None)]
    world.scene.change()
    with worker(tmp_path / "first.log"):
        wake_until(receiver, 1)
    world.scene.change()
    with worker(tmp_path / "second.log"):
        wake_until(receiver, 3)
        while any(each["status"] == "pending" for each in world.log()):
            time.sleep(0.1)

    first, second = world.log()
    ids = sorted(each.id for each in receiver.received)
    assert ids == sorted([first["event_id"], first["event_id"], second["event_id"]])
    assert [each["status"] for each in (first, second)] == ["delivered", "delivered"]
