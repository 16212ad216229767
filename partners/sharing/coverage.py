"""Between which days an account's payments are here in full, and how far its history is read."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from partners.banks.models import Bank
from partners.feeds.histories import missing_before, percent_of, state_of
from partners.feeds.models import FeedCursor
from partners.feeds.queries import cursors_of
from partners.feeds.unreadable import Unreadable
from partners.ledger.queries import accounts_of
from portal.tenancy.blocks import served

_TRANSACTIONS = "transactions"


def covered_days(
    cursors: Iterable[FeedCursor], *, history_from: date, by_month: bool
) -> dict[str, Any]:
    """What a reader within a consent is told of it; no day where the bank shows months alone."""
    row = furthest(cursors)
    since, until = _covered(row, history_from, by_month=by_month)
    return {
        "covered_from": since and since.isoformat(),
        "covered_until": until and until.isoformat(),
        "unreadable_rows": 0 if row is None else unreadable_rows(row, since=history_from),
    }


def unreadable_rows(row: FeedCursor, *, since: date) -> int:
    """How many rows of that day or later, as far as anybody can tell, could not be read and are not here."""
    return Unreadable.of(row.unreadable).since_day(since).count


def _covered(
    row: FeedCursor | None, history_from: date, *, by_month: bool
) -> tuple[date | None, date | None]:
    if row is None or row.covered_from is None or row.covered_until is None:
        return None, None
    since, until = max(row.covered_from, history_from), row.covered_until
    if by_month:
        since, until = _months_within(since, until)
    return (None, None) if since > until else (since, until)


def _months_within(since: date, until: date) -> tuple[date, date]:
    """The first day of the first whole month of them, and of the one that the last day is in."""
    whole = since if since.day == 1 else (since.replace(day=1) + timedelta(days=32))
    return whole.replace(day=1), until.replace(day=1)


def furthest(cursors: Iterable[FeedCursor]) -> FeedCursor | None:
    """Of the ways by which the payments are read, the one that was read to its end last, and furthest back."""
    read = [each for each in cursors if each.kind == _TRANSACTIONS]
    return max(read, key=_reach, default=None)


def _reach(row: FeedCursor) -> tuple[date, int]:
    back = row.covered_from or date.max
    return (row.covered_until or date.min, -back.toordinal())


def accounts_read(bank: Bank, *, at: datetime) -> list[dict[str, Any]]:
    """How far the payments of the customer's accounts are read, in their block; those that nothing is read of left out."""
    accounts = accounts_of(served().account_ids)
    of_account: dict[UUID, list[FeedCursor]] = {}
    for each in cursors_of([account.id for account in accounts]):
        of_account.setdefault(each.account_id, []).append(each)
    today = at.astimezone(ZoneInfo(bank.time_zone)).date()
    rows = ((each, furthest(of_account.get(each.id, ()))) for each in accounts)
    return [
        {
            "account": account,
            "state": state_of(row),
            "percent": percent_of(row, today=today),
            "first": row.reached_from,
            "covered_from": row.covered_from,
            "covered_until": row.covered_until,
            "unreadable": row.unreadable_rows,
            "given_from": missing_before(row),
            "fresh_as_of": row.fresh_as_of,
            "ran_at": row.ran_at,
        }
        for account, row in rows
        if row is not None
    ]


def is_any_read_just_now(rows: Sequence[dict[str, Any]]) -> bool:
    return any(each["state"] == "reading" for each in rows)
