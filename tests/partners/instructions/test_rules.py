from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from partners.instructions.rules import (
    DONE,
    FAILED,
    GIVEN_UP_AFTER,
    PATIENCE,
    REQUESTED,
    UNKNOWN,
    after_answer,
    after_end_of_connection,
    after_silence,
    wait_after,
)

ASKED = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)


def test_what_the_bank_did_is_what_is_kept_with_its_own_time() -> None:
    settled = ASKED + timedelta(seconds=3)

    then = after_answer(
        said="done", settled_at=settled, reason="", attempts=1, requested_at=ASKED, at=ASKED
    )

    assert (then.status, then.settled_at, then.due_at) == (DONE, settled, None)


def test_a_refusal_names_its_reason() -> None:
    then = after_answer(
        said="failed",
        settled_at=None,
        reason="card_not_found",
        attempts=1,
        requested_at=ASKED,
        at=ASKED,
    )

    assert (then.status, then.reason, then.due_at) == (FAILED, "card_not_found", None)


@given(st.integers(1, 60), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_silence_is_never_taken_for_an_outcome(attempts: int, waited: timedelta) -> None:
    then = after_silence(attempts=attempts, requested_at=ASKED, at=ASKED + waited)

    assert then.status == (REQUESTED if waited < PATIENCE else UNKNOWN)
    assert then.settled_at is None
    assert (then.due_at is None) == (waited > GIVEN_UP_AFTER)


@given(st.integers(1, 10), st.timedeltas(timedelta(0), PATIENCE - timedelta(seconds=1)))
def test_the_customer_is_told_in_time_that_we_do_not_know(
    attempts: int, waited: timedelta
) -> None:
    then = after_silence(attempts=attempts, requested_at=ASKED, at=ASKED + waited)

    assert then.due_at is not None
    assert then.due_at <= ASKED + PATIENCE + timedelta(seconds=1)


def test_a_bank_that_names_its_time_is_not_asked_before_it() -> None:
    at = ASKED + PATIENCE

    then = after_silence(attempts=1, requested_at=ASKED, at=at, retry_after=timedelta(minutes=4))

    assert then.due_at == at + timedelta(minutes=4)


def test_without_a_connection_it_failed_only_if_it_never_left_us() -> None:
    never = after_end_of_connection(may_have_arrived=False, at=ASKED)
    perhaps = after_end_of_connection(may_have_arrived=True, at=ASKED)

    assert (never.status, perhaps.status) == (FAILED, UNKNOWN)
    assert (never.due_at, perhaps.due_at) == (None, None)


@given(st.integers(1, 200))
def test_waits_grow_and_end_at_ten_minutes(attempts: int) -> None:
    assert timedelta(seconds=1) <= wait_after(attempts) <= wait_after(attempts + 1)
    assert wait_after(attempts) <= timedelta(minutes=10)
