"""The index in which Django finds the ground floor's tables."""

from portal.outbox.models import OutboxDelivery, OutboxEvent, OutboxKey
from portal.rest.models import IdempotencyRecord
from portal.secrets.models import SigningKey

__all__ = ["IdempotencyRecord", "OutboxDelivery", "OutboxEvent", "OutboxKey", "SigningKey"]
