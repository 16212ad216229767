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

    def is_usable(self, request: object) -> bool:  # noqa: ARG002  # the library's shape
        return self.status == self.Status.ADMITTED


class AccessToken(AbstractAccessToken):
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
