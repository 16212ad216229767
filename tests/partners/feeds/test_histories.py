"""How far a history has come, from the days of its rows alone."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from partners.feeds.histories import (
    DISORDER,
    Reached,
    covered_so_far,
    reached_with,
    share_read,
)

START, TODAY = date(2025, 11, 26), date(2026, 11, 26)
DAYS = st.integers(0, 365).map(lambda back: TODAY - timedelta(days=back))
LISTED = st.lists(st.tuples(DAYS, st.integers(0, DISORDER.days)), min_size=1, max_size=60)
CUTS = st.lists(st.integers(1, 9), min_size=60, max_size=60)


def pages_of(days: list[date], cuts: list[int]) -> list[list[date]]:
    found, rest = [], days
    for size in cuts:
        if rest:
            found.append(rest[:size])
            rest = rest[size:]
    return found


def read(pages: list[list[date]]) -> Reached:
    so_far = Reached()
    for each in pages:
        so_far = reached_with(so_far, each, rows=len(each))
    return so_far


@given(listed=LISTED, cuts=CUTS, stopped=st.integers(0, 60))
def test_of_a_list_that_comes_newest_first_nothing_is_missing_of_what_is_said_to_be_covered(
    listed: list[tuple[date, int]], cuts: list[int], stopped: int
) -> None:
    """Sorted by one day and booked some days after it, as banks do."""
    in_order = sorted(listed, reverse=True)
    days = [min(day + timedelta(days=late), TODAY) for day, late in in_order]
    pages = pages_of(days, cuts)
    so_far = read(pages[:stopped])
    since = covered_so_far(so_far, until=TODAY)

    unread = [day for page in pages[stopped:] for day in page]
    assert so_far.order in {"", "back"}
    assert so_far.rows == len(days) - len(unread)
    assert since is None or all(day < since for day in unread)


@given(listed=LISTED, cuts=CUTS)
def test_of_any_other_order_nothing_is_said_to_be_covered_before_its_end(
    listed: list[tuple[date, int]], cuts: list[int]
) -> None:
    days = sorted(day for day, _late in listed)
    so_far = read(pages_of(days, cuts))
    assert so_far.order in {"", "forward"}
    assert covered_so_far(so_far, until=TODAY) is None
    assert (so_far.first, so_far.last) == (days[0], days[-1])
    days.insert(1, days[0] - timedelta(days=90))
    days.insert(2, days[0] + timedelta(days=90))
    assert read(pages_of(days, cuts)).order == "mixed"


@given(days=st.lists(DAYS, max_size=30), cuts=CUTS)
def test_the_share_is_a_share_and_never_the_whole(days: list[date], cuts: list[int]) -> None:
    share = share_read(read(pages_of(days, cuts)), wanted_from=START, until=TODAY)
    assert share is None or 0 <= share <= 99


def test_the_share_is_that_of_the_days_on_the_side_that_is_read() -> None:
    half = START + (TODAY - START) / 2
    for order in ("back", "forward"):
        so_far = Reached(7, half, half, order)
        assert share_read(so_far, wanted_from=START, until=TODAY) in {49, 50}
    assert share_read(Reached(7, half, half, "mixed"), wanted_from=START, until=TODAY) is None
    assert share_read(Reached(), wanted_from=START, until=TODAY) is None
