"""Who was shown what: one row per release and per refusal, appended and never changed."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import RowReach, TenantModel


class Disclosure(TenantModel):
    """A release or a refusal. Holds no payload, and no customer but a pseudonym.

    Nothing here is a foreign key: the row outlives the consent and the customer it speaks of.
    """

    row_reach = RowReach.PSEUDONYM

    class Decision(models.TextChoices):
        RELEASED = "released", _("Shown")
        REFUSED = "refused", _("Refused")

    at = models.DateTimeField()
    pseudonym = models.UUIDField(null=True, blank=True)
    consent_id = models.UUIDField(null=True, blank=True)
    # chat, client:<id>, staff:<id>: who reads. portal: we, at the bank. bank: it is told what to do.
    recipient = models.CharField(max_length=60)
    purpose = models.CharField(max_length=40, blank=True)
    door = models.CharField(max_length=40)
    feed = models.CharField(max_length=20)
    account_ids = models.JSONField(default=list)
    row_count = models.PositiveIntegerField(default=0)
    decision = models.CharField(max_length=8, choices=Decision)
    reason = models.CharField(max_length=40, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["bank", "pseudonym", "-at"], name="disclosure_of_customer"),
            models.Index(fields=["bank", "-at"], name="disclosure_latest"),
            models.Index(fields=["bank", "feed", "-at"], name="disclosure_of_feed"),
            models.Index(
                fields=["bank", "-at"],
                name="disclosure_refused",
                condition=models.Q(decision="refused"),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class DisclosureCount(TenantModel):
    """For how many of its kind one row stands: refusals of a minute, so that a guesser cannot flood the
    log, and readings of a day that held nothing new."""

    row_reach = RowReach.PSEUDONYM

    recipient = models.CharField(max_length=60)
    pseudonym = models.UUIDField(null=True, blank=True)
    consent_id = models.UUIDField(null=True, blank=True)
    # The account that was looked at; refusals are counted over all of them.
    about = models.UUIDField(null=True, blank=True)
    door = models.CharField(max_length=40)
    feed = models.CharField(max_length=20)
    reason = models.CharField(max_length=40)
    since = models.DateTimeField()
    disclosure_id = models.UUIDField()
    count = models.PositiveIntegerField(default=1)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "bank",
                    "recipient",
                    "pseudonym",
                    "consent_id",
                    "about",
                    "door",
                    "feed",
                    "reason",
                    "since",
                ],
                name="disclosure_count_once",
                nulls_distinct=False,
            )
        ]
        indexes = [models.Index(fields=["bank", "disclosure_id"], name="disclosure_count_of")]

    def __str__(self) -> str:
        return f"{self.count} of {self.disclosure_id}"
