"""What a line of the log carries, in production."""

import logging
from collections.abc import Iterator
from io import StringIO
from typing import Any

import orjson
import pytest

from portal.telemetry.logs import JsonLine, WithIds
from portal.telemetry.traces import current_trace_id, span
from tests.desk import browser_of, page_of
from tests.factories.partners import make_bank


def line(**given: Any) -> dict[str, Any]:
    record = logging.LogRecord("portal.x", logging.INFO, __file__, 1, "read %d", (3,), None)
    for name, value in given.items():
        setattr(record, name, value)
    WithIds().filter(record)
    said: dict[str, Any] = orjson.loads(JsonLine().format(record))
    return said


def test_a_line_is_one_object_with_the_ids_of_its_request_and_trace() -> None:
    with span("x"):
        said, trace_id = line(task="pull"), current_trace_id()

    assert {name: said[name] for name in ("level", "logger", "message", "task")} == {
        "level": "INFO",
        "logger": "portal.x",
        "message": "read 3",
        "task": "pull",
    }
    assert (said["request_id"], said["trace_id"]) == ("-", trace_id)
    assert said["at"].startswith("20")


def test_a_failure_shows_where_it_was_and_does_not_quote_a_row() -> None:
    number = "".join(reversed("06TI"))

    def fails() -> None:
        raise ValueError(number)

    try:
        fails()
    except ValueError as problem:
        said = line(exc_info=(type(problem), problem, problem.__traceback__))

    assert "in fails" in said["exc_info"]
    assert said["exc_info"].endswith("ValueError")
    assert number not in str(said)


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the handler of our settings writes, in place of stderr."""
    (handler,) = (each for each in logging.getLogger().handlers if each.name == "stderr")
    assert isinstance(handler, logging.StreamHandler)
    text = StringIO()
    before = handler.setStream(text)
    yield text
    handler.setStream(before)


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["disclosures", "conversations"])
def test_a_bad_cursor_on_a_page_is_one_line(written: StringIO, name: str) -> None:
    bank = make_bank()
    address = page_of(name, bank.slug)

    answered = browser_of(bank).get(address, {"cursor": "altered"})

    said = written.getvalue().splitlines()
    assert answered.status_code == 400
    assert len(said) == 1
    assert said[0].endswith(f"The cursor is not one of ours, or no longer valid: {address}")


def test_a_fault_of_ours_keeps_its_stack(written: StringIO) -> None:
    fault = ValueError("x")

    logging.getLogger("django.request").error("fault", exc_info=fault, extra={"status_code": 500})

    assert written.getvalue().splitlines()[-1] == "ValueError: x"
