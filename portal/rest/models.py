"""What was answered to a request that may come again."""

from django.db import models

from portal.tenancy.ids import new_id
from portal.tenancy.models import RowReach, TenantModel


class KeptAnswer(models.Model):
    """What both kinds of records hold: ids from which the answer is rendered again, never data."""

    # sha256 of principal, method, route and key.
    scope_digest = models.CharField(max_length=64)
    body_digest = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    # What is needed to render the answer again, through the gate: ids alone.
    result = models.JSONField(default=dict)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.pk)


class IdempotencyRecord(KeptAnswer, TenantModel):
    """One successful write under its Idempotency-Key; kept for 24 hours."""

    row_reach = RowReach.BANK

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "scope_digest"], name="idempotency_scope")
        ]
        indexes = [models.Index(fields=["bank", "created_at"], name="idempotency_age")]


class ClientIdempotencyRecord(KeptAnswer):
    """The same of a write to what belongs to a client program, and so to no bank."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    scope_digest = models.CharField(max_length=64, unique=True)

    class Meta:
        indexes = [models.Index(fields=["created_at"], name="client_idempotency_age")]
