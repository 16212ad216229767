"""What was answered to a request that may come again."""

from django.db import models

from portal.tenancy.models import RowReach, TenantModel


class IdempotencyRecord(TenantModel):
    """One successful write under its Idempotency-Key; kept for 24 hours with ids, not with data."""

    row_reach = RowReach.BANK

    # sha256 of principal, method, route and key.
    scope_digest = models.CharField(max_length=64)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    # What is needed to render the answer again, through the gate: ids alone.
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "scope_digest"], name="idempotency_scope")
        ]
        indexes = [models.Index(fields=["bank", "created_at"], name="idempotency_age")]

    def __str__(self) -> str:
        return str(self.id)
