"""What a log line carries, and which lines say nothing.

A line is for machines in production (JSON, one object a line) and for people elsewhere. It never
carries what a customer wrote, owns or is called: `tests/journeys/test_telemetry.py` looks for that.
"""

import logging
import traceback
from typing import Any

from pythonjsonlogger.orjson import OrjsonFormatter

from portal.middleware import current_request_id
from portal.telemetry.traces import current_trace_id


class WithIds(logging.Filter):
    """Gives each line the ids of the request being served and of its trace, or dashes."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id() or "-"
        record.trace_id = current_trace_id() or "-"
        return True


class NotATick(logging.Filter):
    """Drops the timetable's line for every task that it sends: one every few seconds, for ever."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Scheduler: Sending due task")


class RefusalInOneLine(logging.Filter):
    """Takes the stack from a refusal's line: we raised it on purpose, and a caller can ask for any number of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 500)
        if record.name == "django.request" and status < 500:  # noqa: PLR2004
            record.exc_info = None
        return True


class JsonLine(OrjsonFormatter):
    """`{"at": ..., "level": ..., "logger": ..., "message": ..., "request_id": ..., "trace_id": ...}`."""

    def __init__(self) -> None:
        fields = ["levelname", "name", "message", "process", "request_id", "trace_id"]
        names = {"levelname": "level", "name": "logger"}
        super().__init__(fields, rename_fields=names, timestamp="at")

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging's name
        """Where it happened and what kind of exception; its words may quote a row, and stay out."""
        kind, _problem, frames = ei
        return f"{''.join(traceback.format_tb(frames))}{getattr(kind, '__qualname__', kind)}"
