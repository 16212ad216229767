"""The base of every table that belongs to a bank."""

from enum import StrEnum
from typing import Any, ClassVar

from django.db import models

from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id


class RowReach(StrEnum):
    """What ties a row to a customer, and so what a customer's or a consent's block may see of it."""

    BANK = "bank"  # nothing: whoever serves the bank sees it
    BANK_ALONE = "bank alone"  # nothing, and a narrower block has no business with it
    ADDED = "added"  # nothing; a narrower block adds to it and sees none of it
    CUSTOMER = "customer_id"
    ACCOUNT = "account_id"
    # A tie of the two: a consent sees those of its accounts, a customer all of theirs, and
    # neither ties itself to an account beyond its reach.
    CUSTOMER_AND_ACCOUNT = "customer_id, account_id"
    PSEUDONYM = "pseudonym"
    CUSTOMER_ITSELF = "customer:id"
    ACCOUNT_ITSELF = "account:id"


class TenantForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # generic at check time only
    """A foreign key whose database key carries the bank; made by `TenantTable`, so not by Django."""

    def __init__(self, to: Any, on_delete: Any, **options: Any) -> None:
        options["db_constraint"] = False
        options["db_index"] = False
        options.setdefault("related_name", "+")
        super().__init__(to, on_delete, **options)

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        # The open block's bank is for rows; a migration has no block, and its tables no rows.
        if options.get("default") is current_bank_id:
            del options["default"]
        return name, path, arguments, options


class TenantModel(models.Model):
    """A row of one bank. `bank` is filled from the open block; the row policy holds it to that."""

    row_reach: ClassVar[RowReach]

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    bank = TenantForeignKey(
        "partners.Bank", models.RESTRICT, default=current_bank_id, editable=False
    )

    class Meta:
        abstract = True


class QueueModel(TenantModel):
    """A row that is also a piece of work, claimed with SKIP LOCKED, a lease and a fencing token.

    `due_at` null: nothing to do. The system role may read `bank_id`, `due_at` and `lease_until`
    of such tables, of every bank, and nothing else.
    """

    due_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True
