"""A few places for work that many could do at once: the database counts them, and frees those of the dead."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def one_of(places: int, *, work: int) -> Iterator[bool]:
    """Hold one of so many places for this kind of `work` (a number of its own); False where all are taken.

    An advisory lock of the session: freed when the block ends, or when the process dies.
    """
    with connection.cursor() as cursor:
        for place in range(places):
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [work, place])
            if cursor.fetchone()[0]:
                break
        else:
            yield False
            return
        try:
            yield True
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s, %s)", [work, place])
