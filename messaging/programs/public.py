"""Public events: what client programs are told, under which name and version. The one list.

A name and a version are a promise to programs that we do not know. What an event's data hold may grow; a
field that goes, or means something else, is a new version. What happens inside is named and versioned
apart, so that it can change without anybody noticing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts.consent.rules import Resource
from partners.events import AlertRaised, EntriesChanged


@dataclass(frozen=True)
class PublicType:
    """A kind of public event, as programs know it."""

    name: str
    version: int


_CONSENT = "consent"

ALERT_RAISED = PublicType("alert.raised", 1)
TRANSACTIONS_CHANGED = PublicType("transactions.changed", 1)
CONSENT_GRANTED = PublicType("consent.granted", 1)
# The last of its consent: nothing follows it.
CONSENT_ENDED = PublicType("consent.ended", 1)
# Stands in a stream for what may not be shown (any more), so that its numbers have no gap.
WITHHELD = PublicType("event.withheld", 1)
# Says nothing of anybody: a program tries its own endpoint.
PING = PublicType("ping", 1)

TOLD = (ALERT_RAISED, TRANSACTIONS_CHANGED, CONSENT_GRANTED, CONSENT_ENDED)
TYPE_NAMES = tuple(each.name for each in TOLD)


@dataclass(frozen=True)
class News:
    """A public event before it is kept: its type and ids, never data. `resource`: which consents it is
    told under, those that name it."""

    type: PublicType
    resource: Resource
    ids: Mapping[str, Any] = field(default_factory=dict)


def alert_news(event: AlertRaised) -> News:
    ids = {"alert_id": str(event.alert_id)}
    return News(ALERT_RAISED, Resource(event.account_id, "alert", event.alert_type), ids)


def change_news(event: EntriesChanged) -> News:
    ids = {
        "account_id": str(event.account_id),
        "since_seq": event.since_seq,
        "through_seq": event.through_seq,
    }
    return News(TRANSACTIONS_CHANGED, Resource(event.account_id, "feed", "transactions"), ids)


def stream_of_consent(consent_id: UUID) -> str:
    """The numbered log of what is told under one consent."""
    return f"{_CONSENT}:{consent_id}"


def consent_of_stream(name: str) -> UUID | None:
    """The consent whose log a stream is; None for any other stream."""
    prefix, _colon, rest = name.partition(":")
    return UUID(rest) if prefix == _CONSENT else None
