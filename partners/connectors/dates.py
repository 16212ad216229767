"""Dates as a bank writes them. A calendar date is never worked out by way of UTC."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from partners.connectors.base import BadAnswer

_WRITTEN = re.compile(
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:[Tt ](?P<time>(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)"
    r"(?P<offset>[Zz]|[+-][0-9]{2}:[0-9]{2})?)?"
)
_YEARS = range(1900, 2200)


@dataclass(frozen=True, slots=True)
class BankDay:
    """A calendar day at the bank, where it came from, and the moment if one was given (UTC)."""

    on: date
    source: Literal["date", "instant"]
    at: datetime | None


def read_day(written: str, zone: ZoneInfo) -> BankDay:
    """The day of an ISO 8601 date or date-time; BadAnswer for anything else.

    A date, and midnight sharp (how banks write a date into a date-time field), is the date as
    written. A time without an offset is the bank's own clock. Any other date-time is an instant,
    and falls on the day it is in the bank's zone.
    """
    on, clock, offset = _parts(written)
    if clock is None or clock == time(0):
        return BankDay(on, "date", None)
    if offset is None:
        return BankDay(on, "date", _local_moment(on, clock, zone))
    moment = _moment(written)
    return BankDay(moment.astimezone(zone).date(), "instant", moment)


def read_instant(written: str, zone: ZoneInfo) -> datetime:
    """The moment of a date-time in UTC; without an offset it is the bank's own clock."""
    on, clock, offset = _parts(written)
    if clock is None:
        raise BadAnswer("a date without a time")
    if offset is None:
        return datetime.combine(on, clock, zone).astimezone(UTC)
    return _moment(written)


def _parts(written: str) -> tuple[date, time | None, str | None]:
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise BadAnswer("not a date")
    try:
        on = date.fromisoformat(found["date"])
        clock = time.fromisoformat(found["time"]) if found["time"] else None
    except ValueError:
        raise BadAnswer("not a date in the calendar") from None
    if on.year not in _YEARS:
        raise BadAnswer("not a date of our time")
    return on, clock, found["offset"]


def _moment(written: str) -> datetime:
    try:
        return datetime.fromisoformat(written.upper()).astimezone(UTC)
    except ValueError:
        raise BadAnswer("not a moment") from None


def _local_moment(on: date, clock: time, zone: ZoneInfo) -> datetime | None:
    """The moment that the bank's clock showed this; None in the hour that a clock change blurs."""
    first = datetime.combine(on, clock, zone)
    second = first.replace(fold=1)
    if first.utcoffset() != second.utcoffset():
        return None
    return first.astimezone(UTC)
