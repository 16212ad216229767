from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.instructions.rules import (
    DONE,
    FAILED,
    GIVEN_UP_AFTER,
    NOT_CONNECTED,
    PATIENCE,
    REQUESTED,
    SUSPENDED,
    UNKNOWN,
    UNSETTLED,
    Next,
    SoFar,
    after_answer,
    after_end_of_connection,
    after_refusal,
    after_silence,
    is_change,
    is_final,
    may_send,
    wait_after,
    while_suspended,
)

ASKED = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
FIRST = SoFar(requested_at=ASKED)
SENT = SoFar(requested_at=ASKED, attempts=2, sent_before=True)
SOON = ASKED + timedelta(seconds=2)
TOO_LATE = ASKED + GIVEN_UP_AFTER + timedelta(minutes=1)


def answered(so_far: SoFar, said: str, *, reason: str = "", at: datetime = SOON) -> Next:
    return after_answer(so_far, said=said, settled_at=None, reason=reason, at=at)


def test_what_the_bank_did_is_what_is_kept_with_its_own_time() -> None:
    settled = ASKED + timedelta(seconds=3)

    then = after_answer(FIRST, said="done", settled_at=settled, reason="", at=ASKED)

    assert then == Next(DONE, None, settled)


def test_a_refusal_names_its_reason() -> None:
    assert answered(FIRST, "failed", reason="card_not_found") == Next(
        FAILED, None, None, "card_not_found"
    )


@pytest.mark.parametrize("ours", [NOT_CONNECTED, SUSPENDED, UNSETTLED])
def test_a_banks_reason_is_never_taken_for_one_of_ours(ours: str) -> None:
    said = answered(FIRST, "failed", reason=ours)
    refused = after_refusal(FIRST, reason=ours, final=True, at=SOON)

    assert (said.reason, refused.reason) == ("other", "other")


@given(st.integers(1, 60), st.timedeltas(timedelta(0), timedelta(days=3)))
def test_silence_is_never_taken_for_an_outcome(attempts: int, waited: timedelta) -> None:
    then = after_silence(replace(SENT, attempts=attempts), at=ASKED + waited)

    assert then.status == (REQUESTED if waited < PATIENCE else UNKNOWN)
    assert then.settled_at is None
    assert (then.due_at is None) == (waited > GIVEN_UP_AFTER)


@given(st.integers(1, 10), st.timedeltas(timedelta(0), PATIENCE - timedelta(seconds=1)))
def test_the_customer_is_told_in_time_that_we_do_not_know(
    attempts: int, waited: timedelta
) -> None:
    then = after_silence(replace(SENT, attempts=attempts), at=ASKED + waited)

    assert then.due_at is not None
    assert then.due_at <= ASKED + PATIENCE + timedelta(seconds=1)


def test_a_bank_that_names_its_time_is_not_asked_before_it() -> None:
    at = ASKED + PATIENCE

    then = after_silence(SENT, at=at, retry_after=timedelta(minutes=4))

    assert then.due_at == at + timedelta(minutes=4)


def test_only_what_the_interface_says_in_its_own_words_is_final() -> None:
    in_words = [each for each in range(600) if is_final(status=each, in_its_own_words=True)]
    without = [each for each in range(600) if is_final(status=each, in_its_own_words=False)]

    assert (in_words, without) == ([400, 403, 404], [])


def test_a_final_refusal_settles_the_one_request_that_was_sent() -> None:
    then = after_refusal(FIRST, reason="U008", final=True, at=SOON)

    assert then == Next(FAILED, None, SOON, "U008")


def test_any_other_refusal_has_the_banks_record_asked() -> None:
    then = after_refusal(FIRST, reason="http_410", final=False, at=SOON)

    assert (then.status, then.reason, then.refused_as) == (REQUESTED, UNSETTLED, "")
    assert then.due_at is not None


def test_a_refusal_that_follows_an_unanswered_request_settles_nothing_and_is_not_pressed() -> None:
    then = after_refusal(SENT, reason="U008", final=True, at=SOON)
    so_far = replace(SENT, refused_as=then.refused_as)

    assert (then.status, then.refused_as) == (REQUESTED, "U008")
    assert not may_send(so_far, at=SOON)
    assert answered(so_far, "unknown_to_bank").status == REQUESTED
    assert answered(so_far, "done").status == DONE


def test_a_refused_one_that_never_arrived_failed_once_none_can_be_on_its_way() -> None:
    refused = replace(SENT, refused_as="U008")

    assert answered(refused, "unknown_to_bank", at=TOO_LATE) == Next(
        FAILED, None, TOO_LATE, "U008"
    )
    assert answered(SENT, "unknown_to_bank", at=TOO_LATE).status == UNKNOWN
    assert not may_send(SENT, at=TOO_LATE)


def test_without_a_connection_it_failed_only_if_it_never_left_us() -> None:
    never = after_end_of_connection(FIRST, at=ASKED)
    perhaps = after_end_of_connection(SENT, at=ASKED)

    assert (never.status, perhaps.status) == (FAILED, UNKNOWN)
    assert (never.reason, perhaps.reason) == (NOT_CONNECTED, NOT_CONNECTED)
    assert (never.due_at, perhaps.due_at) == (None, None)


def test_a_bank_that_stays_suspended_was_never_asked() -> None:
    soon, late = while_suspended(FIRST, at=SOON), while_suspended(FIRST, at=TOO_LATE)

    assert (soon.status, soon.reason) == (REQUESTED, SUSPENDED)
    assert late == Next(FAILED, None, TOO_LATE, SUSPENDED)
    assert while_suspended(SENT, at=TOO_LATE).status == UNKNOWN


@pytest.mark.parametrize(
    ("status", "reason", "then"),
    [
        (REQUESTED, UNSETTLED, Next(UNKNOWN, None, None, UNSETTLED)),
        (UNKNOWN, UNSETTLED, Next(UNKNOWN, None, None, NOT_CONNECTED)),
        (UNKNOWN, "", Next(DONE, None)),
    ],
)
def test_what_changes_the_words_is_told(status: str, reason: str, then: Next) -> None:
    assert is_change(status=status, reason=reason, then=then)


def test_why_we_are_still_asking_is_not_told() -> None:
    asking = Next(REQUESTED, None, None, UNSETTLED)
    unknown = Next(UNKNOWN, None, None, UNSETTLED)

    assert not is_change(status=REQUESTED, reason="", then=asking)
    assert not is_change(status=UNKNOWN, reason=UNSETTLED, then=unknown)


@given(st.integers(1, 200))
def test_waits_grow_and_end_at_ten_minutes(attempts: int) -> None:
    assert timedelta(seconds=1) <= wait_after(attempts) <= wait_after(attempts + 1)
    assert wait_after(attempts) <= timedelta(minutes=10)
