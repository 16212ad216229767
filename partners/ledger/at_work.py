"""The database at work while we go on: one statement is sent, and its answer is taken later.

No thread and no second connection: PostgreSQL's protocol sends a statement and reads its answer in two steps, and psycopg's own
`execute` waits in between. (PostgreSQL 18, libpq, "Asynchronous Command Processing".)
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

from django.db import DatabaseError, connection
from psycopg import errors, generators
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

_WELL = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})


class AtWork:
    """The connection, at one statement after another; nothing else may be asked of it between `begin` and `end`.

    Left by an exception, it waits and passes over what is answered: a connection that is at work cannot even roll back.
    """

    def __init__(self) -> None:
        self._has_begun = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, raised: object, trace: object) -> None:
        if raised is None:
            self.end()
            return
        # What was raised is what is heard of, and not that the connection was lost by it.
        with suppress(DatabaseError):
            self._take()

    def begin(self, statements: str, parameters: Mapping[str, Any]) -> None:
        """Send one statement, or several with a semicolon between them, and come back at once."""
        with connection.cursor() as cursor:
            whole = cursor.mogrify(statements, parameters)
        connected = connection.connection
        with connection.wrap_database_errors:
            connected.pgconn.send_query(whole.encode())
            self._has_begun = True
            connected.wait(generators.send(connected.pgconn))

    def end(self) -> list[PGresult]:
        """Wait; what was answered to each statement, nothing where none was sent. Raises what went wrong."""
        answered = self._take()
        failed = [each for each in answered if each.status not in _WELL]
        if failed:
            with connection.wrap_database_errors:
                raise errors.error_from_result(failed[0])
        return answered

    def _take(self) -> list[PGresult]:
        if not self._has_begun:
            return []
        self._has_begun = False
        connected = connection.connection
        with connection.wrap_database_errors:
            # As psycopg waits itself: other threads go on meanwhile.
            return list(connected.wait(generators.fetch_many(connected.pgconn)))
