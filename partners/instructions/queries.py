"""Finding what is due to be asked of banks."""

from datetime import datetime
from uuid import UUID

from django.db import connections

_BANKS_WITH_WORK = """
    SELECT bank_id FROM partners_instruction
    WHERE due_at <= %s AND (lease_until IS NULL OR lease_until <= %s)
    GROUP BY bank_id ORDER BY min(due_at)
"""


def banks_with_due_instructions(*, at: datetime) -> list[UUID]:
    """The banks that have something to be asked, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at, at])
        return [row[0] for row in cursor.fetchall()]
