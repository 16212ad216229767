"""Runs of reading a feed, and the bank's hints that there is something to read."""

from django.db import models

from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class SyncRun(TenantModel):
    """One reading of one feed of one account, page by page; and what staff decided about reading a history."""

    row_reach = RowReach.ACCOUNT

    class Outcome(models.TextChoices):
        RUNNING = "running"
        COMPLETE = "complete"
        FAILED = "failed"
        PAUSED = "paused"
        RESUMED = "resumed"
        CANCELLED = "cancelled"
        BEGUN = "begun"

    connection = TenantForeignKey("partners.Connection", models.CASCADE)
    account = TenantForeignKey("partners.Account", models.CASCADE)
    kind = models.CharField(max_length=20)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.RUNNING)
    problem = models.CharField(max_length=60, blank=True)
    covers_from = models.DateField(null=True, blank=True)
    pages = models.PositiveIntegerField(default=0)
    added = models.PositiveIntegerField(default=0)
    modified = models.PositiveIntegerField(default=0)
    removed = models.PositiveIntegerField(default=0)
    # Rows the bank sent that could not be read, by position and field alone.
    rejected = models.JSONField(default=list)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    # Who of the bank's staff decided it, where one did.
    decided_by = models.CharField(max_length=60, blank=True, default="")

    class Meta:
        indexes = [models.Index(fields=["bank", "-started_at"], name="sync_run_latest")]

    def __str__(self) -> str:
        return str(self.id)


class Notification(TenantModel):
    """A bank's signed hint, stored before it is answered; a second one with the same jti is dropped."""

    row_reach = RowReach.BANK_ALONE

    jti = models.CharField(max_length=128)
    account_external_ids = models.JSONField(default=list)
    occurred_at = models.DateTimeField(null=True, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "jti"], name="notification_jti")]
        indexes = [models.Index(fields=["bank", "-received_at"], name="notification_latest")]

    def __str__(self) -> str:
        return self.jti
