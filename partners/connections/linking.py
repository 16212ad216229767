"""What comes of a walk once the customer has said what may be read, in one transaction of the bank's."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from accounts.consent.actions import Resource, grant_consent
from accounts.consent.latch import close_latch
from accounts.disclosure.actions import Occasion, record_release
from accounts.linking.actions import end_link, link_account
from accounts.linking.queries import live_links
from partners.banks.models import Bank, Customer
from partners.connections.brought import Brought, allowed_digest
from partners.connections.line import keep_tokens
from partners.connections.models import Authorisation, Connection
from partners.connections.queries import (
    allowed_to_the_chat,
    connection_to_renew,
    connection_to_repair,
    linked_among,
)
from partners.connections.rules import AUTHORISED_FOR, Choice
from partners.connectors.base import AccountRecord
from partners.events import AccountsLinked, customer_key
from partners.feeds.cursors import read_further_back, start_reading, stop_reading
from partners.feeds.models import FeedCursor
from partners.ledger.actions import record_accounts
from portal.middleware import current_customer_ip, current_request_id
from portal.outbox.publishing import publish
from portal.wakeups import wake_after_commit

PURPOSE = "see_in_chat"


@dataclass(frozen=True)
class Completed:
    """What a finished walk made; `replaced` is the consent at the bank that it took the place of, or empty."""

    connection_id: UUID
    consent_id: UUID
    account_ids: tuple[UUID, ...]
    replaced: str = ""


def alone_with(customer_id: UUID) -> Customer:
    """Their latch closed and then their row locked, before anything else of theirs is."""
    close_latch(customer_id)
    # Two windows that end at once repair one connection, not make two.
    return Customer.objects.select_for_update(no_key=True).get(pk=customer_id)


def link_chosen(
    walk: Authorisation,
    brought: Brought,
    customer: Customer,
    *,
    picked: Sequence[AccountRecord],
    choice: Choice,
    at: datetime,
) -> Completed:
    """Connection, accounts, links, consent and feeds of what was picked: of the other accounts nothing is kept."""
    recorded = record_accounts(picked, holder=customer.id)
    account_ids = tuple(sorted(each.id for each in recorded.values()))
    before = linked_among(customer.id, brought.external_ids)
    connection = connection_to_repair(customer_id=customer.id, account_ids=before)
    connection, replaced = _connected(
        connection or Connection(customer=customer), walk, brought, at=at
    )
    for account_id in account_ids:
        link_account(
            customer_id=customer.id, account_id=account_id, connection_id=connection.id, at=at
        )
    _let_go_of_others(connection, customer, before, kept=account_ids, at=at)
    consent_id = _allow(choice, customer, account_ids, at=at)
    _note_reading(customer, {consent_id: account_ids}, at=at)
    bank = Bank.objects.get(pk=str(customer.bank_id))
    _read(
        connection,
        account_ids,
        choice.kinds_to_read,
        history_from=_history_from(choice, bank, at),
        at=at,
    )
    _finish(walk, connection, account_ids, choice=choice.as_data(), at=at)
    return Completed(connection.id, consent_id, account_ids, replaced)


def renew_link(
    walk: Authorisation, brought: Brought, customer: Customer, *, at: datetime
) -> Completed | None:
    """Let an authorisation that had ended go on, under what the customer allows; None where they have to choose."""
    connection = connection_to_renew(
        customer_id=customer.id, external_ids=brought.external_ids, at=at
    )
    if connection is None:
        return None
    links = live_links().filter(customer_id=customer.id, connection_id=connection.id)
    ours = dict(links.values_list("account__external_id", "account_id"))
    record_accounts(each for each in brought.accounts if each.external_id in ours)
    account_ids = tuple(sorted(ours.values()))
    connection, replaced = _connected(connection, walk, brought, at=at)
    allowed = allowed_to_the_chat(customer.id, account_ids, at=at)
    _note_reading(customer, {each.consent_id: each.account_ids for each in allowed}, at=at)
    read = FeedCursor.objects.filter(connection_id=connection.id, account_id__in=account_ids)
    _read(connection, account_ids, set(read.values_list("kind", flat=True)), at=at)
    _finish(walk, connection, account_ids, choice={}, at=at)
    return Completed(connection.id, allowed[0].consent_id, account_ids, replaced)


def _connected(
    connection: Connection, walk: Authorisation, brought: Brought, *, at: datetime
) -> tuple[Connection, str]:
    """The connection by this authorisation from now on; and the consent at the bank that it had before."""
    replaced = connection.external_consent_id
    connection.integration_id = walk.integration_id
    connection.status = Connection.Status.ACTIVE
    connection.external_consent_id = walk.external_consent_id
    connection.authorised_until = walk.created_at + AUTHORISED_FOR
    connection.allowed_digest = allowed_digest(connection.id, brought.external_ids)
    connection.resume_at = None
    connection.calls_a_day = brought.calls_a_day
    connection.facts_asked_at = at
    connection.refreshing_until = None
    keep_tokens(connection, brought.tokens)
    connection.save()
    return connection, replaced


def _let_go_of_others(
    connection: Connection,
    customer: Customer,
    among: Iterable[UUID],
    *,
    kept: Sequence[UUID],
    at: datetime,
) -> None:
    """Accounts that the customer left out this time, at the bank or here, are linked no more."""
    before = live_links().filter(
        Q(connection_id=connection.id) | Q(account_id__in=list(among)), customer_id=customer.id
    )
    for link in before.exclude(account_id__in=kept):
        end_link(customer_id=customer.id, account_id=link.account_id, at=at)


def _allow(
    choice: Choice, customer: Customer, account_ids: Sequence[UUID], *, at: datetime
) -> UUID:
    bank = Bank.objects.get(pk=str(customer.bank_id))
    named = [("feed", code) for code in choice.feeds] + [
        ("alert", code) for code in choice.alert_types
    ]
    consent = grant_consent(
        customer_id=customer.id,
        recipient="chat",
        client_id=None,
        purpose_code=PURPOSE,
        locale=customer.locale or bank.locale,
        expires_at=choice.expires_at(at),
        history_from=_history_from(choice, bank, at),
        resources=[
            Resource(account_id, scope, code)
            for account_id in account_ids
            for scope, code in named
        ],
        at=at,
        by="customer",
    )
    return consent.id


def _history_from(choice: Choice, bank: Bank, at: datetime) -> date:
    return (at.astimezone(ZoneInfo(bank.time_zone)) - choice.history).date()


def _note_reading(
    customer: Customer, rows: Mapping[UUID, Iterable[UUID]], *, at: datetime
) -> None:
    """Which accounts there are was read at the bank: on the record under the consents that name them."""
    occasion = Occasion(
        at=at,
        recipient="portal",
        door="window",
        feed="accounts",
        purpose=PURPOSE,
        pseudonym=customer.pseudonym,
        request_id=current_request_id(),
    )
    record_release(occasion, rows={each: dict.fromkeys(of, 1) for each, of in rows.items()})


def _read(
    connection: Connection,
    account_ids: Sequence[UUID],
    kinds: Collection[str],
    *,
    at: datetime,
    history_from: date | None = None,
) -> None:
    stop_reading(connection_id=connection.id)
    # Who has just linked is there, and need not be counted as away.
    start_reading(
        connection_id=connection.id,
        account_ids=account_ids,
        kinds=kinds,
        at=at,
        asked_from=current_customer_ip(),
    )
    read_further_back(
        connection_id=connection.id, account_ids=account_ids, history_from=history_from
    )
    wake_after_commit("partners.sync.tasks.pull_due", bank_id=str(connection.bank_id))


def _finish(
    walk: Authorisation,
    connection: Connection,
    account_ids: tuple[UUID, ...],
    *,
    choice: Mapping[str, object],
    at: datetime,
) -> None:
    walk.status = Authorisation.Status.COMPLETED
    walk.failure = ""
    walk.finished_at = at
    walk.connection = connection
    walk.choice = choice
    walk.brought = ""
    walk.save()
    linked = AccountsLinked(walk.customer_id, connection.id, account_ids)
    publish(linked, key=customer_key(walk.customer_id), occurred_at=at)
