"""Storing a fact in the transaction that makes it true."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.utils.module_loading import import_string

from portal.outbox.events import Event, Subscription
from portal.outbox.models import OutboxDelivery, OutboxEvent
from portal.outbox.pokes import poke_after_commit
from portal.telemetry.traces import current_trace
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id

_NEXT_OF_KEY = """
    INSERT INTO portal_outboxkey (bank_id, id, key, head) SELECT %s, %s, %s, 1
    ON CONFLICT (bank_id, key) DO UPDATE SET head = portal_outboxkey.head + 1 RETURNING head
"""


@lru_cache(maxsize=1)
def subscriptions() -> tuple[Subscription, ...]:
    """Who hears what, as `portal/subscriptions.py` lists it."""
    listed: Iterable[Subscription] = import_string(settings.OUTBOX_SUBSCRIPTIONS)
    return tuple(listed)


def publish(event: Event, *, key: str, occurred_at: datetime, trace: str = "") -> UUID:
    """Keep the event, and one delivery a listener, in the open block; the event's id.

    Events of one key are heard in the order in which their transactions took the key. `trace` is the
    step that it belongs to where none is open.
    """
    bank_id = current_bank_id()
    stored = OutboxEvent.objects.create(
        key=key,
        seq=_next_of_key(bank_id, key),
        name=event.name,
        version=event.version,
        occurred_at=occurred_at,
        data=event.to_data(),
        trace=current_trace() or trace,
    )
    OutboxDelivery.objects.bulk_create(
        OutboxDelivery(
            event=stored, listener=each.listener, key=key, seq=stored.seq, due_at=occurred_at
        )
        for each in subscriptions()
        if each.event.name == event.name and each.event.version == event.version
    )
    poke_after_commit("relay", str(bank_id))
    return stored.id


def _next_of_key(bank_id: UUID, key: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_OF_KEY, [bank_id, new_id(), key])
        row = cursor.fetchone()
    return int(row[0])
