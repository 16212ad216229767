"""Third parties' programs, and the tokens of django-oauth-toolkit under our own names."""

from django.db import models
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
)

from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class Client(AbstractApplication):
    """A program that reads what customers allow it to."""

    class Mode(models.TextChoices):
        TEST = "test", _("Test")
        LIVE = "live", _("Live")

    class Status(models.TextChoices):
        ADMITTED = "admitted", _("Admitted")
        SUSPENDED = "suspended", _("Suspended")

    mode = models.CharField(max_length=4, choices=Mode, default=Mode.TEST)
    # A suspended program gets no token, and those that it has are worth nothing.
    status = models.CharField(max_length=12, choices=Status, default=Status.ADMITTED)
    # What it registered to read, at most: kinds of feeds.
    feeds = models.JSONField(default=list)
    website = models.URLField(blank=True)

    class Meta(AbstractApplication.Meta):
        swappable = ""
        abstract = False

    def __str__(self) -> str:
        return str(self.name)

    def allows_grant_type(self, *grant_types: str) -> bool:
        """Its own credentials always; a customer's yes where it named an address to come back to."""
        if self.GRANT_CLIENT_CREDENTIALS in grant_types:
            return True
        return self.GRANT_AUTHORIZATION_CODE in grant_types and bool(self.redirect_uris.strip())

    def comes_back_to(self, address: str) -> bool:
        """Whether it registered that very address (RFC 9700, section 4.1.3)."""
        return address in self.redirect_uris.split()

    def is_usable(self, request: object) -> bool:  # noqa: ARG002  # the library's shape
        return self.status == self.Status.ADMITTED


class AccessToken(AbstractAccessToken):
    # The one consent that it is good for, by its reference; empty: whichever is named with it.
    consent = models.CharField(max_length=80, blank=True)

    class Meta(AbstractAccessToken.Meta):
        swappable = ""
        abstract = False


class RefreshToken(AbstractRefreshToken):
    class Meta(AbstractRefreshToken.Meta):
        swappable = ""
        abstract = False


class Grant(AbstractGrant):
    class Meta(AbstractGrant.Meta):
        swappable = ""
        abstract = False


class IDToken(AbstractIDToken):
    class Meta(AbstractIDToken.Meta):
        swappable = ""
        abstract = False


class ConsentRequest(TenantModel):
    """What a program asks a customer for, until that is answered; then the code that tells it of the yes."""

    row_reach = RowReach.CUSTOMER

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    client = TenantForeignKey("accounts.Client", models.RESTRICT)
    # Of all that was asked: coming again with the same is the same request.
    digest = models.CharField(max_length=64)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    # From here on: what a yes leaves. The consent by its reference, and what the code is held to.
    consent = models.CharField(max_length=80, blank=True)
    scope = models.CharField(max_length=200, blank=True)
    redirect_uri = models.CharField(max_length=500, blank=True)
    code_challenge = models.CharField(max_length=128, blank=True)
    code_digest = models.CharField(max_length=64, blank=True)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "customer", "digest"], name="consent_request_once"
            )
        ]
        indexes = [
            models.Index(fields=["bank", "code_digest"], name="consent_request_code"),
            models.Index(fields=["bank", "expires_at"], name="consent_request_expiry"),
        ]

    def __str__(self) -> str:
        return str(self.id)
