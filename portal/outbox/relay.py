"""Carrying stored events to their listeners: in the order of each key, at least once, effect once.

A delivery is claimed, handled and marked in one transaction, so that a crash anywhere leaves it as it
was. Any number of relays may run: SKIP LOCKED keeps them apart, and an event never overtakes an
earlier one of its key that has not been delivered.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import connections, transaction
from django.utils.module_loading import import_string

from portal.outbox.events import Delivered, Handler, Subscription
from portal.outbox.models import OutboxDelivery
from portal.outbox.publishing import subscriptions
from portal.outbox.rules import is_dead, wait_after
from portal.telemetry.measures import DELIVERIES, DELIVERY_LAG
from portal.telemetry.traces import span
from portal.tenancy.blocks import serving

logger = logging.getLogger(__name__)

_BANKS_WITH_WORK = """
    SELECT bank_id FROM portal_outboxdelivery WHERE due_at <= %s
    GROUP BY bank_id ORDER BY min(due_at)
"""
_CLAIM = """
    SELECT d.id FROM portal_outboxdelivery d
    WHERE d.bank_id = %s AND d.due_at <= %s AND NOT EXISTS (
        SELECT 1 FROM portal_outboxdelivery earlier
        WHERE earlier.bank_id = d.bank_id AND earlier.listener = d.listener
          AND earlier.key = d.key AND earlier.seq < d.seq
          AND earlier.delivered_at IS NULL AND earlier.dead_at IS NULL)
    ORDER BY d.due_at, d.id LIMIT 1 FOR UPDATE OF d SKIP LOCKED
"""

Clock = Callable[[], datetime]


def banks_with_work(*, at: datetime) -> list[UUID]:
    """The banks that have deliveries due, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at])
        return [row[0] for row in cursor.fetchall()]


def deliver_due(*, bank_id: UUID, clock: Clock, at_most: int = 50) -> int:
    """Hand at most `at_most` due deliveries of one bank to their listeners; how many were handled."""
    for handled in range(at_most):
        if not deliver_one(bank_id=bank_id, at=clock()):
            return handled
    return at_most


def deliver_one(*, bank_id: UUID, at: datetime) -> bool:
    """Claim, handle and mark one delivery in one transaction; False where nothing is due."""
    with serving(bank_id):
        delivery = _claim(bank_id, at)
        if delivery is None:
            return False
        event, listener = delivery.event, delivery.listener
        try:
            with (
                span(f"hear {event.name}", trace=event.trace, listener=listener),
                transaction.atomic(),
            ):
                _handle(delivery)
        except Exception as problem:  # noqa: BLE001  # one listener's fault must not stop the others
            _put_off(delivery, problem, at)
            DELIVERIES.labels(listener, "dead" if delivery.dead_at else "failed").inc()
        else:
            delivery.delivered_at = at
            delivery.due_at = None
            delivery.save(update_fields=["delivered_at", "due_at"])
            DELIVERIES.labels(listener, "delivered").inc()
            DELIVERY_LAG.observe(max(0.0, (at - event.occurred_at).total_seconds()))
    return True


def _claim(bank_id: UUID, at: datetime) -> OutboxDelivery | None:
    claimed = list(OutboxDelivery.objects.raw(_CLAIM, [bank_id, at]))
    if not claimed:
        return None
    return OutboxDelivery.objects.select_related("event").get(pk=claimed[0].pk)


def _subscription(delivery: OutboxDelivery) -> Subscription | None:
    for each in subscriptions():
        same = (each.listener, each.event.name, each.event.version)
        if same == (delivery.listener, delivery.event.name, delivery.event.version):
            return each
    return None


def _handle(delivery: OutboxDelivery) -> None:
    subscription = _subscription(delivery)
    if subscription is None:
        # The listener is gone from the list: nobody waits for this any more.
        return
    handler: Handler = import_string(subscription.handler)
    stored = delivery.event
    event = subscription.event.from_data(stored.data)
    handler(event, Delivered(stored.id, stored.bank_id, stored.occurred_at, stored.trace))


def _put_off(delivery: OutboxDelivery, problem: Exception, at: datetime) -> None:
    delivery.attempts += 1
    delivery.last_problem = type(problem).__name__
    delivery.due_at = at + wait_after(delivery.attempts)
    if is_dead(delivery.attempts):
        delivery.dead_at, delivery.due_at = at, None
    delivery.save(update_fields=["attempts", "last_problem", "due_at", "dead_at"])
    logger.error(
        "delivery failed: %s of %s, attempt %d",
        delivery.listener,
        delivery.event.name,
        delivery.attempts,
        exc_info=problem,
    )
