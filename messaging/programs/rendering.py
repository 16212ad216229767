"""Public events as they leave: ids become data through the gate, now, within the consent's own block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from messaging.conversations.models import StreamEvent
from messaging.programs.public import (
    ALERT_RAISED,
    CONSENT_ENDED,
    CONSENT_GRANTED,
    TRANSACTIONS_CHANGED,
    WITHHELD,
    PublicType,
)
from partners.sharing.cards import Withheld
from partners.sharing.news import Span, tell_alerts, tell_changes
from partners.sharing.queries import consent_view
from partners.sharing.reading import Reader


@dataclass(frozen=True)
class Shown:
    """A public event as a program gets it."""

    type: PublicType
    data: Mapping[str, Any]


def render_events(events: Sequence[StreamEvent], *, reader: Reader) -> dict[UUID, Shown]:
    """Each event by its id; what may not be shown (any more) is `event.withheld`, and says why."""
    alerts = {
        each.id: UUID(str(each.data["alert_id"])) for each in events if _is(each, ALERT_RAISED)
    }
    spans = {each.id: _span(each) for each in events if _is(each, TRANSACTIONS_CHANGED)}
    told_alerts = tell_alerts(reader, list(set(alerts.values())))
    told_changes = tell_changes(reader, list(spans.values()))
    shown = {each: _shown(ALERT_RAISED, told_alerts[about]) for each, about in alerts.items()}
    shown |= {each: _shown(TRANSACTIONS_CHANGED, told_changes[it]) for each, it in spans.items()}
    for public in (CONSENT_GRANTED, CONSENT_ENDED):
        of_type = [each.id for each in events if _is(each, public)]
        if of_type:
            shown |= dict.fromkeys(of_type, Shown(public, consent_view(at=reader.at)))
    return shown


def _is(event: StreamEvent, public: PublicType) -> bool:
    return event.kind == public.name


def _span(event: StreamEvent) -> Span:
    ids = event.data
    return Span(UUID(str(ids["account_id"])), int(ids["since_seq"]), int(ids["through_seq"]))


def _shown(public: PublicType, told: Mapping[str, Any] | Withheld) -> Shown:
    if isinstance(told, Withheld):
        # Not even of which type it was: that is part of what is not shared.
        return Shown(WITHHELD, {"reason": told.reason.value.replace("_", "-")})
    return Shown(public, told)
