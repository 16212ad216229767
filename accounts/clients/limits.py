"""How often a client may ask: counted in Valkey, said in every answer, forgiven while Valkey is away.

The headers are those of draft-ietf-httpapi-ratelimit-headers: `RateLimit-Policy` and `RateLimit`.
"""

import logging
from dataclasses import dataclass
from typing import Any

import redis
from django.conf import settings
from django.http import HttpResponseBase
from rest_framework.request import Request

from portal.outbox.pokes import valkey
from portal.rest.problems import TooMany
from portal.rest.views import Door

logger = logging.getLogger(__name__)

REQUESTS, SECONDS = 600, 60
_PREFIX = "portal:rate:"


@dataclass(frozen=True)
class Standing:
    """What is left of the window, and when (in seconds) the next begins."""

    quota: int
    remaining: int
    resets_in: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Policy": f'"client";q={self.quota};w={SECONDS}',
            "RateLimit": f'"client";r={self.remaining};t={self.resets_in}',
        }


def count_request(principal: str, *, at_most: int = REQUESTS) -> Standing:
    """Count one more request of the principal. Raises TooMany past the window's quota."""
    quota = at_most * settings.LIMIT_FACTOR
    try:
        count, left = _counted(_PREFIX + principal)
    except (redis.RedisError, OSError) as problem:
        logger.warning("rate not counted", extra={"problem": type(problem).__name__})
        return Standing(quota, quota, SECONDS)
    standing = Standing(quota, max(0, quota - count), left)
    if count > quota:
        refusal = TooMany("The quota of this minute is used up.", retry_after=left)
        refusal.headers |= standing.headers
        raise refusal
    return standing


def _counted(key: str) -> tuple[int, int]:
    with valkey().pipeline(transaction=False) as pipe:
        pipe.incr(key)
        pipe.expire(key, SECONDS, nx=True)
        pipe.ttl(key)
        count, _set, left = pipe.execute()
    return int(count), max(1, int(left))


class CountedDoor(Door):
    """A door whose callers are counted; how they stand is said in every answer."""

    _standing: Standing | None = None

    def check_throttles(self, request: Request) -> None:
        caller: Any = request.auth
        self._standing = count_request(caller.name)

    def finalize_response(
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> Any:
        answered = super().finalize_response(request, response, *args, **kwargs)
        if self._standing is not None:
            for name, value in self._standing.headers.items():
                answered.headers.setdefault(name, value)
        return answered
