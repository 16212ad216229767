"""A bank with a page of a hundred transactions, on servers of the benchmark's own whose commits wait for the disk."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import django

from portal.local.testing import Servers

ROWS = 100


def prepare(running: Servers) -> None:
    os.environ.update(running.environ())
    os.environ.setdefault("PORTAL_SECRET_KEY", uuid4().hex * 2)
    os.environ.setdefault("PORTAL_KEYS", "test1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    os.environ["PORTAL_LIMIT_FACTOR"] = "100000"
    os.environ["PORTAL_LOG_LEVEL"] = "WARNING"
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415  # needs the settings
    from django.db import connections  # noqa: PLC0415

    call_command("migrate", database="owner", verbosity=0)
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "CREATE TABLE benchmark_plain"
            " (id uuid PRIMARY KEY, bank_id uuid NOT NULL, at timestamptz NOT NULL, what jsonb)"
        )


@contextmanager
def sealing(log: Path) -> Iterator[None]:
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "manage.py", "sealer"], stdout=out, stderr=out)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def filled_home(bank: Any = None) -> tuple[Any, Any, Any]:
    made: Any = import_module("tests.factories.accounts")
    home, client = made.make_household(bank), made.make_client()
    for number in range(ROWS):
        made.make_entry(home.account, amount_minor=-100 - number)
    return home, made.make_consent(home.customer, [home.account], client=client), client


def say(words: str) -> None:
    sys.stderr.write(f"{words}\n")
