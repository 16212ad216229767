"""Periods in a bank's own calendar days."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

LONGEST_DAYS = 366
DAYS_PLOTTED, BAR, PLOT_HEIGHT = 30, 8, 32


@dataclass(frozen=True)
class Period:
    """From one calendar day of the bank's to another, both in."""

    since: date
    until: date
    zone: ZoneInfo

    @property
    def begin(self) -> datetime:
        return datetime.combine(self.since, time.min, self.zone)

    @property
    def end(self) -> datetime:
        """The first instant that is not in it any more."""
        return datetime.combine(self.until + timedelta(days=1), time.min, self.zone)

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1


def month_of(day: date) -> tuple[date, date]:
    """The first and the last day of the month that a day is in."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return first, following - timedelta(days=1)


def month_before(day: date) -> tuple[date, date]:
    return month_of(day.replace(day=1) - timedelta(days=1))
