"""A program's own server: keeps what it was sent, and answers as it is told to."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook

PATIENCE = 10.0


@dataclass(frozen=True)
class Reply:
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    # Seconds before anything is said; None: nothing ever is, and the connection stays.
    after: float | None = 0.0


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> dict[str, Any]:
        """What it says, if its signature is good by that secret. Raises WebhookVerificationError."""
        said: dict[str, Any] = Webhook(secret).verify(self.body, self.headers)
        return said


class Receiver:
    """A server in a thread. `replies` are used one after the other, then `otherwise`."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.replies: list[Reply] = []
        self.otherwise = Reply()
        # Decides on each message by itself, where it is set.
        self.decide: Callable[[Received], Reply] | None = None
        self._came = threading.Condition()
        self._over = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver._take(self, body)

            def do_GET(self) -> None:
                receiver._take(self, b"")

            def log_message(self, *_args: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def speak_tls(self, context: ssl.SSLContext) -> None:
        """From the next connection on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?of=tests"

    def _take(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        with self._came:
            came = Received(handler.path, headers, body)
            self.received.append(came)
            reply = self.decide(came) if self.decide else self._next()
            self._came.notify_all()
        self._over.wait(reply.after)
        if reply.after is None or self._over.is_set():
            return
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    def _next(self) -> Reply:
        return self.replies.pop(0) if self.replies else self.otherwise

    def wait_for(self, count: int, patience: float = PATIENCE) -> list[Received]:
        """The first so many messages, once they are there."""
        give_up = time.monotonic() + patience
        with self._came:
            while len(self.received) < count:
                left = give_up - time.monotonic()
                assert left > 0, f"{len(self.received)} of {count} came"
                self._came.wait(left)
        return self.received[:count]

    def stop(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.stop()
