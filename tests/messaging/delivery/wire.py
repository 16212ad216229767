"""A WebSocket client that may say anything: RFC 6455 by hand, over a plain socket."""

import os
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Any

import orjson
from django.conf import settings

from tests.factories.messaging import CHAT_HOST

PATIENCE = 8.0
_DEFLATE = "permessage-deflate; client_max_window_bits"


class Op(IntEnum):
    CONT = 0
    TEXT = 1
    BINARY = 2
    RESERVED_DATA = 3
    CLOSE = 8
    PING = 9
    PONG = 10
    RESERVED_CONTROL = 11


@dataclass(frozen=True)
class Frame:
    op: int
    payload: bytes


class Wire:
    """One connection after its handshake. What the server sent is read frame by frame."""

    def __init__(self, raw: socket.socket, head: bytes, rest: bytes) -> None:
        self.raw = raw
        self.head = head
        self._rest = rest
        self._unpacker = zlib.decompressobj(-12)

    # --- what we say --------------------------------------------------------------------------
    def send(
        self, op: int, payload: bytes = b"", *, fin: bool = True, rsv: int = 0, masked: bool = True
    ) -> None:
        self.raw.sendall(frame_bytes(op, payload, fin=fin, rsv=rsv, masked=masked))

    def say(self, name: str, **fields: Any) -> None:
        self.send(Op.TEXT, orjson.dumps({"t": name, **fields}))

    def in_parts(self, payload: bytes, *cuts: int, op: int = Op.TEXT) -> None:
        """One message, cut at those places."""
        places = [0, *cuts, len(payload)]
        parts = [payload[a:b] for a, b in pairwise(places)]
        for number, part in enumerate(parts):
            self.send(op if number == 0 else Op.CONT, part, fin=number == len(parts) - 1)

    def hello(self) -> None:
        self.say("hello", client="wire/1")
        assert self.told()["t"] == "ready"

    # --- what we are told ---------------------------------------------------------------------
    def next(self) -> Frame | None:
        """The next frame; None where the connection has ended."""
        head = self._read(2)
        if head is None:
            return None
        length = head[1] & 0x7F
        if length > 125:
            size = 2 if length == 126 else 8
            more = self._read(size) or b""
            length = int.from_bytes(more, "big")
        assert not head[1] & 0x80, "a server masks nothing"
        payload = self._read(length) if length else b""
        if payload is not None and head[0] & 0x40:
            payload = self._unpacker.decompress(payload + b"\x00\x00\xff\xff")
        return None if payload is None else Frame(head[0] & 0x0F, payload)

    def told(self) -> dict[str, Any]:
        """The next text, passing over what is not."""
        while True:
            found = self.next()
            assert found is not None, "the connection has ended"
            assert found.op != Op.CLOSE, found
            if found.op == Op.TEXT:
                said: dict[str, Any] = orjson.loads(found.payload)
                return said

    def numbered(self) -> dict[str, Any]:
        """The next event of a stream: a beat may come between any two, as where another test has Valkey hang up."""
        while "seq" not in (said := self.told()):
            pass
        return said

    def close_code(self) -> int | None:
        """Read on to the end, and say yes to the server's close; its code, None where it gave none."""
        code = None
        while (found := self.next()) is not None:
            if found.op == Op.CLOSE:
                code = int.from_bytes(found.payload[:2], "big")
                with suppress(OSError):
                    self.send(Op.CLOSE, found.payload[:2])
        return code

    def _read(self, count: int) -> bytes | None:
        while len(self._rest) < count:
            try:
                more = self.raw.recv(65536)
            except ConnectionResetError:
                more = b""
            if not more:
                return None
            self._rest += more
        found, self._rest = self._rest[:count], self._rest[count:]
        return found


def frame_bytes(
    op: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    masked: bool = True,
    claims: int | None = None,
) -> bytes:
    """A frame as it goes over the wire; `claims` is the length that its head speaks of."""
    length = len(payload) if claims is None else claims
    mask_bit = 0x80 if masked else 0
    head = bytes([(0x80 if fin else 0) | rsv << 4 | op])
    if length < 126:
        head += bytes([mask_bit | length])
    elif length < 1 << 16:
        head += bytes([mask_bit | 126]) + struct.pack("!H", length)
    else:
        head += bytes([mask_bit | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    mask = os.urandom(4)
    times = -(-len(payload) // 4)
    hidden = bytes(a ^ b for a, b in zip(payload, mask * times, strict=False))
    return head + mask + hidden


def deflated(payload: bytes) -> bytes:
    """As permessage-deflate wants it (RFC 7692, section 7.2.1)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -12)
    return (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def handshake(port: int, ticket: str, *, deflate: bool = False, **headers: str | None) -> Wire:
    """Open a connection, and read to the end of the answer's head. A header of None is left out."""
    raw = socket.create_connection(("127.0.0.1", port), PATIENCE)
    given: dict[str, str | None] = {
        "Host": f"{CHAT_HOST}:{port}",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": f"portal.v1.json, portal.t.{ticket}",
        "Sec-WebSocket-Extensions": _DEFLATE if deflate else None,
        "Origin": settings.CHAT_ORIGIN,
    }
    given |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{name}: {value}" for name, value in given.items() if value is not None]
    raw.sendall("\r\n".join(["GET /v1/ws HTTP/1.1", *lines, "", ""]).encode())
    answered = b""
    while b"\r\n\r\n" not in answered and (more := raw.recv(4096)):
        answered += more
    head, _gap, rest = answered.partition(b"\r\n\r\n")
    return Wire(raw, head, rest)


@contextmanager
def wired(port: int, ticket: str, *, deflate: bool = False) -> Iterator[Wire]:
    """A connection that has greeted."""
    wire = handshake(port, ticket, deflate=deflate)
    try:
        assert wire.head.startswith(b"HTTP/1.1 101 "), wire.head
        wire.hello()
        yield wire
    finally:
        wire.raw.close()
