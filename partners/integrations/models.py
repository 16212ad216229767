"""How to reach a bank's systems, and with what keys."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.secrets.fields import SealedField
from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class Mode(models.TextChoices):
    TEST = "test", _("Test")
    LIVE = "live", _("Live")


class Integration(TenantModel):
    """A bank's systems as we reach them, by one protocol."""

    row_reach = RowReach.BANK_ALONE

    class Status(models.TextChoices):
        UNTESTED = "untested", _("Not tested yet")
        WORKING = "working", _("Working")
        FAILING = "failing", _("Failing")

    class Authentication(models.TextChoices):
        SECRET = "client_secret_basic", _("A secret")
        ASSERTION = "private_key_jwt", _("A signed assertion (private_key_jwt)")
        CERTIFICATE = "tls_client_auth", _("A certificate in the TLS handshake (mTLS)")

    connector = models.CharField(max_length=40, default="uk_open_banking")
    mode = models.CharField(max_length=4, choices=Mode, default=Mode.TEST)
    base_url = models.URLField(max_length=300)
    authorize_url = models.URLField(max_length=300)
    token_url = models.URLField(max_length=300)
    client_id = models.CharField(max_length=200)
    client_secret = SealedField()
    authentication = models.CharField(
        max_length=20, choices=Authentication, default=Authentication.SECRET
    )
    # Our key at this bank, and its certificate where there is one: shown in every handshake then.
    private_key = SealedField()
    certificate = models.TextField(blank=True, default="")
    certificate_until = models.DateTimeField(null=True, blank=True)
    key_id = models.CharField(max_length=128, blank=True, default="")
    status = models.CharField(max_length=10, choices=Status, default=Status.UNTESTED)
    checked_at = models.DateTimeField(null=True, blank=True)
    # What the last test of the connection did, step by step: [{"step", "ok", "detail"}].
    check_report = models.JSONField(default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "mode"], name="integration_once_per_mode")
        ]

    def __str__(self) -> str:
        return f"{self.connector} ({self.mode})"


class ClientKey(TenantModel):
    """A key of ours that stands beside the one in use: the next, which the bank is to learn, or the one before."""

    row_reach = RowReach.BANK_ALONE

    class Place(models.TextChoices):
        NEXT = "next", _("Next")
        BEFORE = "before", _("Before")

    integration = TenantForeignKey("partners.Integration", models.CASCADE)
    place = models.CharField(max_length=6, choices=Place)
    # Empty: the bank knows it by no name; it is published by its thumbprint.
    key_id = models.CharField(max_length=128, blank=True)
    private_key = SealedField()
    certificate = models.TextField(blank=True)
    certificate_until = models.DateTimeField(null=True, blank=True)
    # When it took this place, and when it was last tried at the bank.
    since = models.DateTimeField()
    tried_at = models.DateTimeField(null=True, blank=True)
    # As `Integration.check_report`.
    report = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "integration", "place"], name="client_key_once_per_place"
            )
        ]

    def __str__(self) -> str:
        return f"{self.place}: {self.key_id}"
