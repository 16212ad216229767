"""Bank accounts and their entries: pending, posted, removed."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel

# What was read before sources had names.
FIRST_SOURCE = "live:uk_open_banking"


class Account(TenantModel):
    """A bank account as we know it. `change_seq` counts the changes of its entries, in the order of their commits."""

    row_reach = RowReach.ACCOUNT_ITSELF

    external_id = models.CharField(max_length=128)
    kind = models.CharField(max_length=30)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    masked_identification = models.CharField(max_length=40, blank=True)
    change_seq = models.PositiveBigIntegerField(default=0)
    # Which sources have told of its entries; where there is one alone, nothing has to be compared.
    sources = ArrayField(models.CharField(max_length=40), default=list)
    # Those whose references are given anew in every file, so that they name nothing (`references.py`).
    renumbers = ArrayField(models.CharField(max_length=40), default=list, db_default=[])
    # Whoever was told of it up to an earlier number may have entries, booked before that day, of which
    # nothing here remembers that they are gone.
    forgotten_seq = models.PositiveBigIntegerField(default=0)
    forgotten_before = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "external_id"], name="account_external_id")
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def known_name(self) -> str:
        """Its name, or words for one whose name has aged out (docs/retention.md)."""
        return self.name or gettext("Account no longer connected")


class AccountNumber(TenantModel):
    """A number that an account is called by, as a keyed hash: to find it by, and to learn nothing from."""

    row_reach = RowReach.ACCOUNT

    account = TenantForeignKey("partners.Account", models.CASCADE)
    digest = models.CharField(max_length=64)
    # Says which account it is by itself; else it is a number without its bank or branch.
    is_full = models.BooleanField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "account", "digest"], name="account_number_once"
            )
        ]
        indexes = [models.Index(fields=["bank", "digest"], name="account_number_found")]

    def __str__(self) -> str:
        return str(self.id)


class Balance(TenantModel):
    """What the bank last said an account holds; minor units, credit positive."""

    row_reach = RowReach.ACCOUNT

    class Kind(models.TextChoices):
        AVAILABLE = "available", _("Available")
        BOOKED = "booked", _("Booked")

    account = TenantForeignKey("partners.Account", models.CASCADE)
    kind = models.CharField(max_length=10, choices=Kind)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    # Where the bank tells of a credit line: how much it is, and whether the amount counts it already.
    credit_line_minor = models.BigIntegerField(null=True, blank=True)
    credit_line_included = models.BooleanField(null=True, blank=True)
    as_of = models.DateTimeField()
    read_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "account", "kind"], name="balance_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}"


class Entry(TenantModel):
    """One transaction, stored once. Pending to posted is a change of this row; its id is permanent."""

    row_reach = RowReach.ACCOUNT

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        POSTED = "posted", _("Posted")
        REMOVED = "removed", _("Removed")

    class Removal(models.TextChoices):
        TOLD = "told", _("The bank says that it is no more")
        NOT_LISTED = "not_listed", _("The bank lists it no more")
        OVERDUE = "overdue", _("Pending for longer than a payment can be, and listed no more")
        ANOTHER = "another", _("It turned out to be another one")

    account = TenantForeignKey("partners.Account", models.CASCADE)
    # Who says so: `live:<connector>` or `statement:<format>`. An id means something within its source alone.
    source = models.CharField(max_length=40, default=FIRST_SOURCE)
    external_id = models.CharField(max_length=210)
    status = models.CharField(max_length=8, choices=Status)
    kind = models.CharField(max_length=20)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    original_amount_minor = models.BigIntegerField(null=True, blank=True)
    original_currency = models.CharField(max_length=3, blank=True)
    exchange_rate = models.CharField(max_length=40, blank=True)
    booked_on = models.DateField()
    booked_on_source = models.CharField(max_length=7)
    booked_at = models.DateTimeField(null=True, blank=True)
    value_on = models.DateField(null=True, blank=True)
    description = models.CharField(max_length=500, blank=True)
    merchant_name = models.CharField(max_length=350, blank=True)
    merchant_category = models.CharField(max_length=4, blank=True)
    merchant_country = models.CharField(max_length=2, blank=True)
    card_id = models.CharField(max_length=128, blank=True)
    card_last4 = models.CharField(max_length=4, blank=True)
    fraud_suspected = models.BooleanField(default=False)
    # What others may call it by too, one a line: such as an end-to-end id.
    bank_references = models.CharField(max_length=300, blank=True)
    # What a row of a statement sums up, as `statement_rows.py` writes it (JSON); its amount is the entry's own.
    details = models.TextField(blank=True, default="", db_default="")
    # A second identity for banks that re-issue ids: 16 bytes of the sha256 of account, amount, date and
    # text, and which of the genuine equals of that day this is.
    fingerprint = models.UUIDField()
    occurrence = models.PositiveSmallIntegerField(default=1)
    # What the row says, in 16 bytes; the database forgets it when anything of that is written without it.
    digest = models.UUIDField(null=True, blank=True)
    # Why it was removed last; of one that is not removed it says nothing.
    removed_for = models.CharField(
        max_length=10, choices=Removal, blank=True, default="", db_default=""
    )
    # The entry that this one turned out to be: it is removed, and kept for whoever was told of it.
    merged_into = models.UUIDField(null=True, blank=True)
    change_seq = models.PositiveBigIntegerField()
    # The numbers of its earlier changes, the first and the last ones; below zero where it was removed by
    # then. So it is known what of it a caller was told before (`partners/sharing/sync_rules.py`).
    seqs_before = ArrayField(models.BigIntegerField(), null=True, blank=True)
    created_at = models.DateTimeField()
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "account", "external_id", "source"], name="entry_external_id"
            ),
            models.UniqueConstraint(
                fields=["bank", "account", "change_seq"], name="entry_change_seq"
            ),
        ]
        indexes = [
            models.Index(fields=["bank", "account", "-booked_on", "-id"], name="entry_by_day"),
            # What was first seen on a day lies together: a page range costs next to nothing to keep.
            BrinIndex(fields=["created_at"], name="entry_first_seen"),
            models.Index(
                fields=["bank", "account", "changed_at"],
                condition=models.Q(status="removed"),
                name="entry_removed_at",
            ),
            models.Index(
                fields=["bank", "account", "booked_on"],
                condition=models.Q(status="pending"),
                name="entry_pending",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class EntryAlias(TenantModel):
    """Another id of an entry: one that its source gave it before, or that another source gives it.

    `said` is what another source says of it, as a row of the ledger; empty where that has no say any more.
    `by_staff`: somebody at the bank said that it is the same.
    """

    row_reach = RowReach.ACCOUNT

    account = TenantForeignKey("partners.Account", models.CASCADE)
    entry = TenantForeignKey("partners.Entry", models.CASCADE)
    source = models.CharField(max_length=40, default=FIRST_SOURCE)
    external_id = models.CharField(max_length=210)
    said = models.JSONField(default=dict)
    by_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "account", "external_id", "source"],
                name="entry_alias_external_id",
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class EntryConflict(TenantModel):
    """A row that contradicts what we stored under the same id: kept aside, never written over it, and asked once at a time.

    `said`: the row whole, as `source` told it under `external_id`; `stored`: the entry as it was then.
    """

    row_reach = RowReach.ACCOUNT

    class State(models.TextChoices):
        OPEN = "open", _("To be decided")
        TAKEN = "taken", _("Taken over")
        KEPT = "kept", _("Left as it was")

    account = TenantForeignKey("partners.Account", models.CASCADE)
    entry = TenantForeignKey("partners.Entry", models.CASCADE)
    reason = models.CharField(max_length=40)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    source = models.CharField(max_length=40, default=FIRST_SOURCE)
    external_id = models.CharField(max_length=210, blank=True)
    said = models.JSONField(default=dict)
    stored = models.JSONField(default=dict)
    seen_at = models.DateTimeField()
    state = models.CharField(max_length=5, choices=State, default=State.OPEN)
    decided_by = models.CharField(max_length=60, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "entry", "reason", "amount_minor", "currency"],
                # What was decided stays, and may have to be asked again.
                condition=models.Q(state="open"),
                name="entry_conflict_once",
            )
        ]
        indexes = [
            models.Index(fields=["bank", "seen_at"], name="entry_conflict_oldest"),
            models.Index(fields=["bank", "state", "id"], name="entry_conflict_by_state"),
            models.Index(fields=["bank", "entry"], name="entry_conflict_of_entry"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class EntryPair(TenantModel):
    """Two entries that may be one payment. Nothing makes them one until staff say so; `first` is the older."""

    row_reach = RowReach.ACCOUNT

    class Reason(models.TextChoices):
        WORDS = "words", _("The same day and amount, told in other words")
        DAY = "day", _("The same amount and words, on another day")
        AMOUNT = "amount", _("Pending before, and posted with another amount")
        NAMES = "names", _("The same day, amount and words, under another reference")

    class State(models.TextChoices):
        OPEN = "open", _("To be decided")
        SAME = "same", _("One payment")
        TWO = "two", _("Two payments")

    account = TenantForeignKey("partners.Account", models.CASCADE)
    first = TenantForeignKey("partners.Entry", models.CASCADE)
    second = TenantForeignKey("partners.Entry", models.CASCADE)
    reason = models.CharField(max_length=6, choices=Reason)
    found_at = models.DateTimeField()
    state = models.CharField(max_length=4, choices=State, default=State.OPEN)
    decided_by = models.CharField(max_length=60, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "first", "second"], name="entry_pair_once")
        ]
        indexes = [
            models.Index(fields=["bank", "state", "id"], name="entry_pair_by_state"),
            models.Index(fields=["bank", "account", "state"], name="entry_pair_of_account"),
        ]

    def __str__(self) -> str:
        return str(self.id)
