"""The facts that partners publish. They carry ids alone; what they mean is read through the gate."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from portal.outbox.events import Event


@dataclass(frozen=True)
class AlertRaised(Event):
    """A customer should be told of something. Key: `account:<account_id>`."""

    name: ClassVar[str] = "partners.alert_raised"

    alert_id: UUID
    account_id: UUID
    entry_id: UUID | None
    alert_type: str


@dataclass(frozen=True)
class EntriesChanged(Event):
    """Entries of an account were added, modified or removed: the changes numbered after `since_seq`, up to
    `through_seq`. Key: `account:<account_id>`.
    """

    name: ClassVar[str] = "partners.entries_changed"
    version: ClassVar[int] = 2

    account_id: UUID
    since_seq: int
    through_seq: int


@dataclass(frozen=True)
class BalancesRead(Event):
    """What an account holds was read because a customer asked for it. Key: `account:<account_id>`."""

    name: ClassVar[str] = "partners.balances_read"

    account_id: UUID


@dataclass(frozen=True)
class AccountRenamed(Event):
    """The bank calls an account otherwise than before, or says that it is of another kind. Key: `account:<account_id>`."""

    name: ClassVar[str] = "partners.account_renamed"

    account_id: UUID


@dataclass(frozen=True)
class ReceiptIssued(Event):
    """A payment has a receipt, or its receipt's next revision. Key: `account:<account_id>`."""

    name: ClassVar[str] = "partners.receipt_issued"

    receipt_id: UUID
    account_id: UUID
    entry_id: UUID
    revision: int


@dataclass(frozen=True)
class ShipmentMoved(Event):
    """A parcel that was paid for has moved on. Key: `account:<account_id>`."""

    name: ClassVar[str] = "partners.shipment_moved"

    shipment_id: UUID
    account_id: UUID
    entry_id: UUID
    revision: int


@dataclass(frozen=True)
class InstructionChanged(Event):
    """Something new is known about an instruction. Key: `account:<account_id>`."""

    name: ClassVar[str] = "partners.instruction_changed"

    instruction_id: UUID
    alert_id: UUID | None
    status: str


@dataclass(frozen=True)
class InstructionOverdue(Event):
    """The customer's patience with an instruction has come to its end, whether it is settled by now or
    not: published as it is asked for, and heard when that is so. Key: `instruction:<instruction_id>`.
    """

    name: ClassVar[str] = "partners.instruction_overdue"

    instruction_id: UUID


@dataclass(frozen=True)
class AccountsLinked(Event):
    """A customer linked these accounts, or linked them again. Key: `customer:<customer_id>`."""

    name: ClassVar[str] = "partners.accounts_linked"

    customer_id: UUID
    connection_id: UUID
    account_ids: tuple[UUID, ...]


def account_key(account_id: UUID) -> str:
    """The ordering key of what happens to one account."""
    return f"account:{account_id}"


def customer_key(customer_id: UUID) -> str:
    """The ordering key of what happens to one customer."""
    return f"customer:{customer_id}"


def instruction_key(instruction_id: UUID) -> str:
    """The ordering key of what happens to one instruction alone."""
    return f"instruction:{instruction_id}"
