"""One migrated database a worker, cloned from a template; everything runs as the runtime role."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as search
from psycopg import sql

from portal.local.testing import Servers, servers
from portal.telemetry.traces import start_tracing

# How long a machine takes says nothing about a rule.
search.register_profile("portal", deadline=None, suppress_health_check=[HealthCheck.too_slow])
search.load_profile("portal")

TEMPLATE = "portal_template"
# Written by migrations or by Django after them: the same for every test.
KEPT = {
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "accounts_purpose",
    "accounts_notice",
}
SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_collection_finish() -> None:
    """Eight thousand collected tests are no garbage: they are not looked through again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Official specifications and real rows, where this checkout has them beside it."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared, which is not part of the project")
    return SHARED


def _exists(running: Servers, name: str) -> bool:
    with psycopg.connect(running.superuser_url, autocommit=True) as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return found.fetchone() is not None


def _migrated_template(running: Servers) -> None:
    # Workers start together: one migrates, the others wait for it.
    with psycopg.connect(running.superuser_url, autocommit=True) as lock:
        lock.execute("SELECT pg_advisory_lock(20261124)")
        if _exists(running, TEMPLATE):
            return
        running.make_database("portal_making")
        _point_at("portal_making")
        call_command("migrate", database="owner", verbosity=0)
        connections.close_all()
        lock.execute(
            sql.SQL("ALTER DATABASE portal_making RENAME TO {}").format(sql.Identifier(TEMPLATE))
        )


def _point_at(name: str) -> None:
    connections.close_all()
    for alias in connections:
        settings.DATABASES[alias]["NAME"] = name
        connections[alias].settings_dict["NAME"] = name


@pytest.fixture(scope="session", autouse=True)
def _traced() -> None:
    start_tracing("tests")


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "only")
    name = f"portal_{worker}"
    with servers() as running, django_db_blocker.unblock():
        _migrated_template(running)
        running.make_database(name, template=TEMPLATE)
        _point_at(name)
        yield
        connections.close_all()


_HOLDING = """
    SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""


def empty_tables() -> None:
    """Delete every row, past what holds rows in their place; whoever still writes is waited for.

    Where anything ever was: to truncate eighty tables makes some hundred files anew, five times as slow.
    """
    connections.close_all()
    with servers() as running:
        url = running.database(settings.DATABASES["owner"]["NAME"]).superuser
    with psycopg.connect(url) as connection:
        held = [
            sql.Identifier(name) for (name,) in connection.execute(_HOLDING) if name not in KEPT
        ]
        if not held:
            return
        connection.execute(
            sql.SQL("LOCK TABLE {} IN EXCLUSIVE MODE").format(sql.SQL(", ").join(held))
        )
        connection.execute("SET LOCAL session_replication_role = replica")
        every = [sql.SQL("DELETE FROM {}").format(each) for each in held]
        connection.execute(sql.SQL("; ").join(every))


def _truncate(_case: TransactionTestCase) -> None:
    empty_tables()


TransactionTestCase._fixture_teardown = _truncate  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _one_dead_end_for_mail(settings: Any, tmp_path: Path) -> None:
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
