"""Reading instructions."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connections

from partners.instructions.models import Instruction

_BANKS_WITH_WORK = """
    SELECT bank_id FROM partners_instruction
    WHERE due_at <= %s AND (lease_until IS NULL OR lease_until <= %s)
    GROUP BY bank_id ORDER BY min(due_at)
"""


def banks_with_work(*, at: datetime) -> list[UUID]:
    """The banks that have instructions due, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at, at])
        return [UUID(str(row[0])) for row in cursor.fetchall()]


def get_instructions(instruction_ids: Sequence[UUID]) -> dict[UUID, Instruction]:
    """Those of the ids that the open block reaches."""
    return {each.id: each for each in Instruction.objects.filter(pk__in=list(instruction_ids))}
