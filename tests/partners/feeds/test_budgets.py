"""A bank's budget is never overdrawn, and never used up before the customer asks; by the calls alone."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.feeds.budgets import (
    A_DAY,
    COUNTED_UP_TO,
    Budget,
    free_at,
    gap,
    kept_back,
    next_at,
    recent_calls,
)

BEGIN = datetime(2026, 3, 28, 6, tzinfo=UTC)
EVERY = timedelta(minutes=15)
LIMITS = st.integers(1, COUNTED_UP_TO)
# Tries: so many minutes after the one before, and whether a customer waits.
TRIES = st.lists(st.tuples(st.integers(0, 600), st.booleans()), max_size=120)


def made(limit: int, tries: list[tuple[int, bool]]) -> list[tuple[datetime, bool]]:
    """The calls that come of it: each is made at its time, or not at all."""
    at, calls = BEGIN, list[tuple[datetime, bool]]()
    for minutes, is_wanted in tries:
        at += timedelta(minutes=minutes)
        budget = Budget(limit, [each for each, _wanted in calls])
        if free_at(budget, at=at, is_wanted=is_wanted) <= at:
            calls.append((at, is_wanted))
    return calls


@given(limit=LIMITS, tries=TRIES)
def test_in_no_day_there_are_more_calls_than_the_bank_allows(
    limit: int, tries: list[tuple[int, bool]]
) -> None:
    times = [each for each, _wanted in made(limit, tries)]
    for each in times:
        assert sum(each <= other < each + A_DAY for other in times) <= limit


@given(limit=st.integers(4, COUNTED_UP_TO), tries=TRIES)
def test_whatever_nobody_waits_for_leaves_the_customers_part(
    limit: int, tries: list[tuple[int, bool]]
) -> None:
    unwanted = [(minutes, False) for minutes, _wanted in tries]
    calls = [each for each, _wanted in made(limit, unwanted)]
    for each in calls:
        so_far = [other for other in calls if other <= each]
        for _ in range(kept_back(limit)):
            assert free_at(Budget(limit, so_far), at=each, is_wanted=True) == each
            so_far.append(each)


@given(limit=LIMITS, tries=TRIES, is_wanted=st.booleans())
def test_a_call_that_has_to_wait_may_be_made_at_its_time(
    limit: int, tries: list[tuple[int, bool]], *, is_wanted: bool
) -> None:
    calls = [each for each, _wanted in made(limit, tries)]
    at = max(calls, default=BEGIN)
    free = free_at(Budget(limit, calls), at=at, is_wanted=is_wanted)
    assert at <= free <= at + A_DAY + timedelta(minutes=2)
    assert free_at(Budget(limit, calls), at=free, is_wanted=is_wanted) == free


@given(limit=LIMITS)
@settings(max_examples=20)
def test_readings_that_nobody_asks_for_are_spread_over_the_day(limit: int) -> None:
    at, calls = BEGIN, list[datetime]()
    while at < BEGIN + 3 * A_DAY:
        calls.append(at)
        at = next_at(Budget(limit, calls), at=at, every=EVERY)
    steps = [after - before for before, after in pairwise(calls)]
    assert all(each >= max(gap(limit), EVERY) for each in steps)
    # And go on all day: of what nobody waits for, nearly all is used.
    wanted = min(limit - kept_back(limit), A_DAY // EVERY) or 1
    for day in range(3):
        begin = BEGIN + day * A_DAY
        assert sum(begin <= each < begin + A_DAY for each in calls) >= wanted - 1


@given(left=st.integers(0, 1000), minutes=st.integers(1, 1440))
def test_what_the_bank_says_is_left_is_spread_until_it_counts_anew(
    left: int, minutes: int
) -> None:
    resets_at = BEGIN + timedelta(minutes=minutes)
    budget = Budget(None, left=left, resets_at=resets_at)
    due = next_at(budget, at=BEGIN, every=timedelta())
    if left == 0:
        assert due == free_at(budget, at=BEGIN, is_wanted=True) == resets_at
    else:
        assert free_at(budget, at=BEGIN, is_wanted=True) == BEGIN
        # So many times that step fits into what is left, and no more; steps are whole microseconds.
        step = due - BEGIN + timedelta(microseconds=1)
        assert step * (left - kept_back(left)) >= resets_at - BEGIN
    assert free_at(budget, at=resets_at, is_wanted=False) == resets_at


def test_without_a_limit_the_usual_time_holds() -> None:
    assert next_at(Budget(), at=BEGIN, every=EVERY) == BEGIN + EVERY
    assert free_at(Budget(), at=BEGIN, is_wanted=False) == BEGIN
    # What is agreed on as once a minute is once a minute.
    assert gap(1440) < timedelta(minutes=2)
    assert recent_calls([BEGIN - 2 * A_DAY, BEGIN], at=BEGIN) == [BEGIN]
