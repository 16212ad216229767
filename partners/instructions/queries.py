"""Reading what was asked of the bank, and finding what is due."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connections

from partners.instructions.models import Instruction

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


def get_instruction(instruction_id: UUID) -> Instruction:
    """Raises Instruction.DoesNotExist, also for one out of reach."""
    return Instruction.objects.get(pk=instruction_id)


def get_instructions(instruction_ids: Collection[UUID]) -> dict[UUID, Instruction]:
    """The instructions by id; those out of reach are left out."""
    return {each.id: each for each in Instruction.objects.filter(pk__in=instruction_ids)}


def instructions_of_alerts(alert_ids: Collection[UUID]) -> dict[UUID, Instruction]:
    """The freeze that was asked for after each of these alerts, where one was."""
    found = Instruction.objects.filter(alert_id__in=alert_ids, kind=Instruction.Kind.FREEZE)
    return {each.alert_id: each for each in found if each.alert_id is not None}
