"""The index in which Django finds the ground floor's tables."""

from portal.outbox.models import OutboxDelivery, OutboxEvent, OutboxKey
from portal.rest.models import IdempotencyRecord

__all__ = ["IdempotencyRecord", "OutboxDelivery", "OutboxEvent", "OutboxKey"]
