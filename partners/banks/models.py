"""The tenant: a bank, its staff, its customers."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.tenancy.ids import new_id
from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class Bank(models.Model):
    """A partner bank: the registry that says who is a tenant."""

    class Status(models.TextChoices):
        ADMITTED = "admitted", _("Admitted")
        SUSPENDED = "suspended", _("Suspended")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    status = models.CharField(max_length=12, choices=Status, default=Status.ADMITTED)
    country = models.CharField(max_length=2)
    currency = models.CharField(max_length=3)
    time_zone = models.CharField(max_length=64)
    locale = models.CharField(max_length=12, default="en")
    phone = models.CharField(max_length=40, blank=True)
    website = models.URLField()
    # The page of its site that holds the chat, where links to an alert lead; else the website.
    chat_page = models.URLField(blank=True)
    # Where the bank may embed the chat: exact origins, for frame-ancestors and postMessage.
    frame_origins = models.JSONField(default=list)
    # Who signs for the bank, and the public halves of its keys as last fetched (RFC 7517).
    issuer = models.URLField()
    jwks_url = models.URLField()
    jwks = models.JSONField(default=dict)
    jwks_fetched_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Staff(models.Model):
    """A person who works for a bank, and as what."""

    class Role(models.TextChoices):
        OWNER = "owner", _("Owner")
        INTEGRATOR = "integrator", _("Integrator")
        COMPLIANCE = "compliance", _("Compliance officer")
        AGENT = "agent", _("Agent")
        AUDITOR = "auditor", _("Auditor")

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    bank = models.ForeignKey(Bank, models.RESTRICT, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, models.RESTRICT, related_name="+")
    role = models.CharField(max_length=12, choices=Role)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "bank"], name="staff_once_per_bank")
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.id}"


class Customer(TenantModel):
    """A person at one bank, under the bank's own reference."""

    row_reach = RowReach.CUSTOMER_ITSELF

    person = TenantForeignKey(settings.AUTH_USER_MODEL, models.RESTRICT, null=True, blank=True)
    external_id = models.CharField(max_length=100)
    display_name = models.CharField(max_length=200)
    locale = models.CharField(max_length=12, blank=True)
    # Stands for the customer in the disclosure log, so that erasing this row leaves nobody there.
    pseudonym = models.UUIDField(default=new_id, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "external_id"], name="customer_external_id"),
            models.UniqueConstraint(fields=["bank", "pseudonym"], name="customer_pseudonym"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class StaffDeed(TenantModel):
    """Something that staff had done which no row of its own keeps: who, what, and when. Nothing of a customer's."""

    row_reach = RowReach.BANK_ALONE

    class What(models.TextChoices):
        TRIED_AGAIN = "tried_again", _("Had failing readings tried again")
        ROWS_AGAIN = "rows_again", _("Had rows read again that could not be read")
        PAUSED = "history_paused", _("Paused the reading of a history")
        RESUMED = "history_resumed", _("Resumed the reading of a history")
        CANCELLED = "history_cancelled", _("Cancelled the reading of a history")
        BEGUN = "history_begun", _("Had a history read again from its beginning")
        KEY_STORED = "key_stored", _("Stored our next key for the bank")
        KEY_USED = "key_used", _("Changed over to another of our keys")
        KEY_DROPPED = "key_dropped", _("Dropped one of our keys")
        FILE_AGAIN = "file_again", _("Had a statement file read again")

    what = models.CharField(max_length=30, choices=What)
    # staff:<id>, command (whoever runs the portal), bank (its systems took it), portal (by itself)
    by = models.CharField(max_length=60)
    # Codes, numbers and names of keys: {"kind": "transactions", "readings": 3, "problem": "bad_answer"}
    about = models.JSONField(default=dict)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.what} by {self.by}"
