"""One customer's authorisation at one bank."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.secrets.fields import SealedField
from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class Connection(TenantModel):
    """What a customer authorised at the bank, and the tokens that prove it."""

    row_reach = RowReach.CUSTOMER

    class Status(models.TextChoices):
        ACTIVE = "active", _("Working")
        EXPIRED = "expired", _("Has to be renewed at the bank")
        REVOKED = "revoked", _("Ended")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    integration = TenantForeignKey("partners.Integration", models.RESTRICT)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    external_consent_id = models.CharField(max_length=128)
    # Of the accounts that the bank allowed, also those that the customer left out here, of which nothing is kept.
    allowed_digest = models.CharField(max_length=64, blank=True)
    access_token = SealedField()
    refresh_token = SealedField()
    token_expires_at = models.DateTimeField()
    authorised_until = models.DateTimeField(null=True, blank=True)
    # The bank's budget: nothing is asked before this instant (429, Retry-After).
    resume_at = models.DateTimeField(null=True, blank=True)
    # How often a day one list of an account may be asked for while the customer is away; null: nobody said.
    calls_a_day = models.PositiveIntegerField(null=True, blank=True)
    # When the bank was last asked, or said, what it calls the accounts; it is asked for it once a day at most.
    facts_asked_at = models.DateTimeField(default=timezone.now, db_default=Now())
    # Held by whoever is fetching new tokens, so that two workers do not spend one refresh token.
    refreshing_until = models.DateTimeField(null=True, blank=True)
    # When it is looked at next whether anything of it is allowed still: not before the last consent ends.
    look_at = models.DateTimeField(default=timezone.now)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "external_consent_id"], name="connection_external_consent"
            )
        ]
        indexes = [
            models.Index(fields=["bank", "customer", "-created_at"], name="connection_latest"),
            models.Index(
                fields=["bank", "look_at"],
                name="connection_to_look_at",
                condition=Q(status="active"),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Authorisation(TenantModel):
    """One walk through the bank's redirect: what it brought back, what was chosen of it, how it ended."""

    row_reach = RowReach.CUSTOMER

    class Status(models.TextChoices):
        AT_BANK = "at_bank", _("At the bank")
        CHOOSING = "choosing", _("Choosing what may be read")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    integration = TenantForeignKey("partners.Integration", models.RESTRICT)
    connection = TenantForeignKey("partners.Connection", models.CASCADE, null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.AT_BANK)
    state_digest = models.CharField(max_length=64)
    nonce = models.CharField(max_length=64)
    code_verifier = SealedField()
    external_consent_id = models.CharField(max_length=128)
    # What came back from the bank, until the customer has chosen of it, for ten minutes at most.
    brought = SealedField()
    # What the customer chose on our page: {"feeds": [], "alert_types": [], "days": 90, "months": 3}; empty where the walk
    # renewed what was chosen before.
    choice = models.JSONField(default=dict)
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    failure = models.CharField(max_length=60, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "state_digest"], name="authorisation_state")
        ]

    def __str__(self) -> str:
        return str(self.id)


class SpareConsent(TenantModel):
    """A consent at the bank that nothing here uses any more, until the bank was told. It names no customer."""

    row_reach = RowReach.BANK_ALONE

    integration = TenantForeignKey("partners.Integration", models.RESTRICT)
    external_consent_id = models.CharField(max_length=128)
    since = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "external_consent_id"], name="spare_consent_once"
            )
        ]
        indexes = [models.Index(fields=["bank", "due_at"], name="spare_consent_due")]

    def __str__(self) -> str:
        return str(self.id)
