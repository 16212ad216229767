"""Keeping what programs are told: one numbered stream a consent, ids alone."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from accounts.consent.queries import ProgramConsent
from messaging.conversations.actions import tell_stream
from messaging.conversations.models import Stream, StreamEvent
from messaging.programs.public import (
    CONSENT_ENDED,
    CONSENT_GRANTED,
    News,
    PublicType,
    stream_of_consent,
)

KEPT = timedelta(days=30)


def keep_news(
    consents: Iterable[ProgramConsent], news: News, *, caused_by: UUID, at: datetime
) -> list[tuple[ProgramConsent, StreamEvent]]:
    """Append it to each consent's stream, once for `caused_by`; the new events, and under which consent."""
    # Always in the same order: two relays must not wait for each other's streams.
    in_order = sorted(consents, key=lambda each: each.consent_id)
    kept = [
        (each, _tell(each, news.type, dict(news.ids), caused_by=caused_by, at=at))
        for each in in_order
    ]
    return [(consent, event) for consent, event in kept if event is not None]


def keep_grant(consent: ProgramConsent, *, caused_by: UUID, at: datetime) -> StreamEvent | None:
    """That the consent was given; None where it has been said."""
    return _tell(consent, CONSENT_GRANTED, {}, caused_by=caused_by, at=at)


def keep_end(consent: ProgramConsent, *, at: datetime) -> StreamEvent | None:
    """That the consent has ended, said once by whoever notices first; nothing follows it."""
    return _tell(consent, CONSENT_ENDED, {}, caused_by=consent.consent_id, at=at)


def open_stream(consent: ProgramConsent) -> Stream:
    """The stream of the consent, made where nothing was told yet."""
    name = stream_of_consent(consent.consent_id)
    found = Stream.objects.filter(name=name).first()
    if found is None:
        made = Stream(customer_id=consent.customer_id, name=name)
        Stream.objects.bulk_create([made], ignore_conflicts=True)
        found = Stream.objects.get(name=name)
    return found


def forget_told(*, before: datetime, at_most: int = 5000) -> int:
    """Delete what was told before that time; how many. That a consent ended stays: it closes the stream."""
    old = StreamEvent.objects.filter(caused_by__isnull=False, at__lt=before)
    told = old.exclude(kind=CONSENT_ENDED.name).values_list("pk", flat=True)
    gone, _tables = StreamEvent.objects.filter(pk__in=list(told[:at_most])).delete()
    return gone


def _tell(
    consent: ProgramConsent,
    public: PublicType,
    ids: dict[str, Any],
    *,
    caused_by: UUID,
    at: datetime,
) -> StreamEvent | None:
    return tell_stream(
        stream_of_consent(consent.consent_id),
        customer_id=consent.customer_id,
        kind=public.name,
        data={"version": public.version, "consent_id": str(consent.consent_id), **ids},
        caused_by=caused_by,
        at=at,
        last_kind=CONSENT_ENDED.name,
    )
