"""What a line of the log carries, in production."""

import logging
from typing import Any

import orjson

from portal.telemetry.logs import JsonLine, WithIds
from portal.telemetry.traces import current_trace_id, span


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
