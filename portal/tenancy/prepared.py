"""Statements that are asked all the time, planned once a connection.

Django has PostgreSQL parse and plan every query anew. Under row policies that takes several times as long as the
query itself, so the few statements behind every poke and every release are prepared (PREPARE, PostgreSQL's SQL reference).
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg.rows import TupleRow

from portal.tenancy.blocks import served


class _Prepared(psycopg.Cursor[TupleRow]):
    """psycopg's own cursor, which leaves values to the server; Django's writes them into the statement."""

    def execute(self, query: Any, params: Any = None, **_options: Any) -> "_Prepared":
        return super().execute(query, params, prepare=True)


def ask_prepared(statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """The statement's rows, in the open block. Raises NoBankServed outside of one.

    Its text is the same each time: whatever differs is a parameter, lists as arrays (`= ANY(%s)`).
    """
    served()
    connection = connections[DEFAULT_DB_ALIAS]
    connection.ensure_connection()
    raw: Any = _Prepared(connection.connection)
    # As `connection.cursor()` would: counted where queries are counted, errors as Django's.
    cursor: Any = (
        connection.make_debug_cursor(raw)
        if connection.queries_logged
        else connection.make_cursor(raw)
    )
    with cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
