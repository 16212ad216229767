"""Tickets for the socket: for one use within thirty seconds, kept in Valkey alone.

Losing one costs its holder another request.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
import redis
from django.conf import settings

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


def give_ticket(held: Mapping[str, str], *, door: str, at: datetime) -> Ticket:
    """A new ticket of one door's; `held` says whose, to be asked again when it is spent.

    Raises TicketsUnavailable.
    """
    text = secrets.token_urlsafe(_TICKET_BYTES)
    age = settings.REALTIME_TICKET_AGE
    try:
        valkey().set(_name(text, door), orjson.dumps(dict(held)), ex=age)
    except (redis.RedisError, OSError) as reason:
        raise TicketsUnavailable("Try again in a few seconds.") from reason
    return Ticket(text, at + age)


def spend_ticket(text: str, *, door: str) -> Mapping[str, str] | None:
    """Whose ticket this is, once; None when it is unknown there, spent or expired. Raises TicketsUnavailable."""
    if not 0 < len(text) <= _LONGEST:
        return None
    try:
        held = valkey().getdel(_name(text, door))
    except (redis.RedisError, OSError) as reason:
        raise TicketsUnavailable("Try again in a few seconds.") from reason
    if not isinstance(held, bytes):
        return None
    said: Mapping[str, str] = orjson.loads(held)
    return said


def _name(text: str, door: str) -> str:
    # A ticket of one door is unknown at another.
    return f"{_PREFIX}{door}:{digest_of(text)}"
