"""What a program can be shown of what it asks for, and by whom it is asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from accounts.clients.models import Client
from accounts.clients.queries import find_client
from accounts.clients.rules import Asked, NotAsked
from accounts.consent.models import Purpose
from accounts.consent.queries import current_purpose, notice_of
from partners.alerts.models import AlertType
from partners.alerts.queries import enabled_rules
from partners.banks.models import Bank, Customer
from partners.banks.queries import find_bank, reader_locale
from partners.connections.linking import PURPOSE as CHAT_PURPOSE
from partners.connections.rules import alerts_that_can_be_found, feeds_that_can_be_shown
from partners.feeds.models import FeedKind
from partners.feeds.queries import cursors_of, shared_masks
from partners.ledger.models import Account
from partners.ledger.queries import accounts_of
from partners.sharing.rules import FEED_OF_ALERT
from portal.tenancy.blocks import served


class ProgramSuspended(NotAsked):
    def __init__(self) -> None:
        super().__init__("unauthorized_client", "the program is suspended")


class BankUnknown(NotAsked):
    def __init__(self) -> None:
        super().__init__("invalid_request", "no such bank")


class BankSuspended(NotAsked):
    def __init__(self) -> None:
        super().__init__("temporarily_unavailable", "the bank is suspended")


@dataclass(frozen=True)
class Party:
    """Who asks, and at which bank."""

    client: Client
    bank: Bank
    purpose: Purpose


def party_of(asked: Asked) -> Party:
    """Who is behind a request, where it may be put to anybody at all. Raises NotAsked."""
    client = find_client(asked.client_id)
    if client is None or not client.comes_back_to(asked.redirect_uri):
        raise NotAsked("invalid_request", "no such program, or no such address of it")
    if client.status != Client.Status.ADMITTED:
        raise ProgramSuspended
    bank = find_bank(asked.bank)
    if bank is None:
        raise BankSuspended if Bank.objects.filter(slug=asked.bank).exists() else BankUnknown
    return Party(client, bank, _purpose(asked, client))


def _purpose(asked: Asked, client: Client) -> Purpose:
    try:
        purpose = current_purpose(asked.purpose)
    except Purpose.DoesNotExist as reason:
        raise NotAsked("invalid_request", "no such purpose") from reason
    if purpose.code == CHAT_PURPOSE:
        raise NotAsked("invalid_request", "that purpose is the chat's own")
    if not set(asked.feeds) <= set(purpose.feeds) & set(client.feeds):
        raise NotAsked("invalid_scope", "more than the purpose needs, or the program registered")
    if not set(asked.alert_types) <= set(purpose.alert_types):
        raise NotAsked("invalid_scope", "more than the purpose needs")
    if not {FEED_OF_ALERT[each] for each in asked.alert_types} <= set(client.feeds):
        raise NotAsked("invalid_scope", "an alert of a feed that the program never registered")
    return purpose


@dataclass(frozen=True)
class Offer:
    """What the customer can say yes to; and of what was asked for, what they cannot, and why."""

    accounts: Sequence[Account]
    feeds: Sequence[str]
    alerts: Mapping[str, Mapping[str, Any]]
    history_from: date
    notice: str
    # Feeds that the bank shares with nobody, and feeds that are not read for this customer yet.
    not_shared: Sequence[str]
    not_linked: Sequence[str]

    @property
    def is_empty(self) -> bool:
        return not self.feeds and not self.alerts

    @property
    def has_history(self) -> bool:
        """Whether something of it reaches back: a balance is of now."""
        found_in = {FEED_OF_ALERT[each] for each in self.alerts}
        return bool({*self.feeds, *found_in} - {FeedKind.BALANCES.value})


def offer_of(party: Party, asked: Asked, customer: Customer, *, at: datetime) -> Offer:
    """In the customer's block."""
    accounts = accounts_of(served().account_ids)
    masks = shared_masks()
    shared = feeds_that_can_be_shown(masks)
    read = {each.kind for each in cursors_of([each.id for each in accounts])}
    wanted = [each for each in FeedKind.values if each in asked.feeds]
    rules = enabled_rules()
    found = alerts_that_can_be_found(rules, shared=masks)
    alerts = [each for each in AlertType.values if each in asked.alert_types and each in found]
    locale = reader_locale(party.bank, customer)
    today = at.astimezone(ZoneInfo(party.bank.time_zone)).date()
    return Offer(
        accounts=accounts,
        feeds=[each for each in wanted if each in shared and each in read],
        alerts={each: rules[each] for each in alerts if FEED_OF_ALERT[each] in read},
        history_from=today - timedelta(days=asked.history_days),
        notice=notice_of(party.purpose, locale=locale).text,
        not_shared=[each for each in wanted if each not in shared],
        not_linked=[each for each in wanted if each in shared and each not in read],
    )
