"""How far back a reading looks."""

from datetime import date, timedelta

import pytest

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
