"""How a connection stands, at each border between two states."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from partners.sharing.rules import Reason
from partners.sync.states import (
    EXPIRING_WITHIN,
    FAILING_AFTER,
    LINK_AGAIN,
    Facts,
    ReadFeed,
    State,
    standing_of,
)
from partners.sync.words import LABELS, REASONS

AT = datetime(2026, 3, 14, 9, 30, tzinfo=UTC)
EVERY = timedelta(minutes=15)
TICK = timedelta(microseconds=1)
HELD_BACK = frozenset(each.value for each in Reason)

READ = ReadFeed(
    due_at=AT + timedelta(minutes=10),
    fresh_as_of=AT - timedelta(minutes=5),
    ran_at=AT - timedelta(minutes=5),
)
WELL = Facts(
    status="active",
    authorised_until=AT + timedelta(days=90),
    resume_at=None,
    admitted=True,
    feeds=[READ],
    held_back=HELD_BACK,
)


def said(facts: Facts) -> tuple[str, str]:
    found = standing_of(facts, at=AT, every=EVERY)
    return found.state.value, found.reason


def failed(problem: str, attempts: int = FAILING_AFTER) -> ReadFeed:
    return replace(READ, problem=problem, attempts=attempts, due_at=AT + timedelta(seconds=20))


def test_a_connection_that_is_read_in_time_is_healthy() -> None:
    found = standing_of(WELL, at=AT, every=EVERY)
    assert (found.state, found.reason) == (State.HEALTHY, "")
    assert (found.next_at, found.fresh_as_of) == (READ.due_at, READ.fresh_as_of)


def test_it_expires_soon_from_a_week_before_its_end_and_needs_a_sign_in_from_its_end() -> None:
    for left, state in (
        (EXPIRING_WITHIN + TICK, "healthy"),
        (EXPIRING_WITHIN, "expiring"),
        (TICK, "expiring"),
        (timedelta(), "needs_sign_in"),
    ):
        assert said(replace(WELL, authorised_until=AT + left))[0] == state
    assert said(replace(WELL, authorised_until=None))[0] == "healthy"


@pytest.mark.parametrize("status", ["expired", "revoked"])
def test_a_connection_that_has_ended_needs_a_sign_in_and_nothing_comes_next(status: str) -> None:
    found = standing_of(replace(WELL, status=status), at=AT, every=EVERY)
    assert (found.state, found.reason, found.next_at) == (State.NEEDS_SIGN_IN, status, None)
    assert found.fresh_as_of == READ.fresh_as_of  # what was read stays as old as it is


def test_one_feed_that_only_a_sign_in_wakes_is_said_beside_others_that_are_read() -> None:
    asleep = replace(READ, problem=LINK_AGAIN, due_at=None)
    assert said(replace(WELL, feeds=[READ, asleep])) == ("needs_sign_in", "revoked")
    # Linked again meanwhile, or asleep for another reason.
    assert said(replace(WELL, feeds=[READ, replace(asleep, due_at=AT)])) == ("healthy", "")
    assert said(replace(WELL, feeds=[READ, replace(asleep, problem="")])) == ("healthy", "")


def test_it_is_rate_limited_until_the_bank_will_have_us_and_next_is_not_before() -> None:
    later = AT + timedelta(minutes=20)
    found = standing_of(replace(WELL, resume_at=later), at=AT, every=EVERY)
    assert (found.state, found.next_at) == (State.RATE_LIMITED, later)
    assert said(replace(WELL, resume_at=AT + TICK))[0] == "rate_limited"
    assert said(replace(WELL, resume_at=AT))[0] == "healthy"
    assert said(replace(WELL, feeds=[failed("rate_limited")]))[0] == "rate_limited"


def test_it_fails_from_the_third_failure_in_a_row() -> None:
    assert said(replace(WELL, feeds=[failed("unavailable", FAILING_AFTER - 1)]))[0] == "healthy"
    assert said(replace(WELL, feeds=[READ, failed("refused 403")])) == ("failing", "refused 403")
    # What succeeded since is not told by its attempts.
    assert said(replace(WELL, feeds=[replace(READ, attempts=9)]))[0] == "healthy"


def test_it_is_late_two_intervals_after_a_reading_should_have_been() -> None:
    for age, state in ((3 * EVERY - TICK, "healthy"), (3 * EVERY, "late")):
        assert said(replace(WELL, feeds=[replace(READ, fresh_as_of=AT - age)]))[0] == state
    old = replace(failed("unavailable", 1), fresh_as_of=AT - 3 * EVERY)
    assert said(replace(WELL, feeds=[old])) == ("late", "unavailable")


def test_a_first_reading_is_late_only_where_nobody_is_at_it() -> None:
    first = ReadFeed(due_at=AT - 2 * EVERY)
    assert said(replace(WELL, feeds=[first])) == ("late", "behind")
    assert said(replace(WELL, feeds=[replace(first, under_way=True)])) == (
        "healthy",
        "first_reading",
    )
    assert said(replace(WELL, feeds=[replace(first, due_at=AT)])) == ("healthy", "first_reading")
    assert standing_of(replace(WELL, feeds=[first]), at=AT, every=EVERY).next_at == AT


def test_it_is_paused_where_nothing_may_be_read_and_the_reason_is_the_gates() -> None:
    refused = failed("consent_revoked", 40)
    assert said(replace(WELL, feeds=[refused, refused])) == ("paused", "consent_revoked")
    # One feed that may not be read is no matter of the others, however old it is.
    old = replace(refused, fresh_as_of=AT - timedelta(days=9))
    found = standing_of(replace(WELL, feeds=[READ, old]), at=AT, every=EVERY)
    assert (found.state, found.fresh_as_of) == (State.HEALTHY, READ.fresh_as_of)
    assert said(replace(WELL, feeds=[])) == ("paused", "nothing_to_read")
    asleep = standing_of(replace(WELL, feeds=[replace(READ, due_at=None)]), at=AT, every=EVERY)
    assert (asleep.state, asleep.next_at) == (State.PAUSED, None)


def test_a_suspended_bank_hides_all_else() -> None:
    worst = replace(WELL, status="revoked", resume_at=AT + EVERY, feeds=[failed("internal")])
    found = standing_of(replace(worst, admitted=False), at=AT, every=EVERY)
    assert (found.state, found.reason, found.next_at) == (State.PAUSED, "bank_suspended", None)


def test_the_one_that_hides_the_others_is_said() -> None:
    """Each of them at once; taken away one by one, the next one is seen."""
    all_at_once = replace(
        WELL,
        admitted=False,
        status="expired",
        authorised_until=AT + timedelta(days=1),
        resume_at=AT + EVERY,
        feeds=[replace(failed("unavailable"), fresh_as_of=AT - timedelta(days=1))],
    )
    seen = []
    for better in (
        {},
        {"admitted": True},
        {"status": "active"},
        {"resume_at": None},
        {"feeds": [replace(READ, fresh_as_of=AT - timedelta(days=1))]},
        {"feeds": [READ]},
        {"authorised_until": None},
    ):
        all_at_once = replace(all_at_once, **better)
        seen.append(said(all_at_once)[0])
    assert seen == [each.value for each in State]


def test_data_are_as_old_as_the_oldest_feed_and_asked_when_the_last_was() -> None:
    tried = replace(READ, fresh_as_of=AT - timedelta(minutes=20), ran_at=AT)
    found = standing_of(replace(WELL, feeds=[READ, tried]), at=AT, every=EVERY)
    assert (found.fresh_as_of, found.ran_at) == (tried.fresh_as_of, AT)


def test_each_state_and_each_reason_has_its_words() -> None:
    assert set(LABELS) == set(State)
    # A program's reasons are not ours: what we read at a bank asks for no program.
    ours = HELD_BACK - {Reason.CLIENT_SUSPENDED, Reason.NOT_REGISTERED}
    assert ours <= set(REASONS)


def test_rows_that_could_not_be_read_are_said_of_what_is_well_alone() -> None:
    lacking = replace(READ, unreadable=2)
    used_up = replace(lacking, problem="calls_used_up")

    assert said(replace(WELL, feeds=[READ, lacking])) == ("healthy", "rows_unreadable")
    assert said(replace(WELL, feeds=[used_up])) == ("healthy", "rows_unreadable")
    assert said(replace(WELL, feeds=[READ, replace(failed("bad_answer"), unreadable=2)])) == (
        "failing",
        "bad_answer",
    )
