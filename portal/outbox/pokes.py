"""Pokes: "read the log", told over Valkey to whoever listens now. Lost ones cost latency alone."""

import logging
import os
from functools import lru_cache, partial

import redis
from django.conf import settings
from django.db import transaction

logger = logging.getLogger(__name__)

CHANNEL_PREFIX = "portal:"
_PATIENCE_SECONDS = 1


@lru_cache(maxsize=4)
def _kept_connection(_process: int) -> redis.Redis:
    # By process: a connection must not be shared over a fork.
    return redis.Redis.from_url(
        settings.VALKEY_URL,
        socket_timeout=_PATIENCE_SECONDS,
        socket_connect_timeout=_PATIENCE_SECONDS,
    )


def valkey() -> redis.Redis:
    """This process's connection pool to Valkey."""
    return _kept_connection(os.getpid())


def poke(channel: str, text: str) -> None:
    """Say `text` on `channel` now. Valkey being away is noted and forgiven."""
    try:
        valkey().publish(CHANNEL_PREFIX + channel, text)
    except (redis.RedisError, OSError) as problem:
        logger.warning("poke lost", extra={"channel": channel, "problem": type(problem).__name__})


def poke_after_commit(channel: str, text: str) -> None:
    """`poke` once the open transaction is committed; never when it is rolled back."""
    transaction.on_commit(partial(poke, channel, text))
