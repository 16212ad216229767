"""How far back a reading looks, and what it covers."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from partners.feeds.models import FeedCursor
from partners.sync.progress import covered_without
from partners.sync.rules import read_since

TODAY = date(2026, 11, 20)


def days(number: int) -> date:
    return TODAY - timedelta(days=number)


@pytest.mark.parametrize(
    ("pending", "allowed", "since"),
    [
        (None, 365, 10),
        (3, 365, 10),
        (19, 365, 19),
        (45, 365, 45),
        (46, 365, 45),
        (300, 365, 45),
        (19, 15, 15),
        (19, 5, 10),
    ],
)
def test_a_window_begins_with_what_is_pending_as_long_as_that_can_be(
    pending: int | None, allowed: int, since: int
) -> None:
    asked_from = read_since(
        covered_until=TODAY,
        history_from=days(allowed),
        today=TODAY,
        pending_since=None if pending is None else days(pending),
    )

    assert asked_from == days(since)


@pytest.mark.parametrize(("covered", "since"), [(120, 88), (90, 88), (60, 70)])
def test_a_window_is_not_asked_for_further_back_than_the_bank_gives(
    covered: int, since: int
) -> None:
    asked_from = read_since(
        covered_until=days(covered), history_from=None, today=TODAY, given_from=days(88)
    )

    assert asked_from == days(since)


@pytest.mark.parametrize(
    ("history", "first", "until", "fresh", "kept"),
    [
        pytest.param("", 300, 200, 0, (300, 200), id="older days were to be read again"),
        pytest.param("", 60, 200, 0, (60, 200), id="the bank had listed none of the older ones"),
        pytest.param("", 300, 88, 88, (300, 88), id="to the day"),
        pytest.param("", 300, 89, 89, (None, None), id="a day is missing"),
        pytest.param(
            "", 300, 150, 80, (None, None), id="the history was read up to its beginning"
        ),
        pytest.param("", 300, None, 5, (300, 5), id="the whole is asked for anew, and is here"),
        pytest.param("", 20, None, 5, (None, None), id="begun again, to read more"),
        pytest.param("", None, None, None, (None, None), id="never read"),
        pytest.param("paused", 300, 200, 0, (300, 200), id="held, without a gap"),
        pytest.param("paused", 300, 100, 100, (None, 100), id="held, with one"),
        pytest.param("cancelled", None, 100, None, (None, 100), id="held before its first page"),
    ],
)
def test_what_is_covered_is_given_up_where_a_refused_day_was_not_read(
    history: str,
    first: int | None,
    until: int | None,
    fresh: int | None,
    kept: tuple[int | None, int | None],
) -> None:
    first_on, until_on, fresh_on, *kept_on = (
        None if ago is None else days(ago) for ago in (first, until, fresh, *kept)
    )
    row = FeedCursor(
        bank_id=uuid4(),
        history=history,
        covered_from=first_on,
        covered_until=until_on,
        given_from=days(88),
        history_until=days(150),
    )

    assert [*covered_without(row, fresh_on=fresh_on)] == kept_on


def test_a_window_reaches_from_where_the_last_one_ended_and_a_history_as_far_as_is_allowed() -> (
    None
):
    assert read_since(covered_until=days(60), history_from=None, today=TODAY) == days(70)
    assert read_since(covered_until=None, history_from=days(90), today=TODAY) == days(90)
    assert read_since(covered_until=None, history_from=None, today=TODAY) == days(365)


@pytest.mark.parametrize(("allowed", "given", "since"), [(365, 88, 88), (30, 88, 30)])
def test_a_history_is_not_asked_for_further_back_than_the_bank_gives(
    allowed: int, given: int, since: int
) -> None:
    asked_from = read_since(
        covered_until=None, history_from=days(allowed), today=TODAY, given_from=days(given)
    )

    assert asked_from == days(since)
