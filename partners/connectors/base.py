"""What every connector is: a request out, an answer read. No network, no clock, nothing of ours."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Literal, Protocol, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_ROWS = 10_000

T = TypeVar("T")


# Out and in. What carries a secret or a customer's data stays out of `repr`, so out of logs too.


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request to be sent as it is: no redirect followed, nothing added but its own id."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    # Whom a signed assertion in the form tells who we are; it is signed as the request is sent.
    assert_to: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer, whole. The reader of the wire stops at MAX_BODY_BYTES + 1."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The header's value whatever the case of its name; empty when absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")


# An operation: it yields each request, is sent the response, and returns what it read.
Steps = Generator[Request, Response, T]


def drive(steps: Steps[T], answer: Callable[[Request], Response]) -> T:
    """Run an operation to its end with whatever answers its requests."""
    try:
        request = next(steps)
        while True:
            request = steps.send(answer(request))
    except StopIteration as end:
        result: T = end.value
        return result


# How a token endpoint is told who we are: RFC 6749 section 2.3.1, RFC 7523, RFC 8705.
ClientMethod = Literal["client_secret_basic", "private_key_jwt", "tls_client_auth"]


@dataclass(frozen=True, slots=True)
class BankAddress:
    """Where a bank's systems are and who we are to them."""

    base_url: str  # in front of /open-banking/... and /partner/...
    authorize_url: str
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    jwks_url: str
    zone: ZoneInfo  # where the bank's calendar days begin and end
    issuer: str = ""  # `iss` of what the bank signs; the origin of base_url unless said
    authenticates_by: ClientMethod = "client_secret_basic"
    our_ip: str = "127.0.0.1"  # said where a bank must know who asks and no customer is there

    @property
    def signed_as(self) -> str:
        """The `iss` that the bank's notifications must carry."""
        parts = urlsplit(self.base_url)
        return self.issuer or f"{parts.scheme}://{parts.netloc}"


# Records. Money is signed minor units, credit positive; `_at` is aware UTC; None is "not said".

Kind = Literal[
    "card_purchase",
    "card_refund",
    "salary",
    "transfer_in",
    "transfer_out",
    "direct_debit",
    "fee",
    "other",
]
AccountKind = Literal[
    "current",
    "savings",
    "credit_card",
    "charge_card",
    "prepaid_card",
    "e_money",
    "loan",
    "mortgage",
    "other",
]


@dataclass(frozen=True, slots=True, repr=False)
class KnownBy:
    """What a row that could not be read is known again by, as far as that much could: the bank's id, its day."""

    external_id: str | None = None
    booked_on: date | None = None


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that could not be read, by its place in the page; never with its values."""

    position: int
    field: str
    reason: str
    known_by: KnownBy = KnownBy()


@dataclass(frozen=True, slots=True)
class AccountRecord:
    external_id: str
    kind: AccountKind
    name: str
    currency: str
    masked_identification: str
    # Its numbers as the bank writes them (IBAN, sort code with number): to be found by, and not kept.
    identifications: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class AccountList:
    records: tuple[AccountRecord, ...]
    rejected: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class BalanceRecord:
    """What an account holds. Of a credit line, where the bank tells of one: how much it is, and whether
    `amount_minor` counts it already. Nothing is added up here or later: the amount is the bank's own.
    """

    account_external_id: str
    kind: Literal["available", "booked"]
    amount_minor: int
    currency: str
    as_of: datetime
    credit_line_minor: int | None = None
    credit_line_included: bool | None = None
    # What the same answer says of the account itself, where it does; no part of the balance.
    account: AccountRecord | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class TransactionRecord:
    """A row as the bank gave it. `external_id` is None where the bank names no id."""

    external_id: str | None
    status: Literal["pending", "posted"]
    amount_minor: int
    currency: str
    booked_on: date
    booked_on_source: Literal["date", "instant"]
    booked_at: datetime | None = None
    value_on: date | None = None
    kind: Kind = "other"
    description: str = ""
    original_amount_minor: int | None = None
    original_currency: str | None = None
    exchange_rate: str | None = None
    merchant_name: str | None = None
    merchant_category: str | None = None
    merchant_country: str | None = None
    card_id: str | None = None
    card_last4: str | None = None
    fraud_suspected: bool = False
    # What others may call it by too (end-to-end id, the servicer's reference); none is an identity alone.
    references: tuple[str, ...] = ()
    # The id that it had while it was pending, where the bank says so.
    pending_external_id: str | None = None
    # What a row of a statement sums up, as JSON; interfaces list each payment by itself.
    details: str = ""


@dataclass(frozen=True, slots=True)
class Round:
    """What a protocol that tells changes alone adds to a page.

    Pages of one round belong together: it is kept at its end, or begun again where it began. `place`:
    the cursor after this page, which stays good. `removed`: ids that are no more.
    """

    place: str
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TransactionPage:
    """One page of one account. `complete`: no page follows; all since `covered_from` was given.

    `round`: what it adds where the protocol tells changes alone, once it was read from its beginning.
    """

    records: tuple[TransactionRecord, ...]
    next_cursor: str | None
    complete: bool
    covered_from: date
    rejected: tuple[RejectedRow, ...] = ()
    round: Round | None = None


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """One line: quantity (in thousandths) x unit price, rounded, less its discount, is the amount."""

    description: str
    quantity_milli: int
    unit: str
    unit_price_minor: int
    discount_minor: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class ReceiptRecord:
    """A receipt as the bank told it, whether it adds up or not. The higher revision is what is so."""

    external_id: str
    transaction_external_id: str
    revision: int
    merchant_name: str
    merchant_place: str
    issued_at: datetime
    currency: str
    lines: tuple[ReceiptLine, ...]
    discount_minor: int
    tax_minor: int | None
    tax_included: bool
    total_minor: int


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """What was told after a place, in order; `cursor` is the place after it and stays good."""

    records: tuple[ReceiptRecord, ...]
    cursor: str
    has_more: bool
    rejected: tuple[RejectedRow, ...] = ()


ShipmentStatus = Literal[
    "ordered",
    "packed",
    "in_transit",
    "out_for_delivery",
    "delivered",
    "returned",
    "delayed",
]


@dataclass(frozen=True, slots=True)
class ShipmentEvent:
    at: datetime
    status: ShipmentStatus
    text: str
    place: str


@dataclass(frozen=True, slots=True)
class ShipmentRecord:
    """A shipment as the bank told it; `events` oldest first. The higher revision is what is so."""

    external_id: str
    transaction_external_id: str
    revision: int
    merchant_name: str
    carrier: str
    tracking_code: str
    status: ShipmentStatus
    expected_on: date | None
    updated_at: datetime
    events: tuple[ShipmentEvent, ...]


@dataclass(frozen=True, slots=True)
class ShipmentPage:
    """As ReceiptPage, of shipments."""

    records: tuple[ShipmentRecord, ...]
    cursor: str
    has_more: bool
    rejected: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class ConsentTerms:
    """What the bank is asked to allow: no more than it shares. What of it is read, the customer chooses after it."""

    expires_at: datetime
    transactions_from: date | None = None
    balances: bool = True
    transactions: bool = True
    asked_on: date | None = None  # today at the bank, where a protocol counts days back from it


@dataclass(frozen=True, slots=True)
class Authorisation:
    """Where to send the customer, and the consent at the bank that they will be asked for."""

    url: str
    bank_consent_id: str


@dataclass(frozen=True, slots=True)
class TokenSet:
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """What a customer gave us at their bank: the token to ask with, and the consent it stands on.

    Some protocols name the consent in every call.
    """

    access_token: str = field(repr=False)
    bank_consent_id: str
    # Where the customer asks from, where it is they who ask and wait.
    customer_ip: str = field(default="", repr=False)


FraudDecision = Literal["was_me", "not_me"]


@dataclass(frozen=True, slots=True)
class InstructionOutcome:
    """What a bank did with an instruction. `unknown_to_bank`: it never arrived there."""

    status: Literal["done", "failed", "pending", "unknown_to_bank"]
    settled_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class BankNotification:
    """A verified hint. With neither accounts nor consents named, anything may have changed."""

    jti: str
    account_external_ids: tuple[str, ...]
    occurred_at: datetime
    consent_external_ids: tuple[str, ...] = ()


# Failures: all that an operation may raise, whatever the bank answered.


# How the code begins of a refusal that had none of the bank's own.
NO_WORDS = "http_"


class ConnectorFailure(Exception):
    """The bank did not do, or not say, what was asked."""


class TemporarilyUnavailable(ConnectorFailure):
    """Try later; no sooner than `retry_after`, where the bank said so."""

    def __init__(self, retry_after: timedelta | None = None) -> None:
        super().__init__("the bank is unavailable for now")
        self.retry_after = retry_after


class RateLimited(TemporarilyUnavailable):
    """We asked too often."""


class DayUsedUp(RateLimited):
    """As often as one list may be asked for in a day while the customer is away. Who is there is not counted."""


class PagesMoved(TemporarilyUnavailable):
    """What was being paged changed meanwhile: read this round again from where it began."""


class AuthorisationExpired(ConnectorFailure):
    """The access token is no longer taken: refresh it and ask again, once."""


class AuthorisationRevoked(ConnectorFailure):
    """The authorisation itself has ended: only the customer can renew it."""


class BankRefused(ConnectorFailure):
    """The bank understood, and will not. `code` is the bank's own, or `http_<status>`."""

    def __init__(self, code: str, status: int = 0) -> None:
        super().__init__(f"the bank refused: {code}")
        self.code = code
        self.status = status

    @property
    def is_in_its_own_words(self) -> bool:
        """False where something on the way may have said it in the bank's name."""
        return not self.code.startswith(NO_WORDS)


class PeriodRefused(BankRefused):
    """It gives nothing of days so long ago: not any more, or only to a customer who has just signed in."""


class BadAnswer(ConnectorFailure):
    """Nonsense. Says what is wrong and where, and never quotes the answer."""

    def __init__(self, reason: str, field: str = "") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.reason = reason
        self.field = field


class BadCursor(ConnectorFailure):
    """Not a cursor of this connector and bank: read the window again from its start."""


class NotificationRefused(ConnectorFailure):
    """Not a notification that this bank signed for us, lately."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownSigningKey(NotificationRefused):
    """Signed with a key that we do not hold: read the bank's keys again, at most once a minute."""


class Connector(Protocol):
    """One bank by one protocol. Randomness and the clock come in as arguments."""

    def begin_authorisation(
        self,
        *,
        terms: ConsentTerms,
        state: str,
        nonce: str,
        code_verifier: str,
        customer_ip: str = "",
    ) -> Steps[Authorisation]:
        """Lay a consent at the bank; where to send the customer (PKCE S256).

        `customer_ip`: where the customer came from, if one did. Only a protocol that must say it does.
        """
        ...

    def exchange(self, *, code: str, code_verifier: str, at: datetime) -> Steps[TokenSet]:
        """The redirect's code for tokens."""
        ...

    def refresh(self, *, refresh_token: str, at: datetime) -> Steps[TokenSet]:
        """New tokens; keeps the refresh token where the bank gives no new one."""
        ...

    def revoke_consent(self, *, bank_consent_id: str) -> Steps[None]:
        """End the consent at the bank; one that is already gone is ended."""
        ...

    def accounts(self, *, grant: Grant) -> Steps[AccountList]: ...

    def calls_a_day(self, *, grant: Grant) -> Steps[int | None]:
        """How often a day one list of an account may be asked for while the customer is away; None: not said."""
        ...

    def balances(
        self, *, grant: Grant, account_external_id: str
    ) -> Steps[tuple[BalanceRecord, ...]]:
        """At most one of each kind."""
        ...

    def transactions(
        self, *, grant: Grant, account_external_id: str, since: date
    ) -> Steps[TransactionPage]:
        """The first page of all that is dated `since` or later; earlier rows may be among them."""
        ...

    def more_transactions(
        self, *, grant: Grant, account_external_id: str, cursor: str
    ) -> Steps[TransactionPage]:
        """The page that an earlier one named, or all since its round. Raises PagesMoved within a round."""
        ...

    def receipts(
        self, *, grant: Grant, account_external_id: str, after: str
    ) -> Steps[ReceiptPage]:
        """What was told of receipts after a place that an earlier page gave; from the beginning where empty."""
        ...

    def shipments(
        self, *, grant: Grant, account_external_id: str, after: str
    ) -> Steps[ShipmentPage]:
        """The same of shipments."""
        ...

    def freeze(
        self,
        *,
        grant: Grant,
        instruction_id: str,
        account_external_id: str,
        card_id: str | None,
        reason: str,
    ) -> Steps[InstructionOutcome]:
        """Freeze one card, or all of the account; the same id again is the same instruction."""
        ...

    def unfreeze(
        self,
        *,
        grant: Grant,
        instruction_id: str,
        account_external_id: str,
        card_id: str | None,
        reason: str,
    ) -> Steps[InstructionOutcome]: ...

    def freeze_status(self, *, grant: Grant, instruction_id: str) -> Steps[InstructionOutcome]:
        """What became of an instruction; asked before it is ever sent again."""
        ...

    def report_decision(
        self,
        *,
        grant: Grant,
        decision_id: str,
        account_external_id: str,
        transaction_external_id: str,
        decision: FraudDecision,
        decided_at: datetime,
    ) -> Steps[InstructionOutcome]:
        """What the customer said about a payment; the same id again is the same decision."""
        ...

    def decision_status(self, *, grant: Grant, decision_id: str) -> Steps[InstructionOutcome]:
        """What became of a decision; asked before it is ever sent again."""
        ...

    def signing_keys(self) -> Steps[Mapping[str, object]]:
        """The bank's public keys as a JWK set, to keep and to pass to `read_notification`."""
        ...

    def read_notification(
        self, *, body: bytes, jwks: Mapping[str, object], at: datetime
    ) -> BankNotification:
        """Verify a pushed notification; once per `jti` is the caller's to see to."""
        ...
