"""The one decision to release, as pure functions: what the bank shares, what the client registered,
what the customer allowed, of which accounts. Whatever none of them says is refused.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from partners.feeds.rules import ACCOUNTS, BY_MONTH

Way = tuple[str, str]  # (scope, code): what a customer can allow of an account

# The feed that an alert of each type is found in.
FEED_OF_ALERT: Mapping[str, str] = {
    "fraud_suspected": "transactions",
    "large_payment": "transactions",
    "low_balance": "balances",
    "foreign": "transactions",
    "refund": "transactions",
    "salary": "transactions",
}
# What is told of a payment has to be tied to it, and so the payments have to be read.
TIED_TO: Mapping[str, str] = {"receipts": "transactions", "shipments": "transactions"}


class Scope(StrEnum):
    FEED = "feed"
    ALERT = "alert"


class Door(StrEnum):
    REST = "rest"
    SOCKET = "socket"
    SYNC = "sync"
    WINDOW = "window"
    WEBHOOK = "webhook"
    MAIL = "mail"
    PUSH = "push"
    EXPORT = "export"
    FILE = "file"
    INSTRUCTION = "instruction"


class Reason(StrEnum):
    """Why something was refused, from what concerns the whole bank to what concerns one account."""

    BANK_SUSPENDED = "bank_suspended"
    BANK_NOT_SHARING = "bank_not_sharing"
    CLIENT_SUSPENDED = "client_suspended"
    NOT_REGISTERED = "not_registered"
    NO_CONSENT = "no_consent"
    CONSENT_REVOKED = "consent_revoked"
    CONSENT_EXPIRED = "consent_expired"
    ACCOUNT_NOT_SHARED = "account_not_shared"


@dataclass(frozen=True)
class Recipient:
    """Who would get the data: the bank's chat, a client program, this portal reading at the bank, or the
    customer's own bank, told what they ask of it.

    `scopes` narrows a client to what its token was issued for; None does not narrow.
    """

    kind: str
    client_id: int | None = None
    scopes: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return self.kind if self.client_id is None else f"{self.kind}:{self.client_id}"


CHAT = Recipient("chat")
PORTAL = Recipient("portal")
BANK = Recipient("bank")


@dataclass(frozen=True)
class Ask:
    """One question to the gate. `account_ids` None asks for whatever is allowed; `code` is a feed,
    an alert type, or `accounts`."""

    recipient: Recipient
    purpose: str | None
    scope: str
    code: str
    account_ids: tuple[UUID, ...] | None
    door: Door
    at: datetime
    request_id: str = ""


@dataclass(frozen=True)
class Allowed:
    """What may be read: of `account_ids` alone, without `masked_fields`, from `history_from` on.

    Of the accounts asked for, those that are not in it are refused.
    """

    account_ids: tuple[UUID, ...]
    consents: Mapping[UUID, UUID]
    masked_fields: frozenset[str]
    history_from: Mapping[UUID, date]
    purpose: str
    ask: Ask
    # What is held back of the accounts themselves, wherever they are named.
    masked_of_accounts: frozenset[str] = frozenset()

    @property
    def by_month(self) -> bool:
        """Whether days are shown as their months; then nothing is in their order either."""
        return BY_MONTH in self.masked_fields

    @property
    def refused_ids(self) -> tuple[UUID, ...]:
        return tuple(each for each in self.ask.account_ids or () if each not in self.consents)


@dataclass(frozen=True)
class Refused:
    reason: Reason
    ask: Ask
    consent_id: UUID | None = None


@dataclass(frozen=True)
class BankShares:
    """What a bank shares at all: the feeds that are on, with all that is masked of them, and the alert
    types that tell nothing which is masked; and what is masked of accounts."""

    admitted: bool
    feeds: Mapping[str, frozenset[str]] = field(default_factory=dict)
    alert_types: frozenset[str] = frozenset()
    accounts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Allowance:
    """One resource of one consent, with all that decides whether it counts."""

    account_id: UUID
    scope: str
    code: str
    consent_id: UUID
    recipient: str
    client_id: int | None
    registered: frozenset[str] | None  # the client's feeds; None for the chat
    suspended: bool  # the client is; the chat never
    purpose: str
    granted_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    history_from: date
    linked: bool

    @property
    def feed(self) -> str:
        """The feed that has to be read for it."""
        return self.code if self.scope == Scope.FEED else FEED_OF_ALERT.get(self.code, "")

    @property
    def ended(self) -> bool:
        """Whenever it was: who asks may have looked at the clock a while before they read."""
        return self.ended_at is not None

    def live(self, at: datetime) -> bool:
        return self.granted_at <= at < self.expires_at and not self.ended


def ways(ask: Ask, shares: BankShares) -> frozenset[Way]:
    """Any of which, allowed by a customer, answers the ask; empty where the bank shares nothing of it."""
    if ask.scope == Scope.ALERT:
        return frozenset({(Scope.ALERT, ask.code)} if ask.code in shares.alert_types else ())
    if ask.code == ACCOUNTS:
        named = {(Scope.FEED, each) for each in shares.feeds}
        # What an alert is about has a name too, which we read, and show with it alone.
        told = shares.alert_types if ask.recipient.kind == PORTAL.kind else ()
        return frozenset({*named, *((Scope.ALERT, each) for each in told)})
    if ask.code not in shares.feeds:
        return frozenset()
    direct = {(Scope.FEED, ask.code)}
    if ask.recipient.kind != PORTAL.kind:
        return frozenset(direct)
    # We read at the bank what an alert is found in, or a receipt belongs to, without showing it to anybody.
    found_in = {(Scope.ALERT, alert) for alert, feed in FEED_OF_ALERT.items() if feed == ask.code}
    tied = {(Scope.FEED, feed) for feed, to in TIED_TO.items() if to == ask.code}
    return frozenset(direct | found_in | tied)


def decide(ask: Ask, shares: BankShares, allowances: Iterable[Allowance]) -> Allowed | Refused:
    """The decision. Every allowance given is looked at again, however it was found."""
    answers = ways(ask, shares)
    if not shares.admitted:
        return Refused(Reason.BANK_SUSPENDED, ask)
    if not answers:
        return Refused(Reason.BANK_NOT_SHARING, ask)
    given = [each for each in allowances if _concerns(each, ask)]
    left = [each for each in given if each.live(ask.at)]
    if not left:
        return _over(given, ask)
    tests: tuple[tuple[Reason, Callable[[Allowance], bool]], ...] = (
        (Reason.CLIENT_SUSPENDED, lambda each: not each.suspended),
        (Reason.NO_CONSENT, lambda each: (each.scope, each.code) in answers),
        (Reason.NOT_REGISTERED, lambda each: _registered(each, ask)),
        (Reason.ACCOUNT_NOT_SHARED, lambda each: each.linked and _asked_for(each, ask)),
    )
    for reason, holds in tests:
        kept = [each for each in left if holds(each)]
        if not kept:
            return Refused(reason, ask, left[0].consent_id)
        left = kept
    return _allowed(left, ask, shares)


def _concerns(each: Allowance, ask: Ask) -> bool:
    if ask.purpose is not None and each.purpose != ask.purpose:
        return False
    if ask.recipient.kind == PORTAL.kind:
        return True
    return (each.recipient, each.client_id) == (ask.recipient.kind, ask.recipient.client_id)


def _registered(each: Allowance, ask: Ask) -> bool:
    if each.registered is not None and each.feed not in each.registered:
        return False
    return ask.recipient.scopes is None or each.feed in ask.recipient.scopes


def _asked_for(each: Allowance, ask: Ask) -> bool:
    return ask.account_ids is None or each.account_id in ask.account_ids


def _over(given: list[Allowance], ask: Ask) -> Refused:
    if not given:
        return Refused(Reason.NO_CONSENT, ask)
    latest = max(given, key=lambda each: (each.granted_at, each.consent_id))
    if latest.ended:
        return Refused(Reason.CONSENT_REVOKED, ask, latest.consent_id)
    if latest.expires_at <= ask.at:
        return Refused(Reason.CONSENT_EXPIRED, ask, latest.consent_id)
    return Refused(Reason.NO_CONSENT, ask)


def _allowed(open_: list[Allowance], ask: Ask, shares: BankShares) -> Allowed:
    newest: dict[UUID, Allowance] = {}
    for each in sorted(open_, key=lambda it: (it.granted_at, it.consent_id)):
        newest[each.account_id] = each
    depth = {each: _depth(each, open_, ask) or newest[each].history_from for each in newest}
    account_ids = tuple(sorted(newest))
    return Allowed(
        account_ids=account_ids,
        consents={each: newest[each].consent_id for each in account_ids},
        masked_fields=shares.feeds.get(ask.code, frozenset()),
        masked_of_accounts=shares.accounts,
        history_from=depth,
        purpose=newest[account_ids[0]].purpose,
        ask=ask,
    )


def _depth(account_id: UUID, open_: list[Allowance], ask: Ask) -> date | None:
    # Reading at the bank serves every recipient, so it goes as deep as the deepest consent.
    if ask.recipient.kind != PORTAL.kind:
        return None
    return min(each.history_from for each in open_ if each.account_id == account_id)
