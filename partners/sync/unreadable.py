"""What a reading tells of rows that could not be read; saving is the caller's."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from partners.connectors.base import RejectedRow, TransactionRecord
from partners.connectors.catalogue import IN_ONE_LINE
from partners.feeds.cursors import Claim
from partners.feeds.models import FeedCursor
from partners.feeds.unreadable import Row, Unreadable, key_of

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RowsTold:
    """A page, or all, of a reading: what could not be read, and the ids of what could, or is no more.

    `since`: it lists what is of that day or later. `keeps_from`: what is older is not kept at all.
    `is_all`: it is all that is listed of those days; `is_last`: no page follows.
    """

    rejected: Sequence[RejectedRow]
    ids: Iterable[str]
    since: date | None
    today: date
    is_last: bool
    is_all: bool = False
    keeps_from: date | None = None


def note_unreadable(row: FeedCursor, claim: Claim, told: RowsTold, *, at: datetime) -> None:
    """Before the place is moved: a reading without one is at its beginning."""
    if not told.rejected and not row.unreadable:
        return
    known = Unreadable.of(row.unreadable).since_day(told.keeps_from)
    if not row.cursor:
        is_from_the_start = row.kind != "transactions" or claim.connector in IN_ONE_LINE
        known = known.read_anew(None if is_from_the_start else told.since)
    known = known.without({key_of(row.account_id, each) for each in told.ids})
    known = known.told(_rows(row, told, at), in_full=told.is_all)
    if told.is_last:
        known = known.read_to_the_end()
    before, row.unreadable, row.unreadable_rows = row.unreadable_rows, known.as_json(), known.count
    if row.unreadable_rows != before:
        why = ", ".join(
            f"{each.field or 'row'}: {each.reason} ({each.n})" for each in known.causes
        )
        level = logging.WARNING if row.unreadable_rows > before else logging.INFO
        logger.log(
            level,
            "feed %s: rows that could not be read: %d, before: %d; %s",
            row.id,
            row.unreadable_rows,
            before,
            why or "none is left",
        )


def _rows(row: FeedCursor, told: RowsTold, at: datetime) -> Iterable[Row]:
    for each in told.rejected:
        day, named = each.known_by.booked_on, each.known_by.external_id
        if day is not None and told.keeps_from is not None and day < told.keeps_from:
            continue
        yield Row(
            key=key_of(row.account_id, named) if named else "",
            field=each.field,
            reason=each.reason,
            first=day or told.since or told.today,
            last=day or told.today,
            since=at,
            day=day,
        )


def ids_of(records: Iterable[TransactionRecord]) -> Iterable[str]:
    """By which the bank calls these payments, or called them while they were pending."""
    for each in records:
        if each.external_id is not None:
            yield each.external_id
        if each.pending_external_id is not None:
            yield each.pending_external_id
