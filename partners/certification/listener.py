"""A door on the loopback: the customer's browser comes back through it, and the bank's events arrive."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

RETURN_PATH = "/callback"
EVENTS_PATH = "/event-notifications"
MAX_EVENT_BYTES = 64 * 1024
_LOOK_SECONDS = 0.05
_THANKS = (
    "<!doctype html><meta charset=utf-8><title>Back from the bank</title><meta name=color-scheme "
    'content="light dark"><p style="font:1.1rem system-ui;margin:3rem auto;max-width:32rem">'
    "You are back from the bank. The check goes on in the terminal; this window may be closed.</p>"
)
T = TypeVar("T")


@dataclass(frozen=True)
class Arrival:
    """An event as it came in, and what we answered."""

    at: float
    headers: dict[str, str]
    body: bytes
    answered: int


@dataclass
class Listener:
    """What came in so far. `refuse` says how many events are yet to be refused."""

    host: str
    port: int
    arrivals: list[Arrival] = field(default_factory=list)
    returned: dict[str, str] | None = None
    refuse: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def return_url(self) -> str:
        return f"{self.origin}{RETURN_PATH}"

    @property
    def events_url(self) -> str:
        return f"{self.origin}{EVENTS_PATH}"

    def came_back(self, query: str) -> None:
        with self._changed:
            self.returned = {name: values[-1] for name, values in parse_qs(query).items()}
            self._changed.notify_all()

    def arrived(self, headers: dict[str, str], body: bytes) -> int:
        with self._changed:
            refused = self.refuse > 0
            self.refuse -= refused
            status = HTTPStatus.SERVICE_UNAVAILABLE if refused else HTTPStatus.ACCEPTED
            self.arrivals.append(Arrival(time.monotonic(), headers, body, status))
            self._changed.notify_all()
            return status

    def wait_for_return(self, seconds: float) -> dict[str, str] | None:
        returned = self.wait_until(lambda: self.returned, seconds)
        self.returned = None
        return returned

    def wait_until(self, found: Callable[[], T | None], seconds: float) -> T | None:
        """What `found` gives once it gives something; None when the time is over."""
        until = time.monotonic() + seconds
        with self._changed:
            while True:
                value = found()
                left = until - time.monotonic()
                if value or left <= 0:
                    return value or None
                self._changed.wait(min(left, 1.0))


class _Door(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the name that is asked for
        parts = urlsplit(self.path)
        if parts.path != RETURN_PATH:
            self._answer(HTTPStatus.NOT_FOUND)
            return
        self._answer(HTTPStatus.OK, _THANKS.encode())
        self.server.listener.came_back(parts.query)

    def do_POST(self) -> None:
        size = self.headers.get("content-length", "")
        if urlsplit(self.path).path != EVENTS_PATH or not size.isdecimal():
            self._answer(HTTPStatus.NOT_FOUND)
            return
        if int(size) > MAX_EVENT_BYTES:
            self._answer(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(size))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self._answer(self.server.listener.arrived(headers, body))

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, *_words: object) -> None:
        """Codes come in addresses: nothing of them is logged."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    listener: Listener


@contextmanager
def listening(host: str, port: int) -> Iterator[Listener]:
    """Open the door (port 0: any free one) until the block ends. Raises OSError where it cannot be had."""
    with _Server((host, port), _Door) as server:
        server.listener = Listener(host, server.server_port)
        serving = threading.Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), daemon=True)
        serving.start()
        try:
            yield server.listener
        finally:
            server.shutdown()
            serving.join(timeout=5)
