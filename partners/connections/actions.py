"""A customer's walk to the bank and back: read, then call, then write; never a network in a transaction."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from accounts.consent.actions import Resource, grant_consent, note_no_consent
from accounts.consent.latch import close_latch
from accounts.consent.models import ConsentEvent
from accounts.disclosure.actions import Occasion, record_release
from accounts.linking.actions import end_link, link_account
from accounts.linking.queries import live_links
from partners.alerts.queries import enabled_rules
from partners.banks.models import Bank, Customer
from partners.connections.line import keep_tokens
from partners.connections.models import Authorisation, Connection
from partners.connections.queries import connection_to_repair
from partners.connections.rules import (
    AUTHORISATION_AGE,
    HISTORY,
    Choice,
    alerts_that_can_be_found,
    read_choice,
    what_is_wrong,
)
from partners.connectors.base import (
    AccountRecord,
    Connector,
    ConnectorFailure,
    ConsentTerms,
    Grant,
    TokenSet,
)
from partners.events import AccountsLinked, customer_key
from partners.feeds.cursors import start_reading, stop_reading
from partners.feeds.queries import shared_masks
from partners.integrations.models import Integration
from partners.integrations.queries import connector_of, get_integration
from partners.integrations.runner import run
from partners.ledger.actions import record_accounts
from portal.middleware import current_request_id
from portal.outbox.publishing import publish
from portal.rest.problems import Conflict, Invalid, NotFound, Unavailable
from portal.secrets.fields import keep_secret, open_secret
from portal.secrets.tokens import digest_of
from portal.tenancy.blocks import serving
from portal.wakeups import wake_after_commit

logger = logging.getLogger(__name__)

PURPOSE = "see_in_chat"
_BEING_FINISHED = timedelta(minutes=5)
_MOST_AT_ONCE = 50


class ChoiceNotPossible(Invalid):
    """`why`: nothing_chosen, or not_shared by the bank."""

    slug = "choice-not-possible"
    title = "This cannot be chosen at this bank"

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class AuthorisationUnknown(NotFound):
    slug = "authorisation-unknown"
    title = "No such walk to the bank was begun here"


class AuthorisationSpent(Conflict):
    """Used already, or begun over ten minutes ago."""

    slug = "authorisation-spent"
    title = "This way back from the bank is no longer valid"


class LinkingFailed(Unavailable):
    """The bank could not be reached, refused, or listed no account. Nothing was linked."""

    slug = "linking-failed"
    title = "The bank could not finish this"


@dataclass(frozen=True)
class Completed:
    """What a finished walk made."""

    connection_id: UUID
    consent_id: UUID
    account_ids: tuple[UUID, ...]


def begin_authorisation(
    *,
    bank_id: UUID,
    customer_id: UUID,
    choice: Mapping[str, Any],
    at: datetime,
    customer_ip: str = "",
) -> str:
    """Lay a consent at the bank for what the customer chose; the URL to send them to.

    `customer_ip`: where they came from, which some banks must be told.
    Raises ChoiceNotPossible, LinkingFailed. Opens its own blocks, for it calls the network between.
    """
    with serving(bank_id):
        chosen = _possible(choice)
        integration = get_integration()
        connector = connector_of(integration)
    state, verifier, nonce = token_urlsafe(32), token_urlsafe(48), token_urlsafe(24)
    with _failing_calmly():
        begun = run(
            connector.begin_authorisation(
                terms=_terms(chosen, at),
                state=state,
                nonce=nonce,
                code_verifier=verifier,
                customer_ip=customer_ip,
            )
        )
    with serving(bank_id):
        row = Authorisation(
            customer_id=customer_id,
            integration=integration,
            state_digest=digest_of(state),
            nonce=nonce,
            external_consent_id=begun.bank_consent_id,
            choice=chosen.as_data(),
            expires_at=at + AUTHORISATION_AGE,
        )
        keep_secret(row, "code_verifier", verifier)
        row.save(force_insert=True)
    return begun.url


def _possible(data: Mapping[str, Any]) -> Choice:
    choice = read_choice(data)
    shared = shared_masks()
    alerts = alerts_that_can_be_found(enabled_rules(), shared=shared)
    why = what_is_wrong(choice, shared_feeds=shared, shared_alerts=alerts) if choice else "invalid"
    if choice is None or why:
        raise ChoiceNotPossible(why)
    return choice


def _terms(choice: Choice, at: datetime) -> ConsentTerms:
    kinds = choice.kinds_to_read
    return ConsentTerms(
        expires_at=choice.expires_at(at),
        transactions_from=(at - HISTORY).date(),
        balances="balances" in kinds,
        transactions="transactions" in kinds,
        asked_on=at.date(),
    )


@contextmanager
def _failing_calmly() -> Iterator[None]:
    try:
        yield
    except ConnectorFailure as failure:
        logger.warning("linking failed: %s", type(failure).__name__)
        raise LinkingFailed(type(failure).__name__) from failure


@dataclass(frozen=True)
class _Walk:
    """An authorisation taken up again, and what it takes to finish it."""

    id: UUID
    customer_id: UUID
    integration_id: UUID
    external_consent_id: str
    choice: Choice
    verifier: str
    connector: Connector


def complete_authorisation(
    *, bank_id: UUID, state: str, code: str, at: datetime, customer_id: UUID | None = None
) -> Completed:
    """Finish what `begin_authorisation` began: tokens, accounts, links, consent, feeds due now.

    `customer_id`: the walk must be this customer's. Raises AuthorisationUnknown, AuthorisationSpent,
    LinkingFailed. Accounts that the customer has linked before stay with their connection, repaired.
    """
    walk = _take_up(bank_id, state=state, customer_id=customer_id, at=at)
    try:
        tokens, accounts = _fetch(walk, code=code, at=at)
    except ConnectorFailure as failure:
        _note_failure(bank_id, walk.id, type(failure).__name__, at)
        _tidy_up(walk.connector, walk.external_consent_id)
        raise LinkingFailed(type(failure).__name__) from failure
    if not accounts:
        _note_failure(bank_id, walk.id, "no_accounts", at)
        _tidy_up(walk.connector, walk.external_consent_id)
        raise LinkingFailed("no_accounts")
    with serving(bank_id):
        completed, replaced = _link(walk, tokens, accounts, at=at)
    if replaced:
        _tidy_up(walk.connector, replaced)
    return completed


def _take_up(bank_id: UUID, *, state: str, customer_id: UUID | None, at: datetime) -> _Walk:
    """Spend the state: whatever comes of it, it is not taken a second time."""
    with serving(bank_id):
        row = _at_bank(state, customer_id)
        late = row.expires_at <= at
        row.status = Authorisation.Status.FAILED
        row.failure = "expired" if late else "interrupted"
        row.finished_at = at
        verifier = open_secret(row, "code_verifier")
        row.code_verifier = ""
        row.save(update_fields=["status", "failure", "finished_at", "code_verifier"])
        connector = connector_of(Integration.objects.get(pk=row.integration_id))
    choice = read_choice(row.choice)
    if late or choice is None:
        raise AuthorisationSpent
    return _Walk(
        row.id,
        row.customer_id,
        row.integration_id,
        row.external_consent_id,
        choice,
        verifier,
        connector,
    )


def _at_bank(state: str, customer_id: UUID | None) -> Authorisation:
    waiting = Authorisation.objects.select_for_update(no_key=True)
    row = waiting.filter(state_digest=digest_of(state)).first()
    if row is None or customer_id not in {None, row.customer_id}:
        raise AuthorisationUnknown
    if row.status != Authorisation.Status.AT_BANK:
        raise AuthorisationSpent
    return row


def _fetch(walk: _Walk, *, code: str, at: datetime) -> tuple[TokenSet, Sequence[AccountRecord]]:
    connector = walk.connector
    tokens = run(connector.exchange(code=code, code_verifier=walk.verifier, at=at))
    grant = Grant(tokens.access_token, walk.external_consent_id)
    return tokens, run(connector.accounts(grant=grant)).records


def _note_failure(bank_id: UUID, authorisation_id: UUID, failure: str, at: datetime) -> None:
    with serving(bank_id):
        Authorisation.objects.filter(pk=authorisation_id).update(
            failure=failure[:60], finished_at=at
        )


def _tidy_up(connector: Connector, external_consent_id: str) -> None:
    """End a consent at the bank that nothing of ours uses. It ends by itself too, so once is enough."""
    try:
        run(connector.revoke_consent(bank_consent_id=external_consent_id))
    except ConnectorFailure as failure:
        logger.info("a spare consent stays at the bank: %s", type(failure).__name__)


def _link(
    walk: _Walk, tokens: TokenSet, records: Sequence[AccountRecord], *, at: datetime
) -> tuple[Completed, str]:
    """One transaction: connection, accounts, links, consent, feeds. And the bank's consent it replaced."""
    close_latch(walk.customer_id)
    # Then the customer's row: two windows that end at once repair one connection, not make two.
    customer = Customer.objects.select_for_update(no_key=True).get(pk=walk.customer_id)
    accounts = record_accounts(records)
    account_ids = tuple(sorted(each.id for each in accounts.values()))
    connection = connection_to_repair(customer_id=customer.id, account_ids=account_ids)
    replaced = connection.external_consent_id if connection else ""
    connection = connection or Connection(customer=customer)
    connection.integration_id = walk.integration_id
    connection.status = Connection.Status.ACTIVE
    connection.external_consent_id = walk.external_consent_id
    connection.authorised_until = walk.choice.expires_at(at)
    connection.resume_at = None
    connection.refreshing_until = None
    keep_tokens(connection, tokens)
    connection.save()
    for account_id in account_ids:
        link_account(
            customer_id=customer.id, account_id=account_id, connection_id=connection.id, at=at
        )
    _let_go_of_others(connection, customer, account_ids, at=at)
    consent_id = _allow(walk.choice, customer, account_ids, at=at)
    _note_reading(customer, consent_id, account_ids, at=at)
    stop_reading(connection_id=connection.id)
    start_reading(
        connection_id=connection.id,
        account_ids=account_ids,
        kinds=walk.choice.kinds_to_read,
        at=at,
    )
    Authorisation.objects.filter(pk=walk.id).update(
        status=Authorisation.Status.COMPLETED, failure="", finished_at=at, connection=connection
    )
    linked = AccountsLinked(customer.id, connection.id, account_ids)
    publish(linked, key=customer_key(customer.id), occurred_at=at)
    wake_after_commit("partners.sync.tasks.pull_due", bank_id=str(customer.bank_id))
    return Completed(connection.id, consent_id, account_ids), replaced


def _let_go_of_others(
    connection: Connection, customer: Customer, account_ids: Sequence[UUID], *, at: datetime
) -> None:
    """Accounts that the customer left out at the bank this time are linked no more."""
    before = live_links().filter(customer_id=customer.id, connection_id=connection.id)
    for link in before.exclude(account_id__in=account_ids):
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
        history_from=(at.astimezone(ZoneInfo(bank.time_zone)) - HISTORY).date(),
        resources=[
            Resource(account_id, scope, code)
            for account_id in account_ids
            for scope, code in named
        ],
        at=at,
        by="customer",
    )
    return consent.id


def _note_reading(
    customer: Customer, consent_id: UUID, account_ids: Sequence[UUID], *, at: datetime
) -> None:
    """Which accounts there are was read at the bank: on the record under the consent just given."""
    occasion = Occasion(
        at=at,
        recipient="portal",
        door="window",
        feed="accounts",
        purpose=PURPOSE,
        pseudonym=customer.pseudonym,
        request_id=current_request_id(),
    )
    record_release(occasion, rows={consent_id: dict.fromkeys(account_ids, 1)})


def deny_authorisation(
    *,
    bank_id: UUID,
    state: str,
    at: datetime,
    customer_id: UUID | None = None,
    refused: bool = True,
) -> None:
    """The customer came back without a code: an event that says so is all that stays.

    `refused`: they said no; else the bank could not finish it. Raises AuthorisationUnknown,
    AuthorisationSpent.
    """
    kind = ConsentEvent.Kind.DENIED if refused else ConsentEvent.Kind.ABANDONED
    with serving(bank_id):
        row = _at_bank(state, customer_id)
        row.delete()
        note_no_consent(customer_id=row.customer_id, kind=kind, at=at)


def forget_abandoned(*, bank_id: UUID, at: datetime) -> int:
    """Walks that came to nothing, once their time is over: an event is all that stays of each; how many.

    What was laid at the bank for them is ended there too. Opens its own block, and calls the network after it.
    """
    with serving(bank_id):
        walks_here = Authorisation.objects.select_for_update(
            no_key=True, skip_locked=True, of=("self",)
        )
        # One that is being finished just now stands as failed until it is.
        over = walks_here.filter(
            Q(status=Authorisation.Status.AT_BANK, expires_at__lte=at)
            | Q(status=Authorisation.Status.FAILED, expires_at__lte=at - _BEING_FINISHED)
        )
        walks = list(over.select_related("integration").order_by("expires_at")[:_MOST_AT_ONCE])
        spare = [
            (connector_of(each.integration), each.external_consent_id)
            for each in walks
            if each.status == Authorisation.Status.AT_BANK
        ]
        for each in walks:
            note_no_consent(customer_id=each.customer_id, kind=ConsentEvent.Kind.ABANDONED, at=at)
        Authorisation.objects.filter(pk__in=[each.pk for each in walks]).delete()
    for connector, external_consent_id in spare:
        _tidy_up(connector, external_consent_id)
    return len(walks)
