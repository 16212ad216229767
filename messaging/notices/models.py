"""Telling a customer of an alert where no page is open: which way, whether it reached them, and when."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.secrets.fields import SealedField
from portal.tenancy.models import QueueModel, RowReach, TenantForeignKey, TenantModel


class Way(models.TextChoices):
    MAIL = "mail", _("Mail")
    PUSH = "push", _("Notification")


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


class PushSubscription(TenantModel):
    """A browser in which the customer wants to be notified: where its push service takes messages for it,
    and the keys that it alone can read them with."""

    row_reach = RowReach.CUSTOMER

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    endpoint = SealedField()
    # SHA-256 of the endpoint, by which the browser knows itself in the list.
    endpoint_digest = models.CharField(max_length=64)
    keys = SealedField()
    label = models.CharField(max_length=60)
    created_at = models.DateTimeField()
    # When its push service last took something for it.
    reached_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "customer", "endpoint_digest"], name="push_subscription_once"
            )
        ]

    def __str__(self) -> str:
        return self.label


class WayChoice(TenantModel):
    """Whether a customer wants to be told by a way; none where they have not said: then they are."""

    row_reach = RowReach.CUSTOMER

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    way = models.CharField(max_length=8, choices=Way)
    is_on = models.BooleanField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "customer", "way"], name="way_choice_once")
        ]

    def __str__(self) -> str:
        return f"{self.way} {self.is_on}"


class Sending(QueueModel):
    """Something on its way to one customer. It holds no words: they are made when it leaves."""

    row_reach = RowReach.CUSTOMER

    class State(models.TextChoices):
        PLANNED = "planned", _("Waits")
        # It may have left us: a worker that dies now leaves it so.
        SENDING = "sending", _("On its way")
        REACHED = "reached", _("Reached")
        CANCELLED = "cancelled", _("Not needed")
        FAILED = "failed", _("Given up")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNED)
    # Why it is where it is: seen, answered, not_shared, no_address, or what the server said.
    reason = models.CharField(max_length=60, blank=True)
    planned_at = models.DateTimeField()
    reached_at = models.DateTimeField(null=True, blank=True)
    trace = models.CharField(max_length=64, blank=True)

    class Meta:
        abstract = True


class Notice(Sending):
    """One alert, or one line that reminds, on its way to one customer by one way."""

    message = TenantForeignKey("messaging.Message", models.CASCADE)
    # What is told, once by each way: the alert, or the line itself.
    alert_id = models.UUIDField()
    way = models.CharField(max_length=8, choices=Way)
    occurred_at = models.DateTimeField()
    # Written down as disclosed, once however often it is tried.
    disclosed_at = models.DateTimeField(null=True, blank=True)

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


class AddressProof(Sending):
    """An address that a customer says is theirs, and the six digits mailed there that will show it."""

    address = SealedField()
    code = SealedField()
    expires_at = models.DateTimeField()
    tries_left = models.PositiveSmallIntegerField()
    # Used, given up, or followed by a newer one.
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "customer"],
                name="address_proof_open_once",
                condition=models.Q(closed_at__isnull=True),
            )
        ]
        indexes = [
            models.Index(
                fields=["bank", "due_at"],
                name="address_proof_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(fields=["bank", "customer", "-planned_at"], name="address_proof_latest"),
        ]

    def __str__(self) -> str:
        return str(self.id)
