"""The socket's frames: what a client may say, and what we say (docs/asyncapi.yaml)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import orjson

LARGEST_FRAME = 16 * 1024
_LONGEST_STREAM = 100
_LONGEST_TICKET = 100
_LONGEST_CLIENT = 100
_HIGHEST_SEQ = 2**53 - 1


class Close(IntEnum):
    """40xx: stop. 41xx: back off. 42xx: come back at once with a new ticket."""

    AUTH_FAILED = 4001
    SESSION_ENDED = 4002
    BAD_ORIGIN = 4003
    BAD_FRAMES = 4008
    FRAME_TOO_LARGE = 4009
    RATE_LIMITED = 4101
    SLOW_CONSUMER = 4102
    DRAIN = 4200
    TICKET_EXPIRED = 4201


class BadFrame(ValueError):
    """What came is not a frame of the protocol; its text is for the client's programmer."""


@dataclass(frozen=True)
class Hello:
    client: str


@dataclass(frozen=True)
class Sub:
    stream: str
    seq: int
    epoch: str | None
    consent: str | None


@dataclass(frozen=True)
class Unsub:
    stream: str


@dataclass(frozen=True)
class Ack:
    stream: str
    delivered: int
    read: int


@dataclass(frozen=True)
class Typing:
    stream: str


@dataclass(frozen=True)
class Auth:
    ticket: str


@dataclass(frozen=True)
class Ping:
    pass


Frame = Hello | Sub | Unsub | Ack | Typing | Auth | Ping
Said = Mapping[str, Any]


def read_frame(text: str) -> Frame:
    """The client's frame. Raises BadFrame for anything that the protocol does not know."""
    try:
        said = orjson.loads(text)
    except orjson.JSONDecodeError as reason:
        raise BadFrame("not JSON") from reason
    if not isinstance(said, dict):
        raise BadFrame("not an object")
    name = said.get("t")
    known = _READERS.get(name) if isinstance(name, str) else None
    if known is None:
        raise BadFrame("t names no frame that a client sends")
    allowed, read = known
    if not said.keys() <= allowed:
        raise BadFrame("an unknown field")
    return read(said)


def _text(said: Said, name: str, longest: int) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= longest or "\x00" in value:
        raise BadFrame(f"{name} is a text of 1 to {longest} characters")
    return value


def _seq(said: Said, name: str) -> int:
    value = said.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _HIGHEST_SEQ:
        raise BadFrame(f"{name} is a whole number from 0")
    return value


def _hello(said: Said) -> Hello:
    if said.get("resume") is not None:
        _text(said, "resume", _LONGEST_TICKET)
    return Hello(_text(said, "client", _LONGEST_CLIENT))


def _sub(said: Said) -> Sub:
    epoch = None if said.get("epoch") is None else _text(said, "epoch", _LONGEST_STREAM)
    consent = None
    if said.get("consent") is not None:
        consent = _text(said, "consent", _LONGEST_STREAM)
    return Sub(_text(said, "stream", _LONGEST_STREAM), _seq(said, "seq"), epoch, consent)


def _unsub(said: Said) -> Unsub:
    return Unsub(_text(said, "stream", _LONGEST_STREAM))


def _ack(said: Said) -> Ack:
    return Ack(_text(said, "stream", _LONGEST_STREAM), _seq(said, "delivered"), _seq(said, "read"))


def _typing(said: Said) -> Typing:
    return Typing(_text(said, "stream", _LONGEST_STREAM))


def _auth(said: Said) -> Auth:
    return Auth(_text(said, "ticket", _LONGEST_TICKET))


def _ping(_said: Said) -> Ping:
    return Ping()


_READERS: dict[str, tuple[set[str], Callable[[Said], Frame]]] = {
    "hello": ({"t", "client", "resume"}, _hello),
    "sub": ({"t", "stream", "seq", "epoch", "consent"}, _sub),
    "unsub": ({"t", "stream"}, _unsub),
    "ack": ({"t", "stream", "delivered", "read"}, _ack),
    "typing": ({"t", "stream"}, _typing),
    "auth": ({"t", "ticket"}, _auth),
    "ping": ({"t"}, _ping),
}


def frame(name: str, **said: Any) -> bytes:
    """A frame of ours: a text, in UTF-8."""
    return orjson.dumps({"t": name, **said})


def error(
    code: str, detail: str, *, temporary: bool = False, retry_after: float | None = None
) -> bytes:
    """An `err` frame. `temporary` says that the same may succeed later, `retry_after` (seconds) when."""
    later = {} if retry_after is None else {"retry_after": retry_after}
    return frame("err", code=code, detail=detail, temporary=temporary, **later)
