"""The judge of an attack fails where it must: what schemathesis cannot know is known here."""

from collections import Counter

from tests.attacks.principals import Principal
from tests.attacks.report import faults, table
from tests.attacks.run import Attacked

READ, WRITE = "GET /api/v1/accounts", "POST /api/v1/links"
BOTH = frozenset({READ, WRITE})


def attacked(*, passed: bool = True, **tally: dict[int, int]) -> Attacked:
    named = {"read": READ, "write": WRITE}
    found = {named[name]: Counter(answers) for name, answers in tally.items()}
    return Attacked("somebody", passed, "", found)


def somebody(**fields: frozenset[str]) -> Principal:
    return Principal("somebody", "api", "token", **fields)  # type: ignore[arg-type]  # its sets alone


def test_what_was_got_into_and_found_clean_passes() -> None:
    found = attacked(read={200: 5, 404: 9}, write={201: 1, 400: 30})

    assert faults(somebody(), found, BOTH) == []


def test_what_schemathesis_found_is_a_fault() -> None:
    found = attacked(passed=False, read={200: 5}, write={201: 1})

    assert faults(somebody(), found, BOTH) == ["schemathesis found what is below"]


def test_an_operation_that_was_never_got_into_is_a_fault() -> None:
    refused, not_tried = attacked(read={200: 1}, write={400: 9, 404: 9}), attacked(read={200: 1})

    for found in (refused, not_tried):
        assert faults(somebody(), found, BOTH) == [f"{WRITE} was never got into"]


def test_many_429_or_401_and_no_answer_at_all_are_a_fault() -> None:
    for status in (429, 401):
        slowed = attacked(read={200: 5, status: 5}, write={201: 10})
        assert faults(somebody(), slowed, BOTH) == [
            "5 of 20 answers were 429 or 401: raise PORTAL_LIMIT_FACTOR, renew tokens"
        ]
    assert faults(somebody(foreign=frozenset({"x"})), attacked(), BOTH) != []


def test_what_is_shut_or_anothers_and_opens_is_a_fault() -> None:
    outsider = somebody(foreign=frozenset({"x"}), shut=frozenset({READ}))
    opened, trespassed = attacked(read={200: 1, 403: 9}), attacked(write={201: 3, 0: 2})

    assert faults(outsider, opened, BOTH) == [f"{READ} opened 1 times, and is shut to it"]
    assert faults(outsider, trespassed, BOTH) == [
        f"{WRITE} opened 2 times for an id that is another's"
    ]
    assert faults(outsider, attacked(read={403: 9}, write={201: 1}), BOTH) == []


def test_the_table_tells_shares_and_no_trespass_as_a_status() -> None:
    told = table(attacked(read={200: 3, 404: 1, 0: 2}))

    assert told.split() == [*READ.split(), "4", "75%", "0%", "25%", "200:3", "404:1"]
