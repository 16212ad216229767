"""Where client programs want to be told, and every message on its way there.

An endpoint belongs to a program, which serves customers of several banks; a delivery to the bank and the
customer that it is about.
"""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.secrets.fields import SealedField
from portal.tenancy.ids import new_id
from portal.tenancy.models import QueueModel, RowReach, TenantForeignKey, TenantModel


class WebhookEndpoint(models.Model):
    """An address of a client program's, and what is told there."""

    class Disabled(models.TextChoices):
        PROGRAM = "program", _("By the program")
        GONE = "gone", _("It answered 410")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    client = models.ForeignKey("accounts.Client", models.CASCADE, related_name="+")
    url = models.CharField(max_length=500)
    # Names of public events; none in particular is all of them.
    event_types = models.JSONField(default=list)
    description = models.CharField(max_length=200, blank=True)
    disabled_why = models.CharField(max_length=10, choices=Disabled, blank=True)
    # How often it has failed in a row. One that fails is asked less often, whatever waits for it.
    failures = models.PositiveIntegerField(default=0)
    resting_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    # Gone for its program; kept until the last delivery that names it has aged out.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["client", "id"], name="webhook_endpoint_of")]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_enabled(self) -> bool:
        return not self.disabled_why and self.deleted_at is None


class WebhookSecret(models.Model):
    """What an endpoint's messages are signed with; for a while after a change there are two."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="secrets")
    secret = SealedField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.id)


class WebhookDelivery(QueueModel):
    """One event on its way to one endpoint. `attempts` counts since it was last put in the queue."""

    row_reach = RowReach.CUSTOMER

    class Status(models.TextChoices):
        PENDING = "pending", _("Waiting")
        DELIVERED = "delivered", _("Delivered")
        DEAD = "dead", _("Given up")
        CANCELLED = "cancelled", _("Cancelled")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    event = TenantForeignKey("messaging.StreamEvent", models.CASCADE)
    endpoint = TenantForeignKey("messaging.WebhookEndpoint", models.RESTRICT)
    consent = TenantForeignKey("accounts.Consent", models.CASCADE)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    # Why it was cancelled or given up: a problem's name, or the endpoint's state.
    reason = models.CharField(max_length=40, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "event", "endpoint"], name="webhook_delivery_once"
            )
        ]
        indexes = [
            models.Index(fields=["bank", "endpoint", "-id"], name="webhook_delivery_log"),
            models.Index(fields=["bank", "created_at"], name="webhook_delivery_age"),
            models.Index(
                fields=["bank", "due_at"],
                name="webhook_delivery_due",
                condition=Q(due_at__isnull=False),
            ),
            models.Index(
                fields=["bank", "endpoint", "due_at"],
                name="webhook_delivery_due_there",
                condition=Q(due_at__isnull=False),
            ),
            # Which banks an endpoint hears from: asked before any bank is served.
            models.Index(fields=["endpoint", "bank"], name="webhook_delivery_banks"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class WebhookAttempt(TenantModel):
    """One try to hand a delivery over: when, how it ended, how long it took. Never what was said."""

    row_reach = RowReach.CUSTOMER

    class Outcome(models.TextChoices):
        DELIVERED = "delivered", _("Taken")
        REFUSED = "refused", _("Answered by another status")
        TIMED_OUT = "timed_out", _("Too slow")
        UNREACHABLE = "unreachable", _("No connection, or a broken one")
        NOT_ALLOWED = "not_allowed", _("An address that we never call")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    delivery = TenantForeignKey("messaging.WebhookDelivery", models.CASCADE)
    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    outcome = models.CharField(max_length=11, choices=Outcome)
    response_code = models.PositiveSmallIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "delivery", "number"], name="webhook_attempt_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.id}"


class WebhookTest(models.Model):
    """A ping that a program asked for: sent once, and never again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="tests")
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=11, choices=WebhookAttempt.Outcome, blank=True)
    response_code = models.PositiveSmallIntegerField(null=True, blank=True)
    latency_ms = models.PositiveIntegerField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], name="webhook_test_due", condition=Q(due_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class WebhookReplay(models.Model):
    """A span of time whose deliveries a program asked for again."""

    class Which(models.TextChoices):
        ALL = "all", _("All of them")
        UNDELIVERED = "undelivered", _("Those that were not delivered")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="replays")
    since = models.DateTimeField()
    until = models.DateTimeField()
    which = models.CharField(max_length=11, choices=Which)
    requested_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    queued = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"], name="webhook_replay_due", condition=Q(due_at__isnull=False)
            )
        ]

    def __str__(self) -> str:
        return str(self.id)
