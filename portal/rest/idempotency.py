"""Writes that may come again: the same key and body give the same answer, done once.

An advisory lock makes a second caller of the same key a 409 at once instead of a wait; the record is
stored in the action's own transaction, so a refusal leaves nothing.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from portal.rest.models import ClientIdempotencyRecord, IdempotencyRecord
from portal.rest.problems import Conflict, Invalid, Problem

KEPT = timedelta(hours=24)
_KEY = re.compile(r"[\x21-\x7e]{8,128}")


class KeyInFlight(Conflict):
    slug = "idempotency-in-flight"
    title = "A request with this Idempotency-Key is being carried out"


class KeyReused(Problem):
    slug = "idempotency-key-reused"
    title = "This Idempotency-Key was used with another body"
    status = 422


@dataclass(frozen=True)
class IdempotencyScope:
    """What makes two requests the same: who, which method and route, and the caller's key."""

    principal: str
    method: str
    route: str
    key: str

    @property
    def digest(self) -> str:
        return _digest([self.principal, self.method, self.route, self.key])


@dataclass(frozen=True)
class Done:
    """What a write leaves: its status, and the ids from which its answer can be rendered again."""

    status: int
    result: Mapping[str, Any]
    replayed: bool = False


def scope_of(request: Any, *, principal: str) -> IdempotencyScope:
    """The scope of a request. Raises Invalid where the Idempotency-Key header is missing or odd."""
    key = request.headers.get("Idempotency-Key", "")
    if not _KEY.fullmatch(key):
        raise Invalid(
            "Idempotency-Key is a header of 8 to 128 visible ASCII characters",
            errors=[
                {"pointer": "#/headers/Idempotency-Key", "detail": "Missing or not of that form."}
            ],
        )
    return IdempotencyScope(principal, request.method, request.path, key)


def once(
    scope: IdempotencyScope,
    body: Any,
    *,
    at: datetime,
    act: Callable[[], Done],
    records: type[IdempotencyRecord] | type[ClientIdempotencyRecord] = IdempotencyRecord,
) -> Done:
    """Do `act` once for `scope`, in the open transaction; a repeat gives what was stored.

    `records` is where that is kept: with the bank that is served, or with client programs.
    Raises KeyInFlight (409) while another does it, KeyReused (422) for another body.
    """
    if not _try_lock(scope):
        raise KeyInFlight
    body_digest = _digest(body)
    found = records.objects.filter(scope_digest=scope.digest, created_at__gt=at - KEPT).first()
    if found is not None:
        if found.body_digest != body_digest:
            raise KeyReused
        return Done(found.status, found.result, replayed=True)
    done = act()
    records.objects.filter(scope_digest=scope.digest).delete()
    records.objects.create(
        scope_digest=scope.digest,
        body_digest=body_digest,
        status=done.status,
        result=dict(done.result),
        created_at=at,
    )
    return done


def _try_lock(scope: IdempotencyScope) -> bool:
    number = int.from_bytes(bytes.fromhex(scope.digest)[:8], "big", signed=True)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [number])
        row = cursor.fetchone()
    return bool(row[0])


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()
