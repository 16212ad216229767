"""Every check, in the order in which a bank is walked through."""

from __future__ import annotations

from collections.abc import Iterator

from partners.certification.book import Chapter
from partners.certification.checks import (
    accounts,
    authorisation,
    events,
    partner,
    purchases,
    reach,
    transactions,
)
from partners.certification.report import Check

CHAPTERS: tuple[Chapter, ...] = (
    reach.chapter,
    authorisation.chapter,
    accounts.chapter,
    transactions.chapter,
    transactions.live,
    events.chapter,
    partner.freezes,
    partner.decisions,
    purchases.chapter,
    accounts.manners,
    authorisation.end,
)


def every_check() -> Iterator[Check]:
    for chapter in CHAPTERS:
        for check, _do in chapter.checks:
            yield check
