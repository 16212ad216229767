from datetime import UTC, datetime, timedelta

import pytest

from messaging.notices.rules import Next, Outcome, Told, after, mail_address, wait_after

PLANNED = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ada@post.example", "ada@post.example"),
        ("  ada@post.example ", "ada@post.example"),
        ("Ada.Verdi+bank@Post.EXAMPLE", "Ada.Verdi+bank@post.example"),
        ("ada@münchen.example", "ada@xn--mnchen-3ya.example"),
        ("", None),
        ("ada", None),
        ("ada@", None),
        ("@post.example", None),
        ("ada@localhost", None),
        ("ada@[127.0.0.1]", None),
        ("ada@post..example", None),
        (".ada@post.example", None),
        ("ada b@post.example", None),
        ("ada@post.example\nBcc: eve@post.example", None),
        ("ada@post.example, eve@post.example", None),
        ("a" * 65 + "@post.example", None),
        ("ada@" + "b" * 64 + ".example", None),
        ("ada@" + "b.c" * 90 + ".example", None),
        ("ädä@post.example", None),
        ('"a b"@post.example', None),
    ],
)
def test_an_address_is_what_every_mail_server_takes(text: str, address: str | None) -> None:
    assert mail_address(text) == address


def test_it_waits_longer_each_time_and_never_long() -> None:
    waits = [wait_after(each).total_seconds() for each in range(1, 11)]

    assert waits == [4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


def test_only_what_was_taken_is_reached() -> None:
    at = PLANNED + timedelta(minutes=1)
    said = [
        after(Told(outcome, "why"), attempts=1, planned_at=PLANNED, at=at) for outcome in Outcome
    ]

    assert said == [
        Next("reached", None),
        Next("failed", None, "why"),
        Next("planned", at + timedelta(seconds=4), "why"),
    ]


def test_later_has_an_end() -> None:
    at = PLANNED + timedelta(days=1, seconds=1)

    assert after(Told(Outcome.PUT_OFF, "away"), attempts=40, planned_at=PLANNED, at=at) == Next(
        "failed", None, "away"
    )
