"""Who was shown what: one row per release and per refusal, appended and never changed; and the tree over
them, by which anybody can tell.

A record is put among the `Unsealed` by the database itself, in the transaction that writes it, and leaves
them only as a `Leaf`: no row is in neither.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.disclosure.rules import LeafKind
from portal.tenancy.models import QueueModel, RowReach, TenantModel


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
            models.Index(fields=["bank", "recipient", "-at"], name="disclosure_of_recipient"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class DisclosureCount(TenantModel):
    """For how many of its kind one row stands: refusals of a minute, so that a guesser cannot flood the
    log, and readings of a day that held nothing new. Counts until it is closed, and is sealed then."""

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
    until = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
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


class Unsealed(QueueModel):
    """A record that is no leaf yet; its id is the record's. A count is due when it can be closed.

    A trigger adds it, and another holds it until there is a leaf of that id.
    """

    row_reach = RowReach.ADDED

    class Kind(models.TextChoices):
        DISCLOSURE = "disclosure", _("Disclosure")
        COUNT = "count", _("Count")

    kind = models.CharField(max_length=10, choices=Kind)

    class Meta:
        indexes = [models.Index(fields=["bank", "due_at"], name="unsealed_due")]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Leaf(TenantModel):
    """A record's place in its bank's tree, from 0 without a gap; its id is the record's, and so is the
    pseudonym: a customer finds theirs even where the record is gone."""

    row_reach = RowReach.PSEUDONYM

    kind = models.CharField(max_length=20, choices=[(each.value, each.value) for each in LeafKind])
    pseudonym = models.UUIDField(null=True, blank=True)
    position = models.PositiveBigIntegerField()
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "position"], name="leaf_once")]
        indexes = [models.Index(fields=["bank", "pseudonym", "position"], name="leaf_of_customer")]

    def __str__(self) -> str:
        return f"{self.position} {self.id}"


class Tile(TenantModel):
    """256 hashes of one level of the tree side by side, and the one over them; kept when it is full.

    Level 0 holds leaves; level n the hashes over tiles of level n - 1.
    """

    row_reach = RowReach.BANK

    level = models.PositiveSmallIntegerField()
    position = models.PositiveBigIntegerField()
    hashes = models.BinaryField(max_length=256 * 32)
    root = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "level", "position"], name="tile_once")
        ]

    def __str__(self) -> str:
        return f"{self.level}/{self.position}"


class Checkpoint(TenantModel):
    """What the tree was at an instant, signed by the bank's key. The newest is where the sealer goes on."""

    row_reach = RowReach.BANK

    origin = models.CharField(max_length=200)
    size = models.PositiveBigIntegerField()
    root = models.BinaryField(max_length=32)
    # The hashes of the whole subtrees at its right edge.
    frontier = models.BinaryField(max_length=64 * 32)
    at = models.DateTimeField()
    key_hash = models.BinaryField(max_length=4)
    signature = models.BinaryField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "size"], name="checkpoint_once")]
        indexes = [models.Index(fields=["bank", "at"], name="checkpoint_at")]

    def __str__(self) -> str:
        return f"{self.size} {self.id}"


class Tally(TenantModel):
    """How many sealed records of one kind one calendar day of the bank's has, so that a year is added up from
    a few rows. The sealer keeps it with the leaves; the records are what counts."""

    row_reach = RowReach.BANK_ALONE

    day = models.DateField()
    recipient = models.CharField(max_length=60)
    purpose = models.CharField(max_length=40, blank=True)
    feed = models.CharField(max_length=20)
    decision = models.CharField(max_length=8, choices=Disclosure.Decision)
    reason = models.CharField(max_length=40, blank=True)
    records = models.PositiveBigIntegerField()
    # With those that a record stands for beside itself.
    times = models.PositiveBigIntegerField()
    row_count = models.PositiveBigIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "day", "recipient", "purpose", "feed", "decision", "reason"],
                name="tally_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.recipient} {self.feed}"
