"""Soft limits, counted in Valkey: they slow a flood, and forgive everything while Valkey is away."""

import logging

import redis
from django.conf import settings

from portal.outbox.pokes import valkey
from portal.rest.problems import TooMany

logger = logging.getLogger(__name__)

_PREFIX = "portal:limit:"


def require_within(name: str, *, at_most: int, seconds: int) -> None:
    """Count one more of `name`. Raises TooMany past `at_most` in a window of `seconds`."""
    key = _PREFIX + name
    try:
        with valkey().pipeline(transaction=False) as pipe:
            pipe.incr(key)
            pipe.expire(key, seconds, nx=True)
            pipe.ttl(key)
            count, _set, left = pipe.execute()
    except (redis.RedisError, OSError) as problem:
        logger.warning("limit not counted", extra={"problem": type(problem).__name__})
        return
    if count > at_most * settings.LIMIT_FACTOR:
        raise TooMany("Slow down a little.", retry_after=left if left > 0 else seconds)
