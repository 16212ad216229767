"""Forgetting what has been delivered long ago."""

from datetime import datetime, timedelta

from portal.outbox.models import OutboxDelivery, OutboxEvent

KEPT = timedelta(days=30)


def forget_delivered(*, before: datetime, at_most: int = 1000) -> int:
    """Delete delivered rows older than `before`, and events nobody waits for; how many events."""
    old = OutboxDelivery.objects.filter(delivered_at__lt=before).values_list("pk", flat=True)
    OutboxDelivery.objects.filter(pk__in=list(old[:at_most])).delete()
    waited_for = OutboxDelivery.objects.values("event_id")
    done = OutboxEvent.objects.filter(occurred_at__lt=before).exclude(pk__in=waited_for)
    gone, _tables = OutboxEvent.objects.filter(
        pk__in=list(done.values_list("pk", flat=True)[:at_most])
    ).delete()
    return gone
