"""How long a bank wants things kept, and what aged out when."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import RowReach, TenantModel


class Kept(models.TextChoices):
    """What ages out by a rule of its own."""

    TRANSACTIONS = "transactions", _("Card and account transactions")
    RECEIPTS = "receipts", _("Receipts")
    SHIPMENTS = "shipments", _("Shipping updates")
    BALANCES = "balances", _("Balances")
    NAMES = "names", _("Names and last digits of accounts")
    RAW = "raw", _("What the bank sent, and how it was read")


class RetentionRule(TenantModel):
    """A bank's choice for one kind and purpose. No row: the default (`rules.py`)."""

    row_reach = RowReach.BANK_ALONE

    kind = models.CharField(max_length=20, choices=Kept)
    # Empty for what was read for no purpose in particular.
    purpose = models.CharField(max_length=40, blank=True)
    days = models.PositiveSmallIntegerField()
    changed_by = models.CharField(max_length=60)
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "kind", "purpose"], name="retention_rule_once")
        ]

    def __str__(self) -> str:
        return f"{self.days} days of {self.kind} for {self.purpose or 'nothing'}"


class RetentionRun(TenantModel):
    """What of one kind went on one day, by which rules: the evidence. Counts, and nobody's name."""

    row_reach = RowReach.BANK_ALONE

    kind = models.CharField(max_length=20, choices=Kept)
    on = models.DateField()
    # [{"purpose": "budgeting", "days": 30, "before": "2026-10-27"}, ...] as they were that day.
    rules = models.JSONField(default=list)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    # The last account that was looked at; where a run that was broken off goes on.
    after = models.UUIDField(null=True, blank=True)
    accounts = models.PositiveIntegerField(default=0)
    # Accounts that were passed over, because the law has the bank keep what is theirs.
    held = models.PositiveIntegerField(default=0)
    # How many rows went, by what the table is called in a customer's copy.
    gone = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "kind", "on"], name="retention_run_once")
        ]
        indexes = [models.Index(fields=["bank", "-on", "kind"], name="retention_run_latest")]

    def __str__(self) -> str:
        return f"{self.kind} on {self.on}"
