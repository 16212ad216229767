"""A customer's walk to the bank and back: read, then call, then write; never a network in a transaction."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.consent.actions import note_no_consent
from accounts.consent.models import ConsentEvent
from partners.alerts.queries import enabled_rules
from partners.banks.models import Customer
from partners.connections.brought import Brought, keep_brought, open_brought
from partners.connections.ending import lay_aside, tell
from partners.connections.linking import Completed, alone_with, link_chosen, renew_link
from partners.connections.models import Authorisation
from partners.connections.queries import is_told, last_linked
from partners.connections.rules import (
    AUTHORISATION_AGE,
    AUTHORISED_FOR,
    HISTORY,
    Choice,
    alerts_that_can_be_found,
    feeds_that_can_be_shown,
    read_choice,
    what_is_wrong,
)
from partners.connectors.base import Connector, ConnectorFailure, ConsentTerms, Grant
from partners.feeds.queries import shared_masks
from partners.integrations.models import Integration
from partners.integrations.queries import connector_of, get_integration
from partners.integrations.runner import run
from portal.rest.problems import Conflict, Invalid, NotFound, Unavailable
from portal.secrets.fields import keep_secret, open_secret
from portal.secrets.tokens import digest_of
from portal.tenancy.blocks import serving

logger = logging.getLogger(__name__)

_BEING_FINISHED = timedelta(minutes=5)
_MOST_AT_ONCE = 50
_UNDER_WAY = (Authorisation.Status.AT_BANK, Authorisation.Status.CHOOSING)


class ChoiceNotPossible(Invalid):
    """`why`: nothing_chosen, no_account, or not_shared by the bank."""

    slug = "choice-not-possible"
    title = "This cannot be chosen at this bank"

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why


class AuthorisationUnknown(NotFound):
    slug = "authorisation-unknown"
    title = "No such walk to the bank was begun here"


class AuthorisationSpent(Conflict):
    """Used already, or ten minutes have passed at the bank, or here."""

    slug = "authorisation-spent"
    title = "This way back from the bank is no longer valid"


class LinkingFailed(Unavailable):
    """The bank could not be reached, or refused. Nothing was linked."""

    slug = "linking-failed"
    title = "The bank could not finish this"


class NothingAllowed(Conflict):
    """The bank let the customer come back, and allows no account. Nothing was linked."""

    slug = "no-account-allowed"
    title = "The bank allowed no account"


@dataclass(frozen=True)
class CameBack:
    """A walk that is back from the bank. `completed`: it renewed what was allowed, and there is nothing to choose."""

    walk_id: UUID
    completed: Completed | None = None


def begin_authorisation(
    *, bank_id: UUID, customer_id: UUID, at: datetime, customer_ip: str = ""
) -> str:
    """Lay a consent at the bank for what it shares with anybody; the URL to send the customer to.

    What of it is read the customer says once they are back. `customer_ip`: where they came from, which
    some banks must be told. Raises ChoiceNotPossible, LinkingFailed. Opens its own blocks, for it calls
    the network between.
    """
    with serving(bank_id):
        shared = feeds_that_can_be_shown(shared_masks())
        integration = get_integration()
        connector = connector_of(integration)
    if not shared:
        raise ChoiceNotPossible("not_shared")
    state, verifier, nonce = token_urlsafe(32), token_urlsafe(48), token_urlsafe(24)
    with _failing_calmly():
        begun = run(
            connector.begin_authorisation(
                terms=_terms(shared, at),
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
            expires_at=at + AUTHORISATION_AGE,
        )
        keep_secret(row, "code_verifier", verifier)
        row.save(force_insert=True)
    return begun.url


def _terms(shared: Collection[str], at: datetime) -> ConsentTerms:
    return ConsentTerms(
        expires_at=at + AUTHORISED_FOR,
        transactions_from=(at - HISTORY).date(),
        balances="balances" in shared,
        transactions="transactions" in shared,
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
    """An authorisation taken up again, and what it takes to go on with it."""

    id: UUID
    customer_id: UUID
    integration_id: UUID
    external_consent_id: str
    verifier: str
    connector: Connector


def come_back(
    *, bank_id: UUID, state: str, code: str, at: datetime, customer_id: UUID | None = None
) -> CameBack:
    """Fetch what the bank allows, and keep it sealed until the customer has chosen of it.

    `customer_id`: the walk must be this customer's. Where an authorisation had ended and the same is
    allowed again, it goes on, and nobody is asked. Raises AuthorisationUnknown, AuthorisationSpent,
    LinkingFailed, NothingAllowed.
    """
    walk = _take_up(bank_id, state=state, customer_id=customer_id, at=at)
    try:
        brought = _fetch(walk, code=code, at=at)
    except ConnectorFailure as failure:
        _give_up(bank_id, walk, type(failure).__name__, at)
        raise LinkingFailed(type(failure).__name__) from failure
    if not brought.accounts:
        _give_up(bank_id, walk, "no_accounts", at)
        raise NothingAllowed
    try:
        renewed = _renew_or_ask(bank_id, walk, brought, at=at)
    except (Customer.DoesNotExist, Authorisation.DoesNotExist) as reason:
        # Erased meanwhile.
        with serving(bank_id):
            spare_id = lay_aside(walk.integration_id, walk.external_consent_id, at=at)
        tell(bank_id=bank_id, spare_id=spare_id, at=at)
        raise AuthorisationUnknown from reason
    if renewed is not None:
        tell(bank_id=bank_id, spare_id=walk.id, at=at)
    return CameBack(walk.id, renewed)


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
    if late:
        raise AuthorisationSpent
    return _Walk(
        row.id,
        row.customer_id,
        row.integration_id,
        row.external_consent_id,
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


def _fetch(walk: _Walk, *, code: str, at: datetime) -> Brought:
    connector = walk.connector
    tokens = run(connector.exchange(code=code, code_verifier=walk.verifier, at=at))
    grant = Grant(tokens.access_token, walk.external_consent_id)
    accounts = tuple(run(connector.accounts(grant=grant)).records)
    return Brought(tokens, accounts, run(connector.calls_a_day(grant=grant)))


def _give_up(bank_id: UUID, walk: _Walk, failure: str, at: datetime) -> None:
    with serving(bank_id):
        Authorisation.objects.filter(pk=walk.id).update(failure=failure[:60], finished_at=at)
        spare_id = lay_aside(walk.integration_id, walk.external_consent_id, at=at)
    tell(bank_id=bank_id, spare_id=spare_id, at=at)


def _renew_or_ask(
    bank_id: UUID, walk: _Walk, brought: Brought, *, at: datetime
) -> Completed | None:
    """What was renewed; None where the customer has ten minutes to choose."""
    with serving(bank_id):
        customer = alone_with(walk.customer_id)
        row = Authorisation.objects.select_for_update(no_key=True).get(pk=walk.id)
        renewed = renew_link(row, brought, customer, at=at)
        _lay_replaced_aside(row, renewed, at)
        if renewed is None:
            row.status = Authorisation.Status.CHOOSING
            row.failure = ""
            row.finished_at = None
            row.expires_at = at + AUTHORISATION_AGE
            keep_brought(row, brought)
            row.save()
    return renewed


def _lay_replaced_aside(walk: Authorisation, completed: Completed | None, at: datetime) -> None:
    if completed is not None and completed.replaced:
        lay_aside(walk.integration_id, completed.replaced, at=at, spare_id=walk.id)


def finish_linking(
    *,
    bank_id: UUID,
    customer_id: UUID,
    walk_id: UUID,
    picked: Collection[str],
    choice: Mapping[str, Any],
    at: datetime,
) -> Completed:
    """The customer's yes: what they chose of the accounts that they `picked`, by their ids at the bank.

    Said twice it is the same yes. Raises AuthorisationUnknown, AuthorisationSpent, ChoiceNotPossible.
    Accounts that were linked before stay with their connection, repaired.
    """
    with serving(bank_id):
        customer = alone_with(customer_id)
        walk = _chosen_of(walk_id, customer_id)
        if walk.status == Authorisation.Status.COMPLETED:
            return _as_completed(walk, at=at)
        if walk.status != Authorisation.Status.CHOOSING or walk.expires_at <= at:
            raise AuthorisationSpent
        brought = open_brought(walk)
        chosen = _possible(choice)
        accounts = [each for each in brought.accounts if each.external_id in picked]
        if not accounts:
            raise ChoiceNotPossible("no_account")
        completed = link_chosen(walk, brought, customer, picked=accounts, choice=chosen, at=at)
        _lay_replaced_aside(walk, completed, at)
    tell(bank_id=bank_id, spare_id=walk_id, at=at)
    return completed


def _chosen_of(walk_id: UUID, customer_id: UUID) -> Authorisation:
    mine = Authorisation.objects.filter(pk=walk_id, customer_id=customer_id)
    walk = mine.select_for_update(no_key=True).first()
    if walk is None:
        raise AuthorisationUnknown
    return walk


def _as_completed(walk: Authorisation, *, at: datetime) -> Completed:
    linked = last_linked(customer_id=walk.customer_id, at=at)
    if linked is None or walk.connection_id is None:
        raise AuthorisationSpent
    account_ids = tuple(sorted(each.id for each in linked.accounts))
    return Completed(walk.connection_id, linked.consent_id, account_ids)


def _possible(data: Mapping[str, Any]) -> Choice:
    choice = read_choice(data)
    shared = shared_masks()
    alerts = alerts_that_can_be_found(enabled_rules(), shared=shared)
    why = what_is_wrong(choice, shared_feeds=shared, shared_alerts=alerts) if choice else "invalid"
    if choice is None or why:
        raise ChoiceNotPossible(why)
    return choice


def decline_linking(*, bank_id: UUID, customer_id: UUID, walk_id: UUID, at: datetime) -> bool:
    """The customer's no, back from the bank: an event is all that stays, here and there. Said twice there is one.

    Whether the bank knows already: one that is away is told once it answers. Raises AuthorisationSpent
    after a yes.
    """
    with serving(bank_id):
        mine = Authorisation.objects.filter(pk=walk_id, customer_id=customer_id)
        row = mine.select_for_update(no_key=True).first()
        if row is None:
            return is_told(walk_id)
        if row.status == Authorisation.Status.COMPLETED:
            raise AuthorisationSpent
        lay_aside(row.integration_id, row.external_consent_id, at=at, spare_id=walk_id)
        row.delete()
        note_no_consent(customer_id=customer_id, kind=ConsentEvent.Kind.DENIED, at=at)
    return tell(bank_id=bank_id, spare_id=walk_id, at=at)


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

    What was laid at the bank for them is laid aside: the bank is told of it next. Opens its own block.
    """
    with serving(bank_id):
        walks_here = Authorisation.objects.select_for_update(
            no_key=True, skip_locked=True, of=("self",)
        )
        # One that is being finished just now stands as failed until it is.
        over = walks_here.filter(
            Q(status__in=_UNDER_WAY, expires_at__lte=at)
            | Q(status=Authorisation.Status.FAILED, expires_at__lte=at - _BEING_FINISHED)
        )
        walks = list(over.order_by("expires_at")[:_MOST_AT_ONCE])
        for each in walks:
            lay_aside(each.integration_id, each.external_consent_id, at=at, due_at=at)
            note_no_consent(customer_id=each.customer_id, kind=ConsentEvent.Kind.ABANDONED, at=at)
        Authorisation.objects.filter(pk__in=[each.pk for each in walks]).delete()
    return len(walks)
