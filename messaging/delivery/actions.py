"""Telling client programs what every consent that names it hears of, and customers what ends soon."""

from datetime import datetime
from uuid import UUID, uuid5

from accounts.consent.actions import note_reminded
from accounts.consent.queries import (
    ProgramConsent,
    ending,
    program_consent,
    programs_allowed,
)
from messaging.conversations.actions import post_line
from messaging.conversations.models import StreamEvent
from messaging.notices.actions import plan_reminder
from messaging.notices.rules import REMINDERS
from messaging.programs.actions import keep_end, keep_grant, keep_news
from messaging.programs.public import News
from messaging.webhooks.actions import cancel_deliveries, queue_deliveries

_MOST_REMINDERS = 200


def tell_programs(news: News, *, caused_by: UUID, at: datetime, now: datetime) -> None:
    """Under each live consent that names it, once for `caused_by`: in its stream, and at its endpoints."""
    told = keep_news(programs_allowed(news.resource, at=now), news, caused_by=caused_by, at=at)
    queue_deliveries(told, at=now)


def tell_of_grant(consent_id: UUID, *, caused_by: UUID, at: datetime, now: datetime) -> None:
    """A program's new consent; nothing for the chat's own."""
    consent = program_consent(consent_id, at=at)
    if consent is not None:
        _queue(consent, keep_grant(consent, caused_by=caused_by, at=at), now)


def tell_of_end(consent_id: UUID, *, now: datetime) -> ProgramConsent | None:
    """The last of a program's consent that holds no more, once; the consent, None where it is none of a program's.

    What still waits to be sent under it is cancelled.
    """
    consent = program_consent(consent_id, at=now)
    if consent is not None and not consent.is_live:
        ended = keep_end(consent, at=now)
        if ended is not None:
            cancel_deliveries(consent_id, reason="consent-ended", at=now)
        _queue(consent, ended, now)
    return consent


def _queue(consent: ProgramConsent, event: StreamEvent | None, now: datetime) -> None:
    if event is not None:
        queue_deliveries([(consent, event)], at=now)


def remind_of_ends(*, at: datetime) -> int:
    """Say in the chat, in the served bank's block, what is allowed no longer soon, and mail it to whoever
    does not look; how many lines.

    Each is said thirty and seven days ahead; what is found late is said once, by the nearer of the two.
    """
    said = 0
    # The nearer first: once it is said, the other would be late.
    for template, within in REMINDERS.items():
        for consent in list(ending(within=within, at=at)[:_MOST_REMINDERS]):
            # The same for the same reminder, so that two workers at once say it once.
            once = uuid5(consent.id, template)
            who = consent.customer_id
            line = post_line(customer_id=who, template=template, caused_by=once, at=at)
            if line is not None:
                plan_reminder(line, at=at)
                said += 1
            note_reminded(consent, at=at)
    return said
