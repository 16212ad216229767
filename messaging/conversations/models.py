"""Who talks with whom, every message, and the numbered stream that tells of it."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.tenancy.ids import new_id
from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class Stream(TenantModel):
    """A counter: `head` is the number of the last event of the stream `name`, without a gap.

    Its row is locked last in the transaction that appends, so numbers become visible in order.
    A new `epoch` tells a listener that numbers it knows mean nothing any more.
    """

    row_reach = RowReach.CUSTOMER

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    name = models.CharField(max_length=60)
    epoch = models.UUIDField(default=new_id, editable=False)
    head = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "name"], name="stream_name")]

    def __str__(self) -> str:
        return self.name


class Conversation(TenantModel):
    """One customer's thread with their bank."""

    row_reach = RowReach.CUSTOMER

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "customer"], name="conversation_once")
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def stream_name(self) -> str:
        return f"conv:{self.id}"


class Message(TenantModel):
    """What was said. A card keeps ids and a template alone: what it shows is read when it leaves."""

    row_reach = RowReach.CUSTOMER

    class Kind(models.TextChoices):
        TEXT = "text"
        BALANCE = "balance"
        TRANSACTIONS = "transactions"
        RECEIPT = "receipt"
        SHIPMENT = "shipment"
        ALERT = "alert"
        FRAUD_ALERT = "fraud_alert"
        SYSTEM = "system"
        LINK_ACCOUNT = "link_account"

    class Author(models.TextChoices):
        CUSTOMER = "customer", _("You")
        BANK = "bank", _("Bank")
        BOT = "bot", _("Assistant")
        AGENT = "agent", _("Agent")

    conversation = TenantForeignKey("messaging.Conversation", models.CASCADE)
    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    seq = models.PositiveBigIntegerField()
    rev = models.PositiveIntegerField(default=1)
    kind = models.CharField(max_length=20, choices=Kind)
    author = models.CharField(max_length=10, choices=Author)
    # Typed text alone; a card's words come from its template.
    text = models.TextField(blank=True)
    template = models.CharField(max_length=40, blank=True)
    # What the card is about: an alert, a receipt or shipment with the revision told last, or accounts.
    alert_id = models.UUIDField(null=True, blank=True)
    about_id = models.UUIDField(null=True, blank=True)
    about_revision = models.PositiveIntegerField(default=0)
    account_ids = models.JSONField(default=list)
    # A card's state, as far as the customer's own taps made it: open, dismissed, or an instruction.
    state = models.CharField(max_length=12, blank=True)
    state_at = models.DateTimeField(null=True, blank=True)
    instruction_id = models.UUIDField(null=True, blank=True)
    # The event that this message answers: hearing it twice writes it once.
    caused_by = models.UUIDField(null=True, blank=True)
    client_msg_id = models.UUIDField(null=True, blank=True)
    # Who at the bank wrote it; the customer sees the bank's name.
    staff_id = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "conversation", "seq"], name="message_seq"),
            models.UniqueConstraint(
                fields=["bank", "conversation", "caused_by"],
                name="message_caused_by",
                condition=Q(caused_by__isnull=False),
            ),
            models.UniqueConstraint(
                fields=["bank", "conversation", "client_msg_id"],
                name="message_client_msg_id",
                condition=Q(client_msg_id__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["bank", "alert_id"],
                name="message_alert",
                condition=Q(alert_id__isnull=False),
            ),
            models.Index(
                fields=["bank", "conversation", "about_id"],
                name="message_about",
                condition=Q(about_id__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class StreamEvent(TenantModel):
    """One numbered event of a stream: ids alone, so that nothing has to be hunted down later."""

    row_reach = RowReach.CUSTOMER

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    stream = models.CharField(max_length=60)
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=40)
    message = TenantForeignKey("messaging.Message", models.CASCADE, null=True, blank=True)
    data = models.JSONField(default=dict)
    # What a program is told of: hearing it twice says it once.
    caused_by = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "stream", "seq"], name="stream_event_seq"),
            models.UniqueConstraint(
                fields=["bank", "stream", "caused_by"],
                name="stream_event_caused_by",
                condition=Q(caused_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(
                fields=["bank", "at"],
                name="stream_event_age",
                condition=Q(caused_by__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.stream} {self.seq}"


class ReadMark(TenantModel):
    """How far a reader has read one conversation."""

    row_reach = RowReach.CUSTOMER

    conversation = TenantForeignKey("messaging.Conversation", models.CASCADE)
    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    reader = models.CharField(max_length=60)
    delivered_seq = models.PositiveBigIntegerField(default=0)
    read_seq = models.PositiveBigIntegerField(default=0)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "conversation", "reader"], name="read_mark_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.reader} {self.read_seq}"
