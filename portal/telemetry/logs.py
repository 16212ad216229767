"""What a log line carries, and which lines say nothing."""

import logging

from portal.middleware import current_request_id


class WithRequestId(logging.Filter):
    """Gives each line the id of the request being served, or a dash."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current_request_id() or "-"
        return True


class NotATick(logging.Filter):
    """Drops the timetable's line for every task that it sends: one every few seconds, for ever."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("Scheduler: Sending due task")
