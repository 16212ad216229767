"""What a bank shares: on, off, masked, where we stopped reading."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import QueueModel, RowReach, TenantForeignKey, TenantModel


class FeedKind(models.TextChoices):
    BALANCES = "balances", _("Balances")
    TRANSACTIONS = "transactions", _("Card and account transactions")
    RECEIPTS = "receipts", _("Receipts")
    SHIPMENTS = "shipments", _("Shipping updates")


class Feed(TenantModel):
    """A bank's decision on one stream of one kind. No row, or not enabled: nothing is shared.

    One more row, which is no feed and never on, is of `accounts`: what is held back of the accounts themselves.
    """

    row_reach = RowReach.BANK

    kind = models.CharField(max_length=20, choices=FeedKind)
    enabled = models.BooleanField(default=False)
    # Fields of the feed that never leave, by name: ["merchant_country", ...].
    masked_fields = models.JSONField(default=list)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "kind"], name="feed_once_per_kind")]

    def __str__(self) -> str:
        return self.kind


class FeedCursor(QueueModel):
    """Where we stopped reading one feed of one account, and when to read on.

    Due when `due_at` has come and no lease holds it. `fresh_as_of` is when the bank last answered in
    full; `ran_at` when we last tried: a failure moves the second alone.
    """

    row_reach = RowReach.ACCOUNT

    class History(models.TextChoices):
        PAUSED = "paused", _("Paused")
        CANCELLED = "cancelled", _("Cancelled")

    connection = TenantForeignKey("partners.Connection", models.CASCADE)
    account = TenantForeignKey("partners.Account", models.CASCADE)
    kind = models.CharField(max_length=20, choices=FeedKind)
    # The page to read next within a run; between runs empty, or for a list that is read on for ever
    # the place where it stands.
    cursor = models.TextField(blank=True)
    # The days between which booked rows were read in full: the first by the rows themselves, the last is that of
    # the reading, which the next one overlaps by ten days. `covered_until` None: the history is to be read.
    covered_from = models.DateField(null=True, blank=True)
    covered_until = models.DateField(null=True, blank=True)
    # What staff said of reading the history; where a paused one goes on.
    history = models.CharField(max_length=10, choices=History, blank=True, default="")
    history_place = models.TextField(blank=True, default="")
    # From which day on it was asked for, up to which newer rows were read meanwhile, and what came so far:
    # rows, the first and last booked day among them, and in which order they came.
    history_from = models.DateField(null=True, blank=True)
    history_until = models.DateField(null=True, blank=True)
    history_rows = models.PositiveIntegerField(default=0)
    history_order = models.CharField(max_length=7, blank=True, default="")
    reached_from = models.DateField(null=True, blank=True)
    reached_until = models.DateField(null=True, blank=True)
    # Rows that could not be read and were not since (`partners/feeds/unreadable.py`), and how many they are.
    unreadable = models.JSONField(default=list, db_default=[], blank=True)
    unreadable_rows = models.PositiveIntegerField(default=0, db_default=0)
    # From which day on, where the bank refused to give as much as is allowed: nothing older is asked for.
    given_from = models.DateField(null=True, blank=True)
    # Raised by each hint, so that one that comes during a run is not lost with the run's end.
    hints = models.PositiveBigIntegerField(default=0)
    hints_seen = models.PositiveBigIntegerField(default=0)
    run = TenantForeignKey("partners.SyncRun", models.RESTRICT, null=True, blank=True)
    fresh_as_of = models.DateTimeField(null=True, blank=True)
    ran_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=60, blank=True)
    # When a customer asked for this reading and began to wait for it.
    asked_at = models.DateTimeField(null=True, blank=True)
    # From which address they did, until it is answered: a bank may be told that its customer is there.
    asked_from = models.CharField(max_length=45, blank=True, default="")
    # When the bank was asked while the customer was away, of the last day, where it counts; and what it said is left.
    calls = ArrayField(models.DateTimeField(), default=list, blank=True)
    calls_left = models.PositiveBigIntegerField(null=True, blank=True)
    calls_reset_at = models.DateTimeField(null=True, blank=True)
    # The trace of the notification that made this due, carried to the screen.
    trace = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "connection", "account", "kind"], name="feed_cursor_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["bank", "due_at"],
                name="feed_cursor_due",
                condition=models.Q(due_at__isnull=False),
            ),
            models.Index(fields=["bank", "account"], name="feed_cursor_account"),
            models.Index(
                fields=["bank", "id"],
                name="feed_cursor_unreadable",
                condition=models.Q(unreadable_rows__gt=0),
            ),
            # What the overview says fails again and again is found without a look at what does not.
            models.Index(
                fields=["bank", "kind", "last_problem"],
                name="feed_cursor_failing",
                condition=models.Q(due_at__isnull=False, attempts__gte=3)
                & ~models.Q(last_problem=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.account_id}"
