"""Stopping a reading half-way, and the order in which transactions really committed, by the WAL."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql

from tests.settings import SERVERS

PATIENCE = 10.0
_COMMITS = """
    SELECT start_lsn - '0/0'::pg_lsn, xid::text, coalesce(substring(description FROM 'subxacts: ([0-9 ]+)'), '')
    FROM pg_get_wal_records_info(%s, pg_current_wal_flush_lsn())
    WHERE resource_manager = 'Transaction' AND record_type LIKE 'COMMIT%%'
"""
_WAITING = """
    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def superuser() -> psycopg.Connection:
    """Past every policy, on this test's database."""
    urls = SERVERS.database(settings.DATABASES["default"]["NAME"])
    return psycopg.connect(urls.superuser, autocommit=True)


class Commits:
    """What has committed since it was made, in the order of the log."""

    def __init__(self) -> None:
        with superuser() as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_walinspect")
            (self._since,) = _one(connection, "SELECT pg_current_wal_flush_lsn()::text")

    def of(self, table: str, ids: Iterable[Any]) -> dict[UUID, int]:
        """Where each row's newest version committed."""
        with superuser() as connection:
            # Only what is flushed can be read.
            connection.execute("SET synchronous_commit = on")
            connection.execute("SELECT pg_logical_emit_message(true, 'tests', '')")
            places = {}
            for place, xid, below in connection.execute(_COMMITS, [self._since]):
                places |= dict.fromkeys([xid, *below.split()], int(place))
            rows = connection.execute(
                sql.SQL("SELECT id, xmin::text FROM {} WHERE id = ANY(%s)").format(
                    sql.Identifier(table)
                ),
                [[UUID(str(each)) for each in ids]],
            )
            return {each: places[xid] for each, xid in rows}


@contextmanager
def stopped_at(table: str) -> Iterator[None]:
    """Whoever comes to that table waits until this is over."""
    with superuser() as connection, connection.transaction():
        connection.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(table))
        )
        yield


def wait_for_waiting(count: int) -> None:
    """Until so many wait for a lock of the database."""
    give_up = time.monotonic() + PATIENCE
    with superuser() as connection:
        while _one(connection, _WAITING)[0] < count:
            assert time.monotonic() < give_up, f"{count} were to wait"
            time.sleep(0.01)


class Doing(Thread):
    """A call in a thread with connections of its own; `result` is what it gave, or raises what it raised."""

    def __init__(self, call: Any) -> None:
        super().__init__(daemon=True)
        self._call, self._given, self._raised = call, None, None
        self.start()

    def run(self) -> None:
        try:
            self._given = self._call()
        except BaseException as reason:  # noqa: BLE001  # raised again for whoever asks
            self._raised = reason
        finally:
            connections.close_all()

    def result(self) -> Any:
        self.join(PATIENCE)
        assert not self.is_alive(), "it never came to an end"
        if self._raised is not None:
            raise self._raised
        return self._given

    def is_done_or_waiting(self, waiting: int) -> None:
        """Return once it has ended, or so many wait for a lock of the database."""
        give_up = time.monotonic() + PATIENCE
        with superuser() as connection:
            while self.is_alive() and _one(connection, _WAITING)[0] < waiting:
                assert time.monotonic() < give_up, "it neither ends nor waits"
                time.sleep(0.01)


def _one(connection: psycopg.Connection, statement: str) -> Any:
    return connection.execute(statement).fetchone()
