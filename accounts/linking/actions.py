"""Tying a customer to an account, and untying them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from accounts.consent.actions import withdraw_objections
from accounts.consent.latch import close_latch
from accounts.linking.models import Link
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id

_LINK = """
    INSERT INTO accounts_link (bank_id, id, customer_id, account_id, connection_id, linked_at)
    SELECT %s, %s, %s, %s, %s, %s
    ON CONFLICT (bank_id, customer_id, account_id) WHERE ended_at IS NULL
    DO UPDATE SET connection_id = excluded.connection_id
    RETURNING id
"""


def link_account(
    *, customer_id: UUID, account_id: UUID, connection_id: UUID, at: datetime
) -> UUID:
    """Tie the customer to the account; one that is tied already moves to the newer connection."""
    values: list[Any] = [current_bank_id(), new_id(), customer_id, account_id, connection_id, at]
    with connection.cursor() as cursor:
        cursor.execute(_LINK, values)
        row = cursor.fetchone()
    return UUID(str(row[0]))


def end_link(*, customer_id: UUID, account_id: UUID, at: datetime) -> bool:
    """Untie them; False where no tie held. Nothing of the account leaves once this is committed."""
    close_latch(customer_id)
    live = Link.objects.filter(
        customer_id=customer_id, account_id=account_id, ended_at__isnull=True
    )
    # Who holds it no more has no say in it.
    withdraw_objections(customer_id=customer_id, account_ids=[account_id])
    return live.update(ended_at=at) == 1
