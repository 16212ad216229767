"""Reading connections and the walks that made them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, QuerySet

from accounts.consent.models import ConsentResource
from accounts.consent.queries import live_at, live_consents, resources_of
from accounts.linking.queries import live_links
from partners.alerts.models import AlertType
from partners.connections.brought import allowed_digest
from partners.connections.models import Authorisation, Connection, SpareConsent
from partners.feeds.budgets import can_be_told
from partners.feeds.models import FeedCursor, FeedKind
from partners.ledger.models import Account
from partners.ledger.queries import accounts_of
from portal.tenancy.blocks import current_bank_id


def connection_of_account(*, customer_id: UUID, account_id: UUID) -> Connection | None:
    """The connection by which the customer linked the account, whatever its state."""
    link = live_links().filter(customer_id=customer_id, account_id=account_id).first()
    return Connection.objects.filter(pk=link.connection_id).first() if link else None


def live_connection_of_account(*, customer_id: UUID, account_id: UUID) -> Connection | None:
    """The connection by which the bank can be asked about the account now; None where there is none."""
    way = connection_of_account(customer_id=customer_id, account_id=account_id)
    return way if way is not None and way.status == Connection.Status.ACTIVE else None


def held_off_until(
    *,
    customer_id: UUID,
    account_ids: Collection[UUID],
    kind: str,
    at: datetime,
    asked_from: str = "",
) -> datetime | None:
    """When the bank may be asked for this feed of all of these accounts again; None where it may be asked now.

    It wants to be left alone, or said that of the calls it counts none is left. By a consent those are counted that are
    made while the customer is away: not theirs, where the bank can be told that they are there.
    """
    links = live_links().filter(customer_id=customer_id, account_id__in=account_ids)
    ways = links.values("connection_id")
    held_off = Connection.objects.filter(pk__in=ways, resume_at__gt=at)
    used_up = FeedCursor.objects.filter(
        connection_id__in=ways, account_id__in=account_ids, kind=kind, calls_left=0
    ).filter(calls_reset_at__gt=at)
    if can_be_told(asked_from):
        used_up = used_up.filter(connection__calls_a_day__isnull=True)
    found: list[datetime | None] = [
        held_off.aggregate(latest=Max("resume_at"))["latest"],
        used_up.aggregate(latest=Max("calls_reset_at"))["latest"],
    ]
    return max((each for each in found if each is not None), default=None)


def connection_to_repair(*, customer_id: UUID, account_ids: Collection[UUID]) -> Connection | None:
    """The connection that already brings one of these accounts to the customer, locked."""
    links = live_links().filter(customer_id=customer_id, account_id__in=account_ids)
    found = Connection.objects.filter(pk__in=links.values("connection_id"))
    return found.select_for_update(no_key=True).order_by("created_at", "id").first()


def connection_of_bank_consent(external_consent_id: str) -> Connection | None:
    return Connection.objects.filter(external_consent_id=external_consent_id).first()


def linked_among(customer_id: UUID, external_ids: Collection[str]) -> list[UUID]:
    """Of the accounts of these ids at the bank, those that the customer has linked."""
    links = live_links().filter(customer_id=customer_id, account__external_id__in=external_ids)
    return list(links.values_list("account_id", flat=True))


@dataclass(frozen=True)
class Allowed:
    """What one live consent of the chat's names: of each account the feeds and alert types, as scope and code."""

    consent_id: UUID
    expires_at: datetime
    named: Mapping[UUID, frozenset[tuple[str, str]]]

    @property
    def account_ids(self) -> Collection[UUID]:
        return self.named.keys()


def allowed_to_the_chat(
    customer_id: UUID, account_ids: Collection[UUID], *, at: datetime
) -> list[Allowed]:
    """The chat's live consents that name one of these accounts, newest first, as far as they name them."""
    live = list(live_consents(customer_id, recipient="chat", at=at))
    named: dict[UUID, dict[UUID, set[tuple[str, str]]]] = {each.id: {} for each in live}
    resources = resources_of(list(named)).filter(account_id__in=account_ids)
    for each in resources:
        of_account = named[each.consent_id].setdefault(each.account_id, set())
        of_account.add((each.scope, each.code))
    return [
        Allowed(
            each.id,
            each.expires_at,
            {account: frozenset(codes) for account, codes in named[each.id].items()},
        )
        for each in live
        if named[each.id]
    ]


def connection_to_renew(
    *, customer_id: UUID, external_ids: Collection[str], at: datetime
) -> Connection | None:
    """A connection that had ended, where there is nothing to ask about its going on; locked.

    The bank allows the same accounts as before, what is linked is among them and by no other connection,
    and the chat is still allowed something of each.
    """
    among = linked_among(customer_id, external_ids)
    connection = connection_to_repair(customer_id=customer_id, account_ids=among)
    if connection is None or connection.status == Connection.Status.ACTIVE:
        return None
    ours = dict(
        live_links()
        .filter(customer_id=customer_id, connection_id=connection.id)
        .values_list("account_id", "account__external_id")
    )
    is_same = connection.allowed_digest == allowed_digest(connection.id, external_ids)
    if set(among) != set(ours) or not (is_same or set(ours.values()) == set(external_ids)):
        return None
    allowed = allowed_to_the_chat(customer_id, among, at=at)
    is_allowed = set(among) == {account for each in allowed for account in each.account_ids}
    return connection if is_allowed else None


def renewable(*, customer_id: UUID, at: datetime) -> datetime | None:
    """Until when something is allowed that cannot be read, because an authorisation has ended; None where all can."""
    ended = Connection.objects.exclude(status=Connection.Status.ACTIVE)
    links = live_links().filter(customer_id=customer_id, connection__in=ended.values("pk"))
    account_ids = list(links.values_list("account_id", flat=True))
    allowed = allowed_to_the_chat(customer_id, account_ids, at=at)
    return max((each.expires_at for each in allowed), default=None)


def connections_to_look_at(at: datetime) -> QuerySet[Connection]:
    """Those of which nothing may be allowed any more, the longest due first."""
    active = Connection.objects.filter(
        bank_id=current_bank_id(), status=Connection.Status.ACTIVE, look_at__lte=at
    )
    return active.order_by("look_at")


def allowed_until(connection: Connection, *, at: datetime) -> datetime | None:
    """Until when the chat or a program is allowed something that it reads; None where nothing is."""
    links = live_links().filter(customer_id=connection.customer_id, connection_id=connection.id)
    named = ConsentResource.objects.filter(
        live_at(at, "consent__"),
        customer_id=connection.customer_id,
        account_id__in=links.values("account_id"),
    )
    latest: datetime | None = named.aggregate(latest=Max("consent__expires_at"))["latest"]
    return latest


def to_be_told(at: datetime) -> QuerySet[SpareConsent]:
    """What the served bank is told now to be over, the longest due first."""
    due = SpareConsent.objects.filter(bank_id=current_bank_id(), due_at__lte=at)
    return due.order_by("due_at")


def is_told(spare_id: UUID) -> bool:
    """Whether the bank knows that it is over."""
    return not SpareConsent.objects.filter(pk=spare_id).exists()


def walks_under_way() -> QuerySet[Authorisation]:
    """Those for which something was laid at the bank that nobody has decided about."""
    status = Authorisation.Status
    return Authorisation.objects.filter(status__in=(status.AT_BANK, status.CHOOSING))


def walk_of(*, walk_id: UUID, customer_id: UUID) -> Authorisation | None:
    return Authorisation.objects.filter(pk=walk_id, customer_id=customer_id).first()


@dataclass(frozen=True)
class Before:
    """What the customer allows already: ids of accounts at the bank, and what is allowed of each of them."""

    external_ids: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()
    alert_types: frozenset[str] = frozenset()


def allowed_before(*, customer_id: UUID, external_ids: Collection[str], at: datetime) -> Before:
    """Of accounts that a walk brought back."""
    among = linked_among(customer_id, external_ids)
    named: dict[UUID, set[tuple[str, str]]] = {}
    for each in allowed_to_the_chat(customer_id, among, at=at):
        for account_id, codes in each.named.items():
            named.setdefault(account_id, set()).update(codes)
    if not named:
        return Before()
    of_each = frozenset.intersection(*map(frozenset, named.values()))
    return Before(
        frozenset(each.external_id for each in accounts_of(list(named))),
        frozenset(code for scope, code in of_each if scope == "feed"),
        frozenset(code for scope, code in of_each if scope == "alert"),
    )


@dataclass(frozen=True)
class LastLinked:
    """What a customer's last finished walk linked, as far as it is allowed to the chat now."""

    accounts: Sequence[Account]
    feeds: Sequence[str]
    alert_types: Sequence[str]
    expires_at: datetime
    consent_id: UUID
    is_renewed: bool


def last_linked(*, customer_id: UUID, at: datetime) -> LastLinked | None:
    """Of the customer's last finished walk; None where there was none, or nothing of it is allowed any more."""
    finished = Authorisation.objects.filter(
        customer_id=customer_id, status=Authorisation.Status.COMPLETED
    )
    walk = finished.order_by("-finished_at", "-id").first()
    if walk is None or walk.connection_id is None:
        return None
    links = live_links().filter(customer_id=customer_id, connection_id=walk.connection_id)
    account_ids = list(links.values_list("account_id", flat=True))
    allowed = allowed_to_the_chat(customer_id, account_ids, at=at)
    if not allowed:
        return None
    codes = {code for each in allowed for of in each.named.values() for code in of}
    return LastLinked(
        accounts_of(account_ids),
        [each for each in FeedKind.values if ("feed", each) in codes],
        [each for each in AlertType.values if ("alert", each) in codes],
        allowed[0].expires_at,
        allowed[0].consent_id,
        is_renewed=not walk.choice,
    )
