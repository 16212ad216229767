"""Erasures, and what holds one back."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import QueueModel, RowReach, TenantForeignKey, TenantModel


class ErasureJob(QueueModel):
    """One erasure of all that is held of a customer, and what became of it.

    It outlives the customer: `customer_id` is no foreign key, and leads nowhere once it is done.
    """

    row_reach = RowReach.BANK_ALONE

    class Status(models.TextChoices):
        REQUESTED = "requested", _("Asked for")
        HELD = "held", _("Held back")
        ERASING = "erasing", _("Under way")
        DONE = "done", _("Done")

    customer_id = models.UUIDField()
    status = models.CharField(max_length=10, choices=Status, default=Status.REQUESTED)
    # customer, staff:<id>
    by = models.CharField(max_length=60)
    requested_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    # How many rows went, by what the table is called in a customer's copy.
    erased = models.JSONField(default=dict)
    # Authorisations that the bank was told to end, and those that it could not be told of.
    ended_at_bank = models.PositiveIntegerField(default=0)
    left_at_bank = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "customer_id"], name="erasure_once")
        ]
        indexes = [
            models.Index(
                fields=["bank", "due_at"],
                name="erasure_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(fields=["bank", "-requested_at"], name="erasure_latest"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class LegalHold(TenantModel):
    """The bank has to keep what is held of a customer: nothing of it ages out or is erased meanwhile."""

    row_reach = RowReach.BANK_ALONE

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    reason = models.CharField(max_length=300)
    placed_by = models.CharField(max_length=60)
    placed_at = models.DateTimeField()
    lifted_by = models.CharField(max_length=60, blank=True)
    lifted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "customer"],
                name="legal_hold_once",
                condition=models.Q(lifted_at__isnull=True),
            )
        ]
        indexes = [models.Index(fields=["bank", "customer"], name="legal_hold_of")]

    def __str__(self) -> str:
        return str(self.id)
