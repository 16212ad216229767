"""Telling a customer of an alert where no page is open: which way, whether it reached them, and when."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.secrets.fields import SealedField
from portal.tenancy.models import QueueModel, RowReach, TenantForeignKey, TenantModel


class Way(models.TextChoices):
    MAIL = "mail", _("Mail")


class MailAddress(TenantModel):
    """Where a customer's mail goes: as the bank vouches for it, or as they proved it to be theirs."""

    row_reach = RowReach.CUSTOMER

    class Source(models.TextChoices):
        BANK = "bank", _("Given by the bank")
        CUSTOMER = "customer", _("Given by the customer")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    source = models.CharField(max_length=8, choices=Source)
    address = SealedField()
    changed_at = models.DateTimeField()
    # When a mail server last said that there is no such mailbox.
    refused_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "customer", "source"], name="mail_address_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class Notice(QueueModel):
    """One alert on its way to one customer by one way. Holds ids alone: its words are made when it leaves."""

    row_reach = RowReach.CUSTOMER

    class State(models.TextChoices):
        PLANNED = "planned", _("Waits")
        # It may have left us: a worker that dies now leaves it so.
        SENDING = "sending", _("On its way")
        REACHED = "reached", _("Reached")
        CANCELLED = "cancelled", _("Not needed")
        FAILED = "failed", _("Given up")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    message = TenantForeignKey("messaging.Message", models.CASCADE)
    alert_id = models.UUIDField()
    way = models.CharField(max_length=8, choices=Way)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    # Why it is where it is: seen, answered, not_shared, no_address, or what the server said.
    reason = models.CharField(max_length=60, blank=True)
    occurred_at = models.DateTimeField()
    planned_at = models.DateTimeField()
    # Written down as disclosed, once however often it is tried.
    disclosed_at = models.DateTimeField(null=True, blank=True)
    reached_at = models.DateTimeField(null=True, blank=True)
    trace = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "customer", "alert_id", "way"], name="notice_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["bank", "due_at"],
                name="notice_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(fields=["bank", "-planned_at"], name="notice_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.way} {self.id}"
