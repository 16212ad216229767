"""Telling client programs: what every consent that names it hears of."""

from datetime import datetime
from uuid import UUID

from accounts.consent.queries import program_consent, programs_allowed
from messaging.programs.actions import keep_end, keep_grant, keep_news
from messaging.programs.public import News


def tell_programs(news: News, *, caused_by: UUID, at: datetime, now: datetime) -> None:
    """Under each live consent that names it, once for `caused_by`."""
    keep_news(programs_allowed(news.resource, at=now), news, caused_by=caused_by, at=at)


def tell_of_grant(consent_id: UUID, *, caused_by: UUID, at: datetime) -> None:
    """A program's new consent; nothing for the chat's own."""
    consent = program_consent(consent_id, at=at)
    if consent is not None:
        keep_grant(consent, caused_by=caused_by, at=at)


def tell_of_end(consent_id: UUID, *, now: datetime) -> None:
    """The last of a program's consent that holds no more, once; nothing for one that does."""
    consent = program_consent(consent_id, at=now)
    if consent is not None and not consent.is_live:
        keep_end(consent, at=now)
