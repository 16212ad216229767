"""What was seen from outside, in the judge's own words: a bank's rows, and what the portal showed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Body = Mapping[str, Any]


@dataclass(frozen=True)
class Money:
    """An exact amount; credit positive."""

    amount: Decimal
    currency: str

    @classmethod
    def read(cls, body: Body) -> "Money":
        return cls(Decimal(body["amount"]), body["currency"])

    def __str__(self) -> str:
        return f"{self.amount} {self.currency}"


@dataclass(frozen=True)
class Home:
    """What is not foreign at a bank, and when its days begin."""

    country: str
    currency: str
    zone: ZoneInfo


@dataclass(frozen=True)
class BankRow:
    """A transaction in a bank's ledger. `seq`: where its life began in the bank's one numbering."""

    key: str
    account: str
    holders: tuple[str, ...]
    kind: str
    money: Money
    at: datetime
    shown_at: (
        datetime | None
    )  # as the dialect writes it; None at midnight sharp, which is a date alone
    seq: int
    committed_at: datetime
    status: str = "booked"
    text: str = ""
    country: str = ""
    original_currency: str = ""
    is_suspected: bool = False
    is_played: bool = True


@dataclass(frozen=True)
class Rule:
    """One alert type that a bank has on; `over` is its threshold where it has one."""

    alert_type: str
    over: Money | None = None


@dataclass(frozen=True)
class PortalRow:
    """A transaction as the portal shows it."""

    id: str
    account: str
    status: str
    kind: str
    money: Money
    booked_on: date
    at: datetime | None
    text: str


@dataclass(frozen=True)
class Card:
    """A card as a customer's socket got it. `row`: the portal's id of the transaction on it."""

    message: str
    seq: int
    alert_type: str
    row: str
    money: Money | None
    received_at: float


@dataclass(frozen=True)
class Hook:
    """A webhook that a program's server took, its signature good. `id` is the same however often it comes.

    `row` and `alert_type` are an alert's, `rows` and `has_more` a change's.
    """

    id: str
    type: str
    account: str
    alert_type: str = ""
    row: str = ""
    money: Money | None = None
    rows: tuple[str, ...] = ()
    has_more: bool = False


@dataclass(frozen=True)
class Mail:
    """A mail that a customer got: what it calls itself, and the card that its one link leads to."""

    id: str
    message: str


@dataclass(frozen=True)
class CustomerView:
    """One customer: what they chose, and all that they were shown. `accounts`: portal's id -> bank's id."""

    name: str
    bank: str
    linked_at: datetime
    alert_types: frozenset[str]
    history_from: date
    accounts: Mapping[str, str]
    rows: Sequence[PortalRow]
    cards: Sequence[Card]
    synced: Sequence[PortalRow] = ()
    thread: Sequence[str] = ()
    balances: Mapping[str, Mapping[str, Money]] = field(default_factory=dict)
    mails: Sequence[Mail] = ()


@dataclass(frozen=True)
class BankView:
    """One bank: its own ledger, its rules, and what its accounts hold, by kind of balance."""

    name: str
    home: Home
    rules: Mapping[str, Rule]
    rows: Sequence[BankRow]
    balances: Mapping[str, Mapping[str, Money]] = field(default_factory=dict)


@dataclass(frozen=True)
class ProgramView:
    """What a client program read within one consent: the list, the copy that it kept, and what it was sent.

    `alerts`: the account as its bank names it, and a type of alert that the consent names for it. `unproven`: how many webhooks had no good signature.
    """

    customer: str
    accounts: Mapping[str, str]
    history_from: date
    rows: Sequence[PortalRow]
    synced: Sequence[PortalRow]
    alerts: frozenset[tuple[str, str]] = frozenset()
    hooks: Sequence[Hook] = ()
    unproven: int = 0


@dataclass(frozen=True)
class Seen:
    """Everything that the judge is given."""

    banks: Mapping[str, BankView]
    customers: Sequence[CustomerView]
    programs: Sequence[ProgramView] = ()
