"""What was allowed: purposes, the words they were explained with, consents and what became of them."""

from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from portal.tenancy.ids import new_id
from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel

LONGEST = timedelta(days=365)
# Kinds of events, by whether they are about a consent or about one that did not come to be.
_OF_A_CONSENT = ("granted", "revoked", "superseded", "reminded")
_OF_NONE = ("denied", "abandoned")


class Purpose(models.Model):
    """Why data is read. Whatever it does not say is not allowed: there is no secondary use."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    code = models.SlugField(max_length=40)
    version = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=120)
    # What it needs, and so all that may be asked for it.
    feeds = models.JSONField(default=list)
    alert_types = models.JSONField(default=list)
    secondary_use = models.BooleanField(default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["code", "version"], name="purpose_version"),
            models.CheckConstraint(condition=Q(secondary_use=False), name="purpose_nothing_else"),
        ]

    def __str__(self) -> str:
        return f"{self.code} v{self.version}"


class Notice(models.Model):
    """The words a purpose was explained with, in one language. The database keeps them as they were."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    purpose = models.ForeignKey(Purpose, models.RESTRICT, related_name="notices")
    locale = models.CharField(max_length=12)
    text = models.TextField()
    sha256 = models.CharField(max_length=64)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["purpose", "locale", "sha256"], name="notice_text")
        ]

    def __str__(self) -> str:
        return f"{self.locale} {self.sha256[:8]}"


class Consent(TenantModel):
    """What one customer allows one recipient, for one purpose, until an end. A change is a new one.

    The database keeps the row as it was written, but for its end, which is written once.
    """

    row_reach = RowReach.CUSTOMER

    class Recipient(models.TextChoices):
        CHAT = "chat", _("The bank's chat")
        CLIENT = "client", _("A program")

    class Ended(models.TextChoices):
        REVOKED = "revoked", _("Revoked")
        SUPERSEDED = "superseded", _("Replaced by a newer one")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    recipient = models.CharField(max_length=8, choices=Recipient)
    client = TenantForeignKey("accounts.Client", models.RESTRICT, null=True, blank=True)
    purpose = TenantForeignKey("accounts.Purpose", models.RESTRICT)
    notice = TenantForeignKey("accounts.Notice", models.RESTRICT)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # Rows booked before this day do not leave.
    history_from = models.DateField()
    ended_at = models.DateTimeField(null=True, blank=True)
    ended_why = models.CharField(max_length=10, choices=Ended, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(recipient="client", client__isnull=False)
                | Q(recipient="chat", client__isnull=True),
                name="consent_recipient",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("granted_at"))
                & Q(expires_at__lte=F("granted_at") + LONGEST),
                name="consent_at_most_a_year",
            ),
        ]
        indexes = [
            models.Index(fields=["bank", "customer", "-granted_at"], name="consent_latest"),
            # With all that counting them reads: what the row policy looks at among it.
            models.Index(
                fields=["bank", "expires_at"],
                include=["customer", "recipient", "client", "purpose", "granted_at"],
                name="consent_open",
                condition=Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class ConsentResource(TenantModel):
    """One feed or alert type of one account within a consent."""

    row_reach = RowReach.CUSTOMER_AND_ACCOUNT

    class Scope(models.TextChoices):
        FEED = "feed"
        ALERT = "alert"

    consent = TenantForeignKey("accounts.Consent", models.CASCADE)
    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    account = TenantForeignKey("partners.Account", models.CASCADE)
    scope = models.CharField(max_length=5, choices=Scope)
    code = models.CharField(max_length=20)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "consent", "account", "scope", "code"],
                name="consent_resource_once",
            )
        ]
        indexes = [models.Index(fields=["bank", "account"], name="consent_resource_account")]

    def __str__(self) -> str:
        return f"{self.scope} {self.code}"


class Objection(TenantModel):
    """One holder of a joint account ended what a program gets of it, and so for every holder: until they allow
    that program the account again. Each holder sees it."""

    row_reach = RowReach.ACCOUNT

    account = TenantForeignKey("partners.Account", models.CASCADE)
    client = TenantForeignKey("accounts.Client", models.RESTRICT)
    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "account", "client", "customer"], name="objection_once"
            )
        ]
        indexes = [models.Index(fields=["bank", "customer"], name="objection_of")]

    def __str__(self) -> str:
        return str(self.id)


class ConsentEvent(TenantModel):
    """What happened to a consent, and by whom; or that there came to be none, which names no consent."""

    row_reach = RowReach.CUSTOMER

    class Kind(models.TextChoices):
        GRANTED = "granted", _("Allowed")
        REVOKED = "revoked", _("Revoked")
        SUPERSEDED = "superseded", _("Replaced by a newer one")
        DENIED = "denied", _("Declined")
        ABANDONED = "abandoned", _("Begun and not finished")
        REMINDED = "reminded", _("Told that it ends soon")

    consent = TenantForeignKey("accounts.Consent", models.CASCADE, null=True, blank=True)
    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    # The program that asked, where there came to be no consent that would name it.
    client = TenantForeignKey("accounts.Client", models.RESTRICT, null=True, blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    at = models.DateTimeField()
    by = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(consent__isnull=False, kind__in=_OF_A_CONSENT)
                | Q(consent__isnull=True, kind__in=_OF_NONE),
                name="consent_event_of",
            )
        ]
        indexes = [
            models.Index(fields=["bank", "consent", "at"], name="consent_event_at"),
            models.Index(
                fields=["bank", "at"], include=["customer", "kind"], name="consent_event_of_day"
            ),
        ]

    def __str__(self) -> str:
        return self.kind
