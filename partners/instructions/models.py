"""What we ask of a bank, and what it really did."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import QueueModel, RowReach, TenantForeignKey


class Instruction(QueueModel):
    """Something asked of a bank. Its id is what the bank knows it by, so asking twice is asking once."""

    row_reach = RowReach.ACCOUNT

    class Kind(models.TextChoices):
        FREEZE = "freeze", _("Freeze the card")

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Asking the bank")
        DONE = "done", _("Done")
        FAILED = "failed", _("Not done")
        UNKNOWN = "unknown", _("The bank has not said")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    account = TenantForeignKey("partners.Account", models.CASCADE)
    connection = TenantForeignKey("partners.Connection", models.CASCADE)
    alert = TenantForeignKey("partners.Alert", models.CASCADE, null=True, blank=True)
    # What the gate allowed it under when it was asked for; null where that was not kept yet.
    consent = TenantForeignKey("accounts.Consent", models.CASCADE, null=True, blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    # The step of the trace that asked: carrying it out belongs to it.
    trace = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    card_id = models.CharField(max_length=128, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    # Once a request may have left us, the bank is asked what became of it before it is sent again.
    sent_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    # Why it is unknown or failed: the bank's word, or one of ours (rules).
    reason = models.CharField(max_length=60, blank=True)
    # How the bank refused a sending that followed an unanswered one: its record is asked since, and
    # it is not sent again.
    refused_as = models.CharField(max_length=60, blank=True)
    requested_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "alert", "kind"], name="instruction_once_per_alert"
            )
        ]
        indexes = [
            models.Index(
                fields=["bank", "due_at"],
                name="instruction_due",
                condition=models.Q(due_at__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"
