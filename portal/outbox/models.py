"""Facts stored with the data that they are about, and their way to each listener."""

from django.db import models
from django.db.models import Q

from portal.tenancy.models import QueueModel, RowReach, TenantForeignKey, TenantModel


class OutboxKey(TenantModel):
    """An ordering key's counter: events of one key are heard in the order of their `seq`."""

    row_reach = RowReach.BANK

    key = models.CharField(max_length=80)
    head = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "key"], name="outbox_key")]

    def __str__(self) -> str:
        return self.key


class OutboxEvent(TenantModel):
    """A fact, in ids and plain values; versioned apart from what the public API calls it."""

    row_reach = RowReach.ADDED

    key = models.CharField(max_length=80)
    seq = models.PositiveBigIntegerField()
    name = models.CharField(max_length=60)
    version = models.PositiveSmallIntegerField(default=1)
    occurred_at = models.DateTimeField()
    data = models.JSONField()
    trace = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "key", "seq"], name="outbox_seq")]

    def __str__(self) -> str:
        return f"{self.name} {self.id}"


class OutboxDelivery(QueueModel):
    """One event on its way to one listener. A failing one blocks its key for that listener alone."""

    row_reach = RowReach.ADDED

    event = TenantForeignKey("portal.OutboxEvent", models.CASCADE)
    listener = models.CharField(max_length=80)
    key = models.CharField(max_length=80)
    seq = models.PositiveBigIntegerField()
    delivered_at = models.DateTimeField(null=True, blank=True)
    dead_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "event", "listener"], name="delivery_once")
        ]
        indexes = [
            models.Index(
                fields=["bank", "listener", "key", "seq"],
                name="delivery_waiting",
                condition=Q(delivered_at__isnull=True),
            ),
            models.Index(
                fields=["bank", "due_at"],
                name="delivery_due",
                condition=Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["bank", "delivered_at"],
                name="delivery_done",
                condition=Q(delivered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listener} {self.id}"
