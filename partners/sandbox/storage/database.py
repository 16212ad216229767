"""The bank's own database: connecting with patience, making its tables, one lock for its ledger."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

Connection = AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]

_SCHEMA = Path(__file__).with_name("schema.sql")
_OLDEST_SERVER = 180000
_log = logging.getLogger("sandbox.database")


class DatabaseUnfit(Exception):
    """The database cannot be used, and waiting will not help."""


async def open_pool(*, url: str, schema: str, wait_seconds: int) -> Pool:
    """A pool on a database whose tables exist; waits for a server that is still starting."""
    options: dict[str, Any] = {
        "row_factory": dict_row,
        "autocommit": True,
        "options": f"-c search_path={schema} -c timezone=UTC",
        "connect_timeout": 5,
    }
    await _make_tables(url, schema, options, wait_seconds)
    pool: Pool = AsyncConnectionPool(url, kwargs=options, min_size=2, max_size=8, open=False)
    await pool.open(wait=True, timeout=10)
    return pool


async def _make_tables(url: str, schema: str, options: dict[str, Any], wait_seconds: int) -> None:
    connection = await _connect_patiently(url, options, wait_seconds)
    async with connection, connection.transaction():
        if connection.info.server_version < _OLDEST_SERVER:
            raise DatabaseUnfit("PostgreSQL 18 or later is needed")
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (schema,))
        await connection.execute(
            sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema))
        )
        await connection.execute(_SCHEMA.read_bytes())


async def _connect_patiently(url: str, options: dict[str, Any], wait_seconds: int) -> Connection:
    deadline = time.monotonic() + wait_seconds
    pause = 0.1
    while True:
        try:
            return await AsyncConnection.connect(url, **options)
        except psycopg.OperationalError as problem:
            if time.monotonic() >= deadline:
                raise DatabaseUnfit("the database does not answer") from problem
            _log.warning("database_not_ready retry_in=%.1f", pause)
        await asyncio.sleep(pause)
        pause = min(pause * 2, 2.0)


async def read_fact(connection: Connection, name: str) -> str | None:
    """One remembered fact of the bank, such as its seed."""
    cursor = await connection.execute("SELECT value FROM bank_facts WHERE name = %s", (name,))
    row = await cursor.fetchone()
    return row["value"] if row else None


async def remember_fact(connection: Connection, name: str, value: str) -> None:
    """Keep a fact, replacing an earlier one of that name."""
    await connection.execute(
        "INSERT INTO bank_facts (name, value) VALUES (%s, %s)"
        " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        (name, value),
    )
