"""Somebody on the wire between us and a bank: writes down what passes, and may change it."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from partners.connectors.base import Request, Response

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "date"}
_PATIENCE_SECONDS = 60


def as_it_is(request: Request) -> Request | Response:
    return request


def as_it_came(_request: Request, response: Response) -> Response:
    return response


@dataclass
class Between:
    """`asked` changes a request, or answers it itself; `answered` changes an answer."""

    upstream: str = ""  # host:port of the bank
    asked: Callable[[Request], Request | Response] = as_it_is
    answered: Callable[[Request, Response], Response] = as_it_came
    passed: list[tuple[Request, Response]] = field(default_factory=list)
    origin: str = ""

    def forget(self) -> None:
        self.passed.clear()

    def pass_on(self, request: Request) -> Response:
        onward = self.asked(request)
        if isinstance(onward, Response):
            return onward
        return self.answered(request, self._fetched(onward))

    def _fetched(self, request: Request) -> Response:
        bank = http.client.HTTPConnection(self.upstream, timeout=_PATIENCE_SECONDS)
        try:
            bank.request(request.method, request.url, request.body, dict(request.headers))
            answer = bank.getresponse()
            return Response(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            bank.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _serve(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        request = Request(
            self.command,  # type: ignore[arg-type]  # the methods below
            self.path,
            dict(self.headers.items()),
            self.rfile.read(size),
        )
        response = self.server.between.pass_on(request)
        self.server.between.passed.append((request, response))
        self.send_response(response.status)
        for name, value in response.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        self.wfile.write(response.body)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # the names that are asked for

    def log_message(self, *_words: object) -> None:
        """Say nothing: what passes is written down."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    between: Between


@contextmanager
def standing_between(upstream: str = "") -> Iterator[Between]:
    """Listens on a free port of the loopback until the block ends."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.between = Between(upstream, origin=f"http://127.0.0.1:{server.server_port}")
        serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        serving.start()
        try:
            yield server.between
        finally:
            server.shutdown()
            serving.join(timeout=5)
