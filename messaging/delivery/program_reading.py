"""What a client program's socket reads: a consent's stream, within that consent."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.utils import timezone

from accounts.clients.queries import ClientPrincipal
from accounts.consent.queries import ProgramConsent
from accounts.consent.references import consent_reference
from messaging.conversations import queries
from messaging.conversations.models import Stream, StreamEvent
from messaging.conversations.rendering import instant
from messaging.delivery.actions import tell_of_end
from messaging.delivery.reading import PER_READ, NotNow, Read, can_follow
from messaging.programs.actions import open_stream
from messaging.programs.rendering import Shown, render_events
from partners.banks.queries import suspended_banks
from partners.sharing.gate import Door, NotFoundHere, recording_refusals
from partners.sharing.programs import within_consent
from partners.sharing.queries import consent_view
from partners.sharing.reading import Reader
from portal.rest.problems import NotFound
from portal.tenancy.blocks import served

PREFIX = "consent:"

Body = dict[str, Any]


def read_consent_after(
    principal: ClientPrincipal, bank_id: UUID, consent_id: UUID, seq: int, epoch: str | None
) -> Read | None:
    """What the program was told after `seq`, rendered now; None where the consent is not its own.

    A consent that has ended says so in its last event, whether or not anybody has noticed before.
    Raises NotNow while the bank is suspended.
    """
    at = timezone.now()
    try:
        with (
            recording_refusals(),
            within_consent(principal, bank_id, consent_id, door=Door.SOCKET, at=at) as recipient,
        ):
            if suspended_banks([bank_id]):
                raise NotNow("bank_suspended", "the bank is suspended")
            consent = tell_of_end(consent_id, now=at)
            if consent is None:
                return None
            return _read(consent, seq, epoch, Reader(recipient, at, Door.SOCKET))
    except (NotFound, NotFoundHere):
        return None


def _read(consent: ProgramConsent, seq: int, epoch: str | None, reader: Reader) -> Read:
    stream = open_stream(consent)
    events = queries.events_after(stream.name, seq, at_most=PER_READ)
    found = Read(
        str(stream.epoch),
        max(stream.head, seq),
        customer_id=consent.customer_id,
        is_over=not consent.is_live,
    )
    if not can_follow(stream, seq, epoch) or _has_gap(stream, seq, events):
        snapshot = {"consent": consent_view(at=reader.at)}
        return replace(found, head=stream.head, snapshot=snapshot)
    shown = render_events(events, reader=reader)
    reference = consent_reference(served().bank_id, consent.consent_id)
    return replace(
        found, events=tuple(_body(reference, stream, each, shown[each.id]) for each in events)
    )


def _has_gap(stream: Stream, seq: int, events: Sequence[StreamEvent]) -> bool:
    # What was told over thirty days ago is forgotten.
    following = events[0].seq if events else stream.head + 1
    return following > seq + 1


def _body(reference: str, stream: Stream, event: StreamEvent, shown: Shown) -> Body:
    return {
        "stream": program_stream(reference),
        "epoch": str(stream.epoch),
        "seq": event.seq,
        "id": str(event.id),
        "type": shown.type.name,
        "version": shown.type.version,
        "ts": instant(event.at),
        "data": shown.data,
    }


def program_stream(reference: str) -> str:
    """How a program names the stream of a consent: by the consent's own name."""
    return f"{PREFIX}{reference}"
