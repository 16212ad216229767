"""Asking a bank on a customer's behalf: tokens opened and renewed, the budget kept, the state moved on.

Each call reads in one short block, asks with none open, and writes in another.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from partners.connections.models import Connection
from partners.connections.rules import needs_refresh, resume_at, status_after_refusal
from partners.connectors.answers import CallsLeft, calls_left
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    Connector,
    DayUsedUp,
    Grant,
    RateLimited,
    Response,
    Steps,
    TemporarilyUnavailable,
    TokenSet,
)
from partners.feeds.cursors import stop_reading
from partners.integrations.queries import connector_of
from partners.integrations.runner import run
from portal.secrets.fields import keep_secret, open_secret
from portal.tenancy.blocks import current_bank_id, serving

T = TypeVar("T")
Clock = Callable[[], datetime]
Operation = Callable[[Connector, Grant], Steps[T]]

_POLL_SECONDS = 0.05
# The one that was opened, and the one of a customer who linked again meanwhile.
_MOST_LINES = 2


class ConnectionEnded(AuthorisationRevoked):
    """The customer has to link again before the bank can be asked."""


@dataclass(frozen=True)
class Line:
    """What it takes to ask: the bank's protocol, and the customer's grant as it was read."""

    connector: Connector
    grant: Grant
    refresh_token: str = field(repr=False)
    token_expires_at: datetime


@dataclass
class Told:
    """What the bank said of the calls that are left, in the last answer that said something of it."""

    calls_left: CallsLeft | None = None

    def hear(self, answer: Response) -> None:
        self.calls_left = calls_left(answer) or self.calls_left


def ask(
    bank_id: UUID,
    connection_id: UUID,
    operation: Operation[T],
    *,
    clock: Clock,
    line: Line | None = None,
    told: Told | None = None,
) -> T:
    """Run one operation with the connection's token; renews it before its end, and once when refused.

    Where the customer linked again while the bank was asked, a refusal was of tokens that are no more: it is asked once more with
    the new ones. `line`: what the caller has just opened; `told` hears what the bank says beside. Raises ConnectorFailure, and
    what `open_line` raises.
    """
    heard = told.hear if told else None
    for _ in range(_MOST_LINES):
        line = line or _open(bank_id, connection_id, clock())
        try:
            return _ask_by(line, bank_id, connection_id, operation, clock=clock, heard=heard)
        except AuthorisationRevoked:
            line = None
    # Raises ConnectionEnded, unless it was linked again and again.
    _open(bank_id, connection_id, clock())
    raise TemporarilyUnavailable


def _ask_by(
    line: Line,
    bank_id: UUID,
    connection_id: UUID,
    operation: Operation[T],
    *,
    clock: Clock,
    heard: Callable[[Response], None] | None,
) -> T:
    """With this line, or what it is renewed to. Raises AuthorisationRevoked where the bank takes it no more."""
    if needs_refresh(expires_at=line.token_expires_at, at=clock()):
        line = _refreshed(bank_id, connection_id, line, clock)
    try:
        try:
            return run(operation(line.connector, line.grant), heard=heard)
        except AuthorisationExpired:
            line = _refreshed(bank_id, connection_id, line, clock)
            return run(operation(line.connector, line.grant), heard=heard)
    except RateLimited as limited:
        # A day's calls are of one list: that is not read before, and the customer may go on asking.
        wait = None if isinstance(limited, DayUsedUp) else limited.retry_after
        _hold_off(bank_id, connection_id, wait, clock())
        raise
    except (AuthorisationExpired, AuthorisationRevoked):
        _end(bank_id, connection_id, line, clock())
        raise AuthorisationRevoked from None


def open_line(connection_id: UUID, *, at: datetime) -> Line:
    """The connection as it is, read in the open block.

    Raises ConnectionEnded where there is no live authorisation, RateLimited where the bank's budget is
    used up.
    """
    connection = Connection.objects.select_related("integration__bank").get(
        bank_id=current_bank_id(), pk=connection_id
    )
    if connection.status != Connection.Status.ACTIVE:
        raise ConnectionEnded
    if connection.resume_at is not None and connection.resume_at > at:
        raise RateLimited(connection.resume_at - at)
    return Line(
        connector_of(connection.integration),
        Grant(open_secret(connection, "access_token"), connection.external_consent_id),
        open_secret(connection, "refresh_token"),
        connection.token_expires_at,
    )


def _open(bank_id: UUID, connection_id: UUID, at: datetime) -> Line:
    with serving(bank_id):
        return open_line(connection_id, at=at)


def _refreshed(bank_id: UUID, connection_id: UUID, old: Line, clock: Clock) -> Line:
    """The line with new tokens: ours, or those that another worker fetched meanwhile."""
    patience = timedelta(seconds=2 * settings.BANK_TIMEOUT_SECONDS + 5)
    until = clock() + patience
    while not _may_refresh(bank_id, connection_id, clock(), patience):
        if clock() > until:
            raise TemporarilyUnavailable
        time.sleep(_POLL_SECONDS)
        now = _open(bank_id, connection_id, clock())
        if now.grant != old.grant:
            return now
    # The lease is ours; somebody may have renewed between our reading and taking it.
    now = _open(bank_id, connection_id, clock())
    if now.grant != old.grant:
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


def _refresh(bank_id: UUID, connection_id: UUID, line: Line, clock: Clock) -> Line:
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
        if not connection.access_token:
            raise ConnectionEnded  # here, while we asked
        if open_secret(connection, "access_token") != line.grant.access_token:
            # Linked again: its tokens are kept, not ours.
            return open_line(connection_id, at=clock())
        keep_tokens(connection, tokens)
        connection.refreshing_until = None
        connection.save()
    grant = Grant(tokens.access_token, line.grant.bank_consent_id)
    return Line(line.connector, grant, tokens.refresh_token or "", tokens.expires_at)


def _renewal(line: Line, at: datetime) -> Steps[TokenSet]:
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


def _end(bank_id: UUID, connection_id: UUID, line: Line, at: datetime) -> None:
    """The bank takes our tokens no more: nothing is asked until the customer links again."""
    with serving(bank_id):
        connection = Connection.objects.select_for_update(no_key=True).get(pk=connection_id)
        if not connection.access_token:
            return  # ended here while we asked
        if open_secret(connection, "access_token") != line.grant.access_token:
            return  # linked again, or renewed, while we asked: that refusal was of the old tokens
        connection.status = status_after_refusal(
            authorised_until=connection.authorised_until, at=at
        )
        connection.refreshing_until = None
        connection.save(update_fields=["status", "refreshing_until", "changed_at"])
        stop_reading(connection_id=connection_id)
