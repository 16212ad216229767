"""Django's cache in Valkey, which may vanish at any time and must cost nobody their sign-in."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import redis
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache

logger = logging.getLogger(__name__)

_UNREACHABLE = (redis.ConnectionError, redis.TimeoutError, OSError)


def _or_here(name: str) -> Callable[..., Any]:
    """The operation in Valkey; while that does not answer, in this process."""

    def operation(self: "ValkeyCache", *given: Any, **named: Any) -> Any:
        try:
            return getattr(RedisCache, name)(self, *given, **named)
        except _UNREACHABLE as problem:
            logger.warning(
                "the cache is kept in this process", extra={"problem": type(problem).__name__}
            )
            return getattr(self.here, name)(*given, **named)

    return operation


class ValkeyCache(RedisCache):
    """Valkey where it answers, else the memory of this process.

    What is counted there (wrong passwords, codes that were used) still counts, though only as far as
    one process sees.
    """

    def __init__(self, server: str, params: Mapping[str, Any]) -> None:
        super().__init__(server, dict(params))
        self.here = LocMemCache("while Valkey is away", dict(params) | {"OPTIONS": {}})

    add = _or_here("add")
    get = _or_here("get")
    set = _or_here("set")
    touch = _or_here("touch")
    delete = _or_here("delete")
    get_many = _or_here("get_many")
    has_key = _or_here("has_key")
    incr = _or_here("incr")
    set_many = _or_here("set_many")
    delete_many = _or_here("delete_many")
    clear = _or_here("clear")
