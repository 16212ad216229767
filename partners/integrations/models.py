"""How to reach a bank's systems, and with what keys."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.secrets.fields import SealedField
from portal.tenancy.models import RowReach, TenantModel


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
