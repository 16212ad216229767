"""Tickets for the socket: for one use within thirty seconds, kept in Valkey alone.

Losing one costs its holder another request.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
import redis
from django.conf import settings

from accounts.signin.queries import WidgetPrincipal
from portal.outbox.pokes import valkey
from portal.rest.problems import Problem
from portal.secrets.tokens import digest_of

_PREFIX = "portal:ticket:"
_TICKET_BYTES = 32
_LONGEST = 100


class TicketsUnavailable(Problem):
    """Valkey is away: no ticket can be given now."""

    slug = "tickets-unavailable"
    title = "The live connection is not available right now"
    status = 503


@dataclass(frozen=True)
class Ticket:
    text: str
    expires_at: datetime


@dataclass(frozen=True)
class TicketHolder:
    """Whose ticket it was: to be checked against the session itself."""

    bank_id: UUID
    session_id: UUID


def give_ticket(principal: WidgetPrincipal, *, at: datetime) -> Ticket:
    """A new ticket for the session. Raises TicketsUnavailable."""
    text = secrets.token_urlsafe(_TICKET_BYTES)
    held = {"bank": str(principal.bank_id), "session": str(principal.session_id)}
    age = settings.REALTIME_TICKET_AGE
    try:
        valkey().set(_PREFIX + digest_of(text), orjson.dumps(held), ex=age)
    except (redis.RedisError, OSError) as reason:
        raise TicketsUnavailable("Try again in a few seconds.") from reason
    return Ticket(text, at + age)


def spend_ticket(text: str) -> TicketHolder | None:
    """Whose ticket this is, once; None when it is unknown, spent or expired. Raises TicketsUnavailable."""
    if not 0 < len(text) <= _LONGEST:
        return None
    try:
        held = valkey().getdel(_PREFIX + digest_of(text))
    except (redis.RedisError, OSError) as reason:
        raise TicketsUnavailable("Try again in a few seconds.") from reason
    if not isinstance(held, bytes):
        return None
    said = orjson.loads(held)
    return TicketHolder(UUID(said["bank"]), UUID(said["session"]))
