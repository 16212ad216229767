"""A bank's dates, at the hours where they go wrong."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from partners.connectors.base import BadAnswer
from partners.connectors.dates import BankDay, read_day, read_instant

ROME = ZoneInfo("Europe/Rome")


@pytest.mark.parametrize(
    ("written", "on", "at"),
    [
        # 29 March 2026, 02:00 becomes 03:00
        (
            "2026-03-28T23:30:00+01:00",
            date(2026, 3, 28),
            datetime(2026, 3, 28, 22, 30, tzinfo=UTC),
        ),
        (
            "2026-03-29T00:30:00+01:00",
            date(2026, 3, 29),
            datetime(2026, 3, 28, 23, 30, tzinfo=UTC),
        ),
        ("2026-03-28T23:30:00Z", date(2026, 3, 29), datetime(2026, 3, 28, 23, 30, tzinfo=UTC)),
        ("2026-03-29T22:30:00Z", date(2026, 3, 30), datetime(2026, 3, 29, 22, 30, tzinfo=UTC)),
        ("2026-03-29T21:30:00Z", date(2026, 3, 29), datetime(2026, 3, 29, 21, 30, tzinfo=UTC)),
        # 25 October 2026, 03:00 becomes 02:00
        ("2026-10-24T22:30:00Z", date(2026, 10, 25), datetime(2026, 10, 24, 22, 30, tzinfo=UTC)),
        ("2026-10-25T22:30:00Z", date(2026, 10, 25), datetime(2026, 10, 25, 22, 30, tzinfo=UTC)),
        ("2026-10-25T23:30:00Z", date(2026, 10, 26), datetime(2026, 10, 25, 23, 30, tzinfo=UTC)),
        (
            "2026-10-25T02:30:00.5+02:00",
            date(2026, 10, 25),
            datetime(2026, 10, 25, 0, 30, 0, 500_000, tzinfo=UTC),
        ),
    ],
)
def test_an_instant_is_dated_by_the_banks_calendar(written: str, on: date, at: datetime) -> None:
    assert read_day(written, ROME) == BankDay(on, "instant", at)


def test_a_time_without_an_offset_is_the_banks_own_clock() -> None:
    day = read_day("2026-07-01T00:30:00", ROME)

    assert day == BankDay(date(2026, 7, 1), "date", datetime(2026, 6, 30, 22, 30, tzinfo=UTC))


@pytest.mark.parametrize("written", ["2026-03-29T02:30:00", "2026-10-25T02:30:00"])
def test_an_hour_that_a_clock_change_blurs_keeps_its_date_and_no_moment(written: str) -> None:
    assert read_day(written, ROME) == BankDay(date.fromisoformat(written[:10]), "date", None)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2026",
        "20260329",
        "2026-3-29",
        "2026-02-29",
        "2026-W13-7",
        "2026-03-29T24:00:00Z",
        "2026-03-29T23:59:60Z",
        "2026-03-29T10:00Z",
        "2026-03-29T10:00:00+25:00",
        "2026-03-29T10:00:00 Europe/Rome",
        "0001-01-01T00:00:01+14:00",
        "9999-12-31T23:59:59-14:00",
        "\u0662\u0660\u0662\u0666-03-29",
        "2026-03-29\n",
    ],
)
def test_what_is_no_date_is_refused(written: str) -> None:
    with pytest.raises(BadAnswer):
        read_day(written, ROME)


def test_an_instant_needs_a_time() -> None:
    assert read_instant("2026-03-30T10:00:00", ROME) == datetime(2026, 3, 30, 8, tzinfo=UTC)
    with pytest.raises(BadAnswer):
        read_instant("2026-03-30", ROME)
