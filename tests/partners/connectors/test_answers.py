"""Text fit to show, and how long to wait."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.connectors.answers import calls_left, clean, retry_after, until_tomorrow
from partners.connectors.base import Response


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("  CAFÉ \t DELLA\r\nPIAZZA ", "CAFÉ DELLA PIAZZA"),
        ("A\x00B\x07C", "ABC"),
        ("A \x1b\rB", "A B"),
        ("pay\u202egnp.exe", "paygnp.exe"),
        ("\ud83d half", "half"),
        ("شركة النور", "شركة النور"),
        ("\u200b", "\u200b"),
        ("abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrst"),
    ],
)
def test_text_is_made_fit_to_show(written: str, shown: str) -> None:
    assert clean(written, limit=20) == shown


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_text_made_fit_once_stays_as_it_is(written: str) -> None:
    once = clean(written, limit=20)

    assert clean(once, limit=20) == once
    assert len(once) <= 20
    once.encode("utf-8")


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "0"}, timedelta()),
        ({"RETRY-AFTER": " 120 "}, timedelta(minutes=2)),
        ({"Retry-After": "99999999999999999999"}, timedelta(days=1)),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1.5"}, None),
        ({"Retry-After": "\u0661"}, None),
        ({"Retry-After": "soon"}, None),
        ({}, None),
        (
            {
                "Retry-After": "Mon, 30 Mar 2026 09:01:30 GMT",
                "Date": "Mon, 30 Mar 2026 09:00:00 GMT",
            },
            timedelta(seconds=90),
        ),
        (
            {
                "Retry-After": "Mon, 30 Mar 2026 08:00:00 GMT",
                "Date": "Mon, 30 Mar 2026 09:00:00 GMT",
            },
            timedelta(),
        ),
        ({"Retry-After": "Mon, 30 Mar 2026 09:01:30 GMT"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_by_the_banks_own_clock(
    headers: dict[str, str], wait: timedelta | None
) -> None:
    assert retry_after(Response(429, headers)) == wait


DATE = {"Date": "Mon, 30 Mar 2026 09:00:00 GMT"}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7", "RateLimit-Reset": "90"}, 7),
        ({"RateLimit": '"daily";r=0;t=3600'}, 3600),
        ({"RateLimit": '"daily";r=0'}, None),
        ({"RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "30"}, 30),
        ({"X-RateLimit-Reset": "1774861290"} | DATE, 90),
        ({"X-RateLimit-Reset": "1774861290"}, None),
        ({"X-RateLimit-Reset": "1774861000"} | DATE, 0),
        ({"X-RateLimit-Reset": "9999999999"} | DATE, 86_400),
        ({"RateLimit-Reset": "9" * 40}, None),
        ({"RateLimit-Reset": "-1"}, None),
        ({"RateLimit-Reset": "\u0663\u0660"}, None),
    ],
)
def test_when_a_count_of_calls_begins_anew_is_read_however_it_is_written(
    headers: dict[str, str], seconds: int | None
) -> None:
    waits = retry_after(Response(429, headers))

    assert waits == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("said", "zone", "hours"),
    [
        ("Mon, 30 Mar 2026 09:00:00 GMT", "UTC", 15),
        ("Mon, 30 Mar 2026 09:00:00 GMT", "Europe/Rome", 13),
        ("Mon, 30 Mar 2026 23:00:00 GMT", "Europe/Rome", 23),
        ("Mon, 30 Mar 2026 22:00:00 GMT", "Europe/Rome", 24),
        # The clocks go on an hour, and back.
        ("Sat, 28 Mar 2026 23:30:00 GMT", "Europe/Rome", 22.5),
        ("Sat, 24 Oct 2026 22:30:00 GMT", "Europe/Rome", 24.5),
        ("soon", "UTC", None),
        ("", "UTC", None),
    ],
)
def test_the_banks_next_day_begins_at_its_own_midnight(
    said: str, zone: str, hours: float | None
) -> None:
    waits = until_tomorrow(Response(429, {"Date": said}), ZoneInfo(zone))

    assert waits == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize(
    ("headers", "left"),
    [
        ({"RateLimit": '"daily";r=5;t=3600'}, (5, 3600)),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "30"}, (0, 30)),
        ({"X-RateLimit-Remaining": "12"}, (12, None)),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "1774861290"} | DATE, (3, 90)),
        ({"X-RateLimit-Remaining": "-1"}, None),
        ({"X-RateLimit-Remaining": "\u0663"}, None),
        ({"X-RateLimit-Remaining": "9" * 40}, None),
        ({"RateLimit": '"daily";t=3600'}, None),
        ({}, None),
    ],
)
def test_how_many_calls_are_left_is_read_however_it_is_written(
    headers: dict[str, str], left: tuple[int, int | None] | None
) -> None:
    told = calls_left(Response(200, headers))

    if left is None:
        assert told is None
        return
    assert told is not None
    assert (told.left, told.resets_in) == (left[0], left[1] and timedelta(seconds=left[1]))
