"""Statement files that somebody brought, and the mappings by which a bank's tables are read."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import QueueModel, RowReach, TenantModel


class StatementImport(QueueModel):
    """One file: who brought it, what became of it, and how far its reading has come.

    The file itself lies sealed in a folder until it is read (`files.py`); the row outlives it.
    """

    row_reach = RowReach.BANK_ALONE

    class Door(models.TextChoices):
        CONSOLE = "console", _("Console")
        API = "api", _("API")
        FOLDER = "folder", _("Drop folder")

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        READING = "reading", _("Being read")
        NEEDS_MAPPING = "needs_mapping", _("Needs its columns")
        DONE = "done", _("Read")
        REFUSED = "refused", _("Refused")
        # Given up by a fault of ours: the file is kept until it is tried again.
        FAILED = "failed", _("Not read, by a fault of ours")

    class Fault(models.TextChoices):
        DATABASE = "database", _("The database was away, or refused to write.")
        DISK = "disk", _("The disk was full, or did not answer.")
        FILE = "file", _("The file is not where it was put, or could not be opened.")
        TIME = "time", _("It took too long.")
        OTHER = "other", _("Something in the portal went wrong. It is in the log.")

    door = models.CharField(max_length=10, choices=Door)
    # staff:<id>, bank, folder
    by = models.CharField(max_length=60)
    file_name = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    size = models.PositiveBigIntegerField()
    format = models.CharField(max_length=10, blank=True)
    state = models.CharField(max_length=14, choices=State, default=State.RECEIVED)
    # For a table, which names no account: hashes of what was given with it, and what is shown of it.
    given_digests = models.JSONField(default=list)
    given_mask = models.CharField(max_length=40, blank=True)
    # How a table is read: columns by their place, as `partners.statements.csv_mapping.Mapping` has them.
    mapping = models.JSONField(default=dict)
    mapping_name = models.CharField(max_length=80, blank=True)
    # How far: bytes of the file, first to check the whole, then to store; `stored` entries are behind us for good.
    checked_at = models.DateTimeField(null=True, blank=True)
    bytes_read = models.PositiveBigIntegerField(default=0)
    entries_read = models.PositiveBigIntegerField(default=0)
    stored = models.PositiveBigIntegerField(default=0)
    # What the check found.
    statements = models.PositiveIntegerField(default=0)
    entries = models.PositiveBigIntegerField(default=0)
    balances = models.BooleanField(default=True)
    in_order = models.BooleanField(default=True)
    # What the entries were: each is one of these.
    added = models.PositiveBigIntegerField(default=0)
    known = models.PositiveBigIntegerField(default=0)
    changed = models.PositiveBigIntegerField(default=0)
    set_aside = models.PositiveBigIntegerField(default=0)
    too_old = models.PositiveBigIntegerField(default=0)
    not_linked = models.PositiveBigIntegerField(default=0)
    # Accounts that nothing was kept of, each [mask, why, entries]; how many accounts there were beyond those.
    left_out = models.JSONField(default=list)
    # What was not as it should be, each [where, reason], the first of them; never a value of the file's.
    problems = models.JSONField(default=list)
    refused_where = models.CharField(max_length=80, blank=True)
    refused_reason = models.CharField(max_length=200, blank=True)
    # What of ours went wrong, the last time that something did; empty once it is read.
    fault = models.CharField(max_length=10, choices=Fault, blank=True)
    received_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "sha256"],
                name="statement_import_once",
                condition=Q(finished_at__isnull=True),
            )
        ]
        indexes = [
            models.Index(
                fields=["bank", "due_at"],
                name="statement_import_due",
                condition=Q(due_at__isnull=False),
            ),
            models.Index(fields=["bank", "sha256"], name="statement_import_same"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_over(self) -> bool:
        return self.finished_at is not None


class StatementMapping(TenantModel):
    """How a bank's tables with this header are read: said once by its staff, and remembered."""

    row_reach = RowReach.BANK_ALONE

    name = models.CharField(max_length=80)
    # SHA-256 of the names over the columns, and of what cuts them.
    header_digest = models.CharField(max_length=64)
    columns = models.JSONField(default=dict)
    changed_by = models.CharField(max_length=60)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "header_digest"], name="statement_mapping_header"
            )
        ]

    def __str__(self) -> str:
        return self.name
