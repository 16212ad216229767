"""What a worker keeps from one task to the next. In a process of its own: the tests have no pool."""

import os
import subprocess
import sys

import pytest

_TASKS = """
import django
django.setup()
from types import SimpleNamespace
from celery.fixups.django import DjangoWorkerFixup
from celery.signals import task_postrun, task_prerun
from django.db import OperationalError, connection
from portal.celery import app

fixup = DjangoWorkerFixup(app)
fixup.worker = SimpleNamespace(pool_cls="celery.concurrency.prefork:TaskPool")

def task(query="SELECT 1"):
    fixup.close_database()
    task_prerun.send(sender=None)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone()
            cursor.execute(query)
    except OperationalError:
        pass
    task_postrun.send(sender=None)
    fixup.close_database()
    return pid
"""


@pytest.mark.parametrize(
    ("tasks", "fewest", "most"),
    [
        # A pool that is being opened, or replaces one, may open another meanwhile.
        pytest.param("[task() for _ in range(20)]", 1, 3, id="they share one"),
        pytest.param(
            "[task('SELECT pg_terminate_backend(pg_backend_pid())'), *(task() for _ in range(19))]",
            2,
            5,
            id="a broken one is replaced",
        ),
    ],
)
def test_connections_outlive_a_task(tasks: str, fewest: int, most: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", f"{_TASKS}\nprint(len(set({tasks})))"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings"},
    )

    assert ran.returncode == 0, ran.stderr
    assert fewest <= int(ran.stdout) <= most
