"""Asking a bank on a customer's behalf: tokens opened and renewed, the budget kept, the state moved on.

Each call reads in one short block, asks with none open, and writes in another.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from partners.connections.models import Connection
from partners.connections.rules import needs_refresh, resume_at, status_after_refusal
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    Connector,
    RateLimited,
    Steps,
    TemporarilyUnavailable,
    TokenSet,
)
from partners.feeds.cursors import stop_reading
from partners.integrations.models import Integration
from partners.integrations.queries import connector_of
from partners.integrations.runner import run
from portal.secrets.fields import keep_secret, open_secret
from portal.tenancy.blocks import serving

T = TypeVar("T")
Clock = Callable[[], datetime]
Operation = Callable[[Connector, str], Steps[T]]  # given the connector and the access token

_POLL_SECONDS = 0.05


class ConnectionEnded(AuthorisationRevoked):
    """The customer has to link again before the bank can be asked."""


@dataclass(frozen=True)
class _Line:
    connector: Connector
    access_token: str
    refresh_token: str
    token_expires_at: datetime


def ask(bank_id: UUID, connection_id: UUID, operation: Operation[T], *, clock: Clock) -> T:
    """Run one operation with the connection's token; renews it before its end, and once when refused.

    Raises ConnectorFailure; ConnectionEnded where there is no live authorisation, RateLimited where
    the bank's budget is used up, without asking.
    """
    line = _open(bank_id, connection_id, clock())
    if needs_refresh(expires_at=line.token_expires_at, at=clock()):
        line = _refreshed(bank_id, connection_id, line, clock)
    try:
        try:
            return run(operation(line.connector, line.access_token))
        except AuthorisationExpired:
            line = _refreshed(bank_id, connection_id, line, clock)
            return run(operation(line.connector, line.access_token))
    except RateLimited as limited:
        _hold_off(bank_id, connection_id, limited.retry_after, clock())
        raise
    except (AuthorisationExpired, AuthorisationRevoked):
        _end(bank_id, connection_id, line, clock())
        raise AuthorisationRevoked from None


def _open(bank_id: UUID, connection_id: UUID, at: datetime) -> _Line:
    with serving(bank_id):
        connection = Connection.objects.get(pk=connection_id)
        if connection.status != Connection.Status.ACTIVE:
            raise ConnectionEnded
        if connection.resume_at is not None and connection.resume_at > at:
            raise RateLimited(connection.resume_at - at)
        integration = Integration.objects.get(pk=connection.integration_id)
        return _Line(
            connector_of(integration),
            open_secret(connection, "access_token"),
            open_secret(connection, "refresh_token"),
            connection.token_expires_at,
        )


def _refreshed(bank_id: UUID, connection_id: UUID, old: _Line, clock: Clock) -> _Line:
    """The line with new tokens: ours, or those that another worker fetched meanwhile."""
    patience = timedelta(seconds=2 * settings.BANK_TIMEOUT_SECONDS + 5)
    until = clock() + patience
    while not _may_refresh(bank_id, connection_id, clock(), patience):
        if clock() > until:
            raise TemporarilyUnavailable
        time.sleep(_POLL_SECONDS)
        now = _open(bank_id, connection_id, clock())
        if now.access_token != old.access_token:
            return now
    # The lease is ours; somebody may have renewed between our reading and taking it.
    now = _open(bank_id, connection_id, clock())
    if now.access_token != old.access_token:
        _let_go(bank_id, connection_id)
        return now
    return _refresh(bank_id, connection_id, now, clock)


def _may_refresh(bank_id: UUID, connection_id: UUID, at: datetime, lease: timedelta) -> bool:
    free = Q(refreshing_until__isnull=True) | Q(refreshing_until__lte=at)
    with serving(bank_id):
        taken = Connection.objects.filter(free, pk=connection_id).update(
            refreshing_until=at + lease
        )
    return taken == 1


def _let_go(bank_id: UUID, connection_id: UUID) -> None:
    with serving(bank_id):
        Connection.objects.filter(pk=connection_id).update(refreshing_until=None)


def _refresh(bank_id: UUID, connection_id: UUID, line: _Line, clock: Clock) -> _Line:
    try:
        tokens = run(_renewal(line, clock()))
    except AuthorisationRevoked:
        _end(bank_id, connection_id, line, clock())
        raise
    except BaseException:
        _let_go(bank_id, connection_id)
        raise
    with serving(bank_id):
        connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
        keep_tokens(connection, tokens)
        connection.refreshing_until = None
        connection.save()
    return _Line(
        line.connector, tokens.access_token, tokens.refresh_token or "", tokens.expires_at
    )


def _renewal(line: _Line, at: datetime) -> Steps[TokenSet]:
    if not line.refresh_token:
        raise AuthorisationRevoked
    return line.connector.refresh(refresh_token=line.refresh_token, at=at)


def keep_tokens(connection: Connection, tokens: TokenSet) -> None:
    """Seal new tokens into the row; saving is the caller's."""
    keep_secret(connection, "access_token", tokens.access_token)
    keep_secret(connection, "refresh_token", tokens.refresh_token or "")
    connection.token_expires_at = tokens.expires_at


def _hold_off(
    bank_id: UUID, connection_id: UUID, retry_after: timedelta | None, at: datetime
) -> None:
    with serving(bank_id):
        Connection.objects.filter(pk=connection_id).update(
            resume_at=resume_at(at=at, retry_after=retry_after)
        )


def _end(bank_id: UUID, connection_id: UUID, line: _Line, at: datetime) -> None:
    """The bank takes our tokens no more: nothing is asked until the customer links again."""
    with serving(bank_id):
        connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
        if open_secret(connection, "access_token") != line.access_token:
            return  # linked again, or renewed, while we asked: that refusal was of the old tokens
        connection.status = status_after_refusal(
            authorised_until=connection.authorised_until, at=at
        )
        connection.refreshing_until = None
        connection.save(update_fields=["status", "refreshing_until", "changed_at"])
        stop_reading(connection_id=connection_id)
