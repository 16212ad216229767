"""Waking a worker for rows that are there already: a hint that may be lost."""

import logging
from functools import partial
from typing import Any
from uuid import UUID

import redis
from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from portal.outbox.pokes import valkey

logger = logging.getLogger(__name__)

_PREFIX = "portal:waking:"
# A wake-up that was lost is believed in for no longer than this.
_BELIEVED_SECONDS = 5


def wake(task: str, **arguments: Any) -> None:
    """Send the task by name. A broker that is away is noted and forgiven: the timetable finds the row."""
    try:
        current_app.send_task(task, kwargs=arguments, expires=60)
    except (OperationalError, OSError) as problem:
        logger.warning("wake-up lost", extra={"task": task, "problem": type(problem).__name__})


def wake_for_bank_after_commit(task: str, *, bank_id: UUID) -> None:
    """`wake` with the bank once the open transaction is committed, unless one is on its way.

    A task that has not begun will see what is committed now; it says `awake` before it looks.
    """
    transaction.on_commit(partial(_wake_unless_waking, task, str(bank_id)))


def awake(task: str, *, bank_id: UUID) -> None:
    """The task begins: what is committed from now on wakes another."""
    try:
        valkey().delete(f"{_PREFIX}{task}:{bank_id}")
    except (redis.RedisError, OSError) as problem:
        logger.warning("not awake", extra={"task": task, "problem": type(problem).__name__})


def _wake_unless_waking(task: str, bank_id: str) -> None:
    try:
        name = f"{_PREFIX}{task}:{bank_id}"
        is_first = valkey().set(name, "1", nx=True, ex=_BELIEVED_SECONDS)
    except (redis.RedisError, OSError):
        is_first = True
    if is_first:
        wake(task, bank_id=bank_id)


def wake_after_commit(task: str, **arguments: Any) -> None:
    """`wake` once the open transaction is committed; never when it is rolled back."""
    transaction.on_commit(partial(wake, task, **arguments))
