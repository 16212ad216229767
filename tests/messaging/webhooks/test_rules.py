import time

from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from messaging.webhooks.rules import (
    WAITS,
    rest_after,
    secret_key,
    secret_text,
    sign,
    wait_after,
)


def test_ten_attempts_are_made_over_three_days() -> None:
    waits = [wait_after(attempts, noise=0) for attempts in range(1, 12)]

    assert waits[:9] == list(WAITS)
    assert waits[9:] == [None, None]
    assert [each.total_seconds() for each in WAITS] == [
        *(5, 300, 1800),
        *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
    ]


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_makes_it_later_by_a_tenth_at_most(attempts: int, noise: float) -> None:
    wait = wait_after(attempts, noise=noise)

    assert wait is not None
    assert WAITS[attempts - 1] <= wait <= WAITS[attempts - 1] * 1.1


def test_a_failing_endpoint_rests_for_a_minute_at_most() -> None:
    assert [rest_after(each).total_seconds() for each in (1, 2, 3, 7, 50)] == [1, 2, 4, 60, 60]


@given(st.binary(min_size=24, max_size=64), st.text())
def test_a_signature_is_what_the_specifications_own_library_takes(key: bytes, text: str) -> None:
    body, timestamp = f'"{text!a}"'.encode(), int(time.time())
    headers = {
        "webhook-id": "one",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            [b"another", key], message_id="one", timestamp=timestamp, body=body
        ),
    }

    Webhook(secret_text(key)).verify(body, headers, json_parse=False)

    assert secret_key(secret_text(key)) == key
