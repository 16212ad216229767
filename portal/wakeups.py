"""Waking a worker for rows that are there already: a hint that may be lost."""

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def wake(task: str, **arguments: Any) -> None:
    """Send the task by name. A broker that is away is noted and forgiven: the timetable finds the row."""
    try:
        current_app.send_task(task, kwargs=arguments, expires=60)
    except (OperationalError, OSError) as problem:
        logger.warning("wake-up lost", extra={"task": task, "problem": type(problem).__name__})


def wake_after_commit(task: str, **arguments: Any) -> None:
    """`wake` once the open transaction is committed; never when it is rolled back."""
    transaction.on_commit(partial(wake, task, **arguments))
