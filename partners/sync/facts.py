"""What a bank calls its accounts, read again seldom: once a day at most of each connection.

It goes with a reading that is due anyway, under its lease. The day's turn is taken before the bank is asked, so that nothing is
asked twice, whoever dies on the way; and what comes back counts only for as long as the turn is the last one.
"""

import logging
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from accounts.linking.queries import live_links
from partners.connections.line import ask
from partners.connections.models import Connection
from partners.connectors.base import (
    AccountRecord,
    AuthorisationRevoked,
    BalanceRecord,
    ConnectorFailure,
    DayUsedUp,
    TemporarilyUnavailable,
)
from partners.events import AccountRenamed, account_key
from partners.feeds.budgets import A_DAY, not_since
from partners.feeds.cursors import Claim
from partners.feeds.rules import ACCOUNTS
from partners.ledger.actions import describe_accounts, told_otherwise
from partners.ledger.models import Account
from partners.sharing.gate import (
    PORTAL,
    Allowed,
    Ask,
    Door,
    Refused,
    Scope,
    authorize,
    disclosed,
    looked,
)
from portal.outbox.publishing import publish
from portal.telemetry.measures import READINGS
from portal.tenancy.blocks import serving_customer

logger = logging.getLogger(__name__)

# What says that nothing can be asked now; a day that is used up is of the list of accounts alone.
_OF_ALL = (AuthorisationRevoked, TemporarilyUnavailable)


def read_facts(claim: Claim, *, at: datetime, clock: Callable[[], datetime]) -> None:
    """Ask what the accounts of the claimed feed's connection are called, where that was not asked for a day.

    An answer that is none costs the feed nothing. Raises what says that the bank can be asked nothing now.
    """
    if claim.asked_from:
        return  # somebody waits for the feed itself
    if claim.facts_asked_at is None or claim.facts_asked_at > not_since(at):
        return
    with serving_customer(claim.bank_id, claim.customer_id):
        allowed = _allowed(_linked(claim.connection_id), at=at)
        if not _take_turn(claim.connection_id, at=at) or allowed is None:
            return
    try:
        answer = ask(
            claim.bank_id,
            claim.connection_id,
            lambda connector, grant: connector.accounts(grant=grant),
            clock=clock,
        )
    except ConnectorFailure as failure:
        if isinstance(failure, _OF_ALL) and not isinstance(failure, DayUsedUp):
            raise
        logger.info("accounts of connection %s: not to be read", claim.connection_id)
        READINGS.labels(ACCOUNTS, "refused").inc()
        return
    try:
        _store(claim, answer.records, turn=at, at=clock())
    except _TurnLost:
        return
    READINGS.labels(ACCOUNTS, "complete").inc()


def facts_beside(claim: Claim, records: Sequence[BalanceRecord], *, at: datetime) -> None:
    """Keep what the answer with the balances said of the account itself, in the open block that keeps them.

    A bank that says it there is not asked for it.
    """
    said = next((each.account for each in records if each.account), None)
    if said is None:
        return
    # Before the day is over: nobody finds it due.
    _take_turn(claim.connection_id, at=at, before=at - A_DAY / 2)
    account = Account.objects.get(bank_id=claim.bank_id, pk=claim.account_id)
    if said.external_id != account.external_id or not told_otherwise(account, said):
        return
    allowed = _allowed([claim.account_id], at=at)
    if allowed is not None:
        _keep(allowed, [said], trace=claim.trace, at=at)


class _TurnLost(Exception):  # named for what is so
    """Somebody linked anew, or ended it, since the bank was asked: what it said before is not kept."""


def _take_turn(connection_id: UUID, *, at: datetime, before: datetime | None = None) -> bool:
    due = Connection.objects.filter(
        pk=connection_id,
        status=Connection.Status.ACTIVE,
        facts_asked_at__lte=before or not_since(at),
    )
    # Whoever holds it links anew or ends it, and may wait for what we hold.
    held = due.select_for_update(no_key=True, skip_locked=True).first()
    return held is not None and due.update(facts_asked_at=at) == 1


def _linked(connection_id: UUID) -> list[UUID]:
    links = live_links().filter(connection_id=connection_id)
    return list(links.order_by("account_id").values_list("account_id", flat=True))


def _allowed(account_ids: Collection[UUID], *, at: datetime) -> Allowed | None:
    """The gate's word for reading what these accounts are called; None where it says no, or there are none."""
    if not account_ids:
        return None
    decided = authorize(
        Ask(
            recipient=PORTAL,
            purpose=None,
            scope=Scope.FEED,
            code=ACCOUNTS,
            account_ids=tuple(account_ids),
            door=Door.SYNC,
            at=at,
        )
    )
    return None if isinstance(decided, Refused) else decided


def _store(
    claim: Claim, records: Sequence[AccountRecord], *, turn: datetime, at: datetime
) -> None:
    """Keep it of those accounts that are linked by this connection and allowed, and of no other that the bank lists."""
    with serving_customer(claim.bank_id, claim.customer_id):
        allowed = _allowed(_linked(claim.connection_id), at=at)
        if allowed is None:
            raise _TurnLost
        if not _keep(allowed, records, trace=claim.trace, at=at):
            looked(allowed)
        # With the accounts' rows locked, as by whoever takes names away: nobody is told that one is back.
        mine = Connection.objects.filter(
            pk=claim.connection_id, status=Connection.Status.ACTIVE, facts_asked_at=turn
        )
        if not mine.exists() or not set(_linked(claim.connection_id)) >= set(allowed.account_ids):
            raise _TurnLost


def _keep(
    allowed: Allowed, records: Sequence[AccountRecord], *, trace: str, at: datetime
) -> list[Account]:
    """Those that are called otherwise now, written down and told."""
    mine = Account.objects.filter(pk__in=allowed.account_ids)
    known = set(mine.values_list("external_id", flat=True))
    renamed = describe_accounts(each for each in records if each.external_id in known)
    if renamed:
        disclosed(allowed, {each.id: 1 for each in renamed})
    for each in renamed:
        publish(AccountRenamed(each.id), key=account_key(each.id), occurred_at=at, trace=trace)
    return renamed
