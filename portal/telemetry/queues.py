"""How the queues of record stand: work that is due, by table and bank. Counts alone, of every bank."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.apps import apps
from django.db import connections

from portal.tenancy.models import QueueModel

# Due rows alone, which the tables' partial indexes hold: the cost follows the work, not the table.
_STANDING = """
    SELECT bank_id, count(*), min(due_at), count(*) FILTER (WHERE lease_until > %s)
    FROM "{table}" WHERE due_at <= %s GROUP BY bank_id
"""


@dataclass(frozen=True)
class Standing:
    """One bank's part of one queue: how much is due, how long the oldest has waited, how much is held."""

    queue: str
    bank_id: UUID
    due: int
    late: timedelta
    held: int


def queue_tables() -> list[str]:
    """Every table whose rows are work."""
    models = [each for each in apps.get_models() if issubclass(each, QueueModel)]
    return sorted(each._meta.db_table for each in models)


def standings(*, at: datetime) -> list[Standing]:
    """What is due now, asked as the system role."""
    found: list[Standing] = []
    with connections["system"].cursor() as cursor:
        for table in queue_tables():
            cursor.execute(_STANDING.format(table=table), [at, at])
            found += [
                Standing(table, bank_id, due, at - oldest, held)
                for bank_id, due, oldest, held in cursor.fetchall()
            ]
    return found
