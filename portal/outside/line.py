"""The one way out to addresses that somebody else gave us: one POST, and the status that came back.

A name is resolved once, and the connection goes to the address that was looked at; no redirect is
followed, no proxy used, nothing of the answer kept but its status. HTTP/1.1 by h11, so that connecting
comes before anything is read for the receiver, and sending right after.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import SplitResult, urlsplit

import h11
import httpx
from django.conf import settings

from portal.outside.addresses import Address, as_address, is_allowed, is_own_name, why_not_url

_CHUNK = 16 * 1024
_CONNECT_SECONDS = 5
_MOST_ADDRESSES = 4
_PORTS = {"https": 443, "http": 80}


class LineFailure(Exception):  # what happened, for the log of attempts
    """Nothing came back that says whether it was taken."""


class NotAllowed(LineFailure):
    """The address is one that we never call; nothing was sent."""


class Unreachable(LineFailure):
    """No such name, no connection, or one that broke."""


@dataclass(frozen=True)
class Answer:
    """What the receiver said; `retry_after` in seconds, where it asked for patience."""

    status: int
    retry_after: int | None = None


class Line:
    """An open connection to one endpoint."""

    def __init__(
        self, target: SplitResult, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._target = target
        self._reader = reader
        self._writer = writer
        self._http = h11.Connection(h11.CLIENT)

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send it, and wait for the status alone. Raises Unreachable."""
        request = h11.Request(
            method="POST",
            target=self._path(),
            headers=[
                ("Host", self._target.netloc),
                ("Connection", "close"),
                ("Content-Length", str(len(body))),
                *headers.items(),
            ],
        )
        try:
            for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                self._writer.write(self._http.send(event) or b"")
            await self._writer.drain()
            return await self._answer()
        except (OSError, h11.ProtocolError) as problem:
            raise Unreachable from problem

    def _path(self) -> str:
        query = f"?{self._target.query}" if self._target.query else ""
        return (self._target.path or "/") + query

    async def _answer(self) -> Answer:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                return Answer(event.status_code, _retry_after(event))
            elif not isinstance(event, h11.InformationalResponse):
                raise Unreachable


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Line]:
    """A connection to where `url` leads, if we may go there. Raises NotAllowed, Unreachable."""
    if why_not_url(url, loopback=settings.CALLS_TO_LOOPBACK):
        raise NotAllowed
    target = urlsplit(url)
    host, port = target.hostname or "", target.port or _PORTS[target.scheme]
    tls = _trust() if target.scheme == "https" else None
    reader, writer = await _opened(await _resolved(host, port), host, port, tls)
    try:
        yield Line(target, reader, writer)
    finally:
        # Not closed politely: a receiver that takes its time over that would have ours.
        writer.transport.abort()


async def _opened(
    addresses: Sequence[Address], host: str, port: int, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """To the first of these addresses that takes a connection. Raises Unreachable."""
    for address in addresses:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_CONNECT_SECONDS):
                return await asyncio.open_connection(
                    str(address), port, ssl=tls, server_hostname=host if tls else None
                )
    raise Unreachable


async def _resolved(host: str, port: int) -> list[Address]:
    """Where the name leads, asked once. Raises NotAllowed where any of it is no address for us."""
    if settings.CALLS_TO_LOOPBACK and is_own_name(host) and as_address(host) is None:
        # Python does not resolve *.localhost.
        host = "127.0.0.1"
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        raise Unreachable from problem
    addresses = [as_address(str(each[4][0])) for each in found]
    loopback = settings.CALLS_TO_LOOPBACK
    allowed = [
        each for each in addresses if each is not None and is_allowed(each, loopback=loopback)
    ]
    if not allowed or len(allowed) < len(addresses):
        raise NotAllowed
    return allowed[:_MOST_ADDRESSES]


@lru_cache(maxsize=1)
def _trust() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _retry_after(event: h11.Response) -> int | None:
    for name, value in event.headers:
        if name == b"retry-after" and value.isdigit():
            return int(value)
    return None
