"""Reading what a bank answered without trusting any of it: whatever is wrong is a BadAnswer."""

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import NoReturn, Self, TypeVar
from zoneinfo import ZoneInfo

from partners.connectors.base import (
    MAX_BODY_BYTES,
    MAX_ROWS,
    NO_WORDS,
    BadAnswer,
    RateLimited,
    Response,
    TemporarilyUnavailable,
)
from partners.connectors.dates import BankDay, read_day, read_instant

MAX_DEPTH = 32
# Where a standard sets no limit, as the Berlin Group's does not: what we have room for.
LONGEST_ACCOUNT_ID = 128
REFUSED = range(400, 500)
_DONE = range(200, 300)
_BROKEN = range(500, 600)
_NOT_NOW = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY})
LONGEST_WAIT = timedelta(days=1)
_YEARS = range(1970, 2200)
_LEFT = re.compile(r";\s*r=([0-9]{1,9})\b")
_RESET = re.compile(r";\s*t=([0-9]{1,7})\b")
# Seconds since 1970 have ten digits; so many to wait has nobody.
_MOST_DIGITS = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CODE = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
# Categories that a page must not print: controls, half characters, private ones.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co"})
# Marks that make text read in another order than it is written.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    """An object in an answer, and the path to it, for saying where something is wrong."""

    members: Mapping[str, object]
    path: str = ""

    def _named(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name

    def wrong(self, name: str, reason: str) -> NoReturn:
        raise BadAnswer(reason, self._named(name))

    def has(self, name: str) -> bool:
        return self.members.get(name) is not None

    def node(self, name: str) -> Self:
        value = self.members.get(name)
        if not isinstance(value, dict):
            self.wrong(name, "not an object")
        return type(self)(value, self._named(name))

    def optional_node(self, name: str) -> Self:
        """The object of that name; empty where there is none, or something else."""
        value = self.members.get(name)
        return type(self)(value if isinstance(value, dict) else {}, self._named(name))

    def rows(self, name: str) -> list[object]:
        """The list of that name, empty when absent (the standard leaves empty lists out)."""
        value = self.members.get(name, [])
        if not isinstance(value, list):
            self.wrong(name, "not a list")
        if len(value) > MAX_ROWS:
            self.wrong(name, "more rows than a page may hold")
        return value

    def required_rows(self, name: str) -> list[object]:
        """The list of that name, which must be there even when it is empty."""
        if name not in self.members:
            self.wrong(name, "missing")
        return self.rows(name)

    def string(self, name: str, *, limit: int = 64) -> str:
        value = self.members.get(name)
        if not isinstance(value, str):
            self.wrong(name, "not a string")
        if not 0 < len(value) <= limit:
            self.wrong(name, "empty, or too long")
        return value

    def identity(self, name: str, *, limit: int) -> str:
        """A string that we keep and send back: printable, whole, and no step in a path."""
        value = self.string(name, limit=limit)
        if not value.isprintable() or value != value.strip() or value in {".", ".."}:
            self.wrong(name, "not printable as an identity")
        return value

    def word(self, name: str, meanings: Mapping[str, T]) -> T:
        value = self.string(name)
        if value not in meanings:
            self.wrong(name, "not a word of the standard")
        return meanings[value]

    def day(self, name: str, zone: ZoneInfo) -> BankDay:
        try:
            return read_day(self.string(name), zone)
        except BadAnswer as bad:
            self.wrong(name, bad.reason)

    def instant(self, name: str, zone: ZoneInfo) -> datetime:
        try:
            return read_instant(self.string(name), zone)
        except BadAnswer as bad:
            self.wrong(name, bad.reason)

    def text(self, name: str, *, limit: int) -> str | None:
        """Text for people, made fit to show and cut at `limit`; None when absent or not text."""
        value = self.members.get(name)
        return (clean(value, limit=limit) or None) if isinstance(value, str) else None


def read_json(response: Response) -> Node:
    """The answer's one JSON object; numbers with a point stay decimal."""
    if len(response.body) > MAX_BODY_BYTES:
        raise BadAnswer("larger than an answer may be")
    value = _parsed(response.body)
    if not isinstance(value, dict):
        raise BadAnswer("not a JSON object")
    _refuse_depth(value)
    return Node(value)


def _parsed(body: bytes) -> object:
    try:
        return json.loads(
            body.decode("utf-8-sig"),
            parse_float=_decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unambiguous,
        )
    except (ValueError, RecursionError):
        raise BadAnswer("not JSON") from None


def _decimal(literal: str) -> Decimal:
    try:
        return Decimal(literal)
    except InvalidOperation:
        raise ValueError from None


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError


def _unambiguous(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _refuse_depth(value: object) -> None:
    level: list[object] = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _containers(outer)]
        if not level:
            return
    raise BadAnswer("nested too deeply")


def _containers(value: object) -> list[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list):
        return []
    return [inner for inner in value if isinstance(inner, dict | list)]


def clean(text: str, *, limit: int) -> str:
    """Text on one line without controls or marks that reorder it, cut at `limit` characters."""
    # Spaces last: what goes may have stood between two of them.
    kept = "".join(mark for mark in text[: limit * 4] if mark.isspace() or _is_shown(mark))
    return " ".join(kept.split())[:limit].strip()


def _is_shown(mark: str) -> bool:
    return mark not in _REORDERING and unicodedata.category(mark) not in _UNPRINTABLE


def raise_for_trouble(response: Response) -> None:
    """The failures that mean the same in every protocol: too often, not now, go elsewhere."""
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        raise RateLimited(retry_after(response))
    if response.status in _NOT_NOW or response.status in _BROKEN:
        raise TemporarilyUnavailable(retry_after(response))
    if response.status not in _DONE and response.status not in REFUSED:
        raise BadAnswer("a status that answers nothing")


def retry_after(response: Response) -> timedelta | None:
    """How long to wait (RFC 9110, 10.2.3), at most a day; a date is read by the bank's clock.

    Where the bank says that not, when its count of our calls begins anew says it.
    """
    written = response.header("retry-after").strip()
    if written.isascii() and written.isdigit():
        return _at_most_a_day(written)
    try:
        until = parsedate_to_datetime(written)
        wait = until - parsedate_to_datetime(response.header("date"))
    except (ValueError, TypeError, OverflowError):
        return _reset(response)
    return max(timedelta(), min(wait, LONGEST_WAIT))


def until_tomorrow(response: Response, zone: ZoneInfo) -> timedelta | None:
    """How long until the bank's next day begins, by its own clock; None where it does not say what time it is."""
    at = said_at(response)
    if at is None:
        return None
    tomorrow = at.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time(), zone).astimezone(UTC) - at


def _at_most_a_day(seconds: str) -> timedelta:
    return min(timedelta(seconds=int(seconds[:7])), LONGEST_WAIT)


def _reset(response: Response) -> timedelta | None:
    """`RateLimit: "default";r=0;t=30`, or in the older words `RateLimit-Reset: 30`, which some write as a moment."""
    told = _RESET.search(response.header("ratelimit"))
    if told is not None:
        return _at_most_a_day(told[1])
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        written = response.header(name).strip()
        if not (written.isascii() and written.isdigit()) or len(written) > _MOST_DIGITS:
            continue
        if len(written) < _MOST_DIGITS:
            return _at_most_a_day(written)
        at = said_at(response)
        if at is not None:
            wait = timedelta(seconds=int(written)) - (at - _EPOCH)
            return max(timedelta(), min(wait, LONGEST_WAIT))
    return None


@dataclass(frozen=True, slots=True)
class CallsLeft:
    """How many more calls of its kind the bank takes, and in how long its count begins anew."""

    left: int
    resets_in: timedelta | None


def calls_left(response: Response) -> CallsLeft | None:
    """What an answer says of it: `RateLimit: "default";r=5;t=30`, or the older words; None where it says nothing."""
    told = _LEFT.search(response.header("ratelimit"))
    written = told[1] if told else ""
    for name in ("ratelimit-remaining", "x-ratelimit-remaining"):
        written = written or response.header(name).strip()
    if not (written.isascii() and written.isdigit()) or len(written) > _MOST_DIGITS:
        return None
    return CallsLeft(int(written), _reset(response))


def said_at(response: Response) -> datetime | None:
    """The bank's own clock as it answered (RFC 9110, 6.6.1)."""
    try:
        said = parsedate_to_datetime(response.header("date"))
        return said.astimezone(UTC) if said.tzinfo and said.year in _YEARS else None
    except (ValueError, TypeError, OverflowError):
        return None


def refusal_code(value: object, status: int) -> str:
    """A bank's own error code if it looks like one, else the status: it goes into logs."""
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    return f"{NO_WORDS}{status}"
