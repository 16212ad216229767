"""Reading what callers send: bounded, and never trusted."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

SMALL = 64 * 1024
LARGE = 16 * 1024 * 1024
_MOST_FIELDS = 200


class BodyRefused(ValueError):
    """The body cannot be used. `status` is 400, 413 or 415."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


async def read_body(request: Request, *, limit: int = SMALL) -> bytes:
    """At most `limit` bytes; raises BodyRefused(413)."""
    gathered = bytearray()
    async for chunk in request.stream():
        gathered += chunk
        if len(gathered) > limit:
            raise BodyRefused(413, f"the body is longer than {limit} bytes")
    return bytes(gathered)


def media_type(request: Request) -> str:
    """The body's media type without its parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_json(request: Request, *, limit: int = SMALL, empty: bool = False) -> Any:
    """Any JSON value; an empty body is `{}` where that is allowed. Raises BodyRefused."""
    body = await read_body(request, limit=limit)
    if empty and not body.strip():
        return {}
    if media_type(request) != "application/json":
        raise BodyRefused(415, "the body must be application/json")
    try:
        value = json.loads(body, parse_constant=_no_constant)
        _check_storable(json.dumps(value, ensure_ascii=False))
    except (ValueError, RecursionError) as problem:
        raise BodyRefused(400, "the body is not JSON") from problem
    return value


def _check_storable(text: str) -> None:
    """Refuse what no database text can hold: NUL and lone surrogates."""
    text.encode()
    if "\0" in text or "\\u0000" in text:
        raise ValueError("NUL")


def _no_constant(name: str) -> None:
    raise ValueError(name)


async def read_form(request: Request) -> list[tuple[str, str]]:
    """The fields of an urlencoded form, in order; raises BodyRefused."""
    body = await read_body(request)
    if body and media_type(request) != "application/x-www-form-urlencoded":
        raise BodyRefused(415, "the body must be application/x-www-form-urlencoded")
    try:
        fields = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            max_num_fields=_MOST_FIELDS,
            errors="strict",
        )
        _check_storable("".join(name + value for name, value in fields))
    except ValueError as problem:
        raise BodyRefused(400, "the form is malformed") from problem
    return fields


def single(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Fields by name; a repeated one is refused (RFC 6749, section 3.2)."""
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise BodyRefused(400, "a field is repeated")
    return dict(fields)
