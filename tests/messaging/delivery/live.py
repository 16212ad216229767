"""The real server in a thread, and a client that keeps every frame it saw."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from datetime import timedelta
from threading import Thread
from typing import Any

import httpx
import orjson
import pytest
import uvicorn
from django.conf import settings
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from messaging.delivery.hub import running_hubs
from portal.local.web import SOCKETS
from tests.factories.messaging import CHAT_HOST, InChat

API_HOST = f"api.{settings.PORTAL_BASE_HOST}"
PATIENCE = 5.0
Frame = dict[str, Any]


class Client:
    """One socket. `frames` holds everything that the server said, `said` everything that we did."""

    def __init__(self, raw: ClientConnection) -> None:
        self.raw = raw
        self.frames: list[Frame] = []
        self.said: list[Frame] = []

    def say(self, name: str, **fields: Any) -> None:
        self.said.append({"t": name, **fields})
        self.raw.send(orjson.dumps(self.said[-1]).decode())

    def next(self, timeout: float = PATIENCE) -> Frame:
        """The next frame; raises TimeoutError, or ConnectionClosed."""
        self.frames.append(orjson.loads(self.raw.recv(timeout)))
        return self.frames[-1]

    def until(self, name: str, timeout: float = PATIENCE) -> Frame:
        """The next frame of that name, passing over others."""
        return self.until_true(lambda each: each["t"] == name, timeout)

    def until_true(self, is_it: Callable[[Frame], bool], timeout: float = PATIENCE) -> Frame:
        give_up = time.monotonic() + timeout
        while True:
            found = self.next(give_up - time.monotonic())
            if is_it(found):
                return found

    def hello(self) -> Frame:
        self.say("hello", client="test/1")
        return self.until("ready")

    def follow(self, stream: str, seq: int = 0, **fields: Any) -> Frame:
        """Subscribe and read to the answer: `synced` or `reset`."""
        self.say("sub", stream=stream, seq=seq, **fields)
        return self.until_true(lambda each: each["t"] in {"synced", "reset", "err"})

    def of(self, name: str) -> list[Frame]:
        return [each for each in self.frames if each["t"] == name]

    def close_code(self, timeout: float = PATIENCE) -> int | None:
        """Read on until the server closes; the code it gave, None where it gave none."""
        give_up = time.monotonic() + timeout
        with suppress(ConnectionClosed):
            while True:
                self.next(give_up - time.monotonic())
        return self.raw.close_code


def open_socket(
    port: int,
    ticket: str,
    *,
    origin: str | None = settings.CHAT_ORIGIN,
    host: str = CHAT_HOST,
    protocols: list[str] | None = None,
    **options: Any,
) -> AbstractContextManager[ClientConnection]:
    """A connection to a server of ours, which has no address but the loopback's."""
    opening: AbstractContextManager[ClientConnection] = connect(
        f"ws://{host}:{port}/v1/ws",
        sock=_dialled(port, options.pop("receive_buffer", 0)),
        origin=origin,  # type: ignore[arg-type]  # websockets' own string type
        subprotocols=protocols or ["portal.v1.json", f"portal.t.{ticket}"],  # type: ignore[arg-type]  # websockets' own string type
        max_size=None,
        proxy=None,
        **options,
    )
    return opening


def _dialled(port: int, receive_buffer: int) -> socket.socket:
    dialled = socket.socket()
    if receive_buffer:
        dialled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    dialled.connect(("127.0.0.1", port))
    return dialled


class Server:
    """uvicorn with the portal's own application, in a thread of this process."""

    def __init__(self, **options: Any) -> None:
        given: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": 0,
            "lifespan": "on",
            "log_level": "warning",
            **SOCKETS,
            **options,
        }
        config = uvicorn.Config("portal.asgi:application", **given)
        self._server = uvicorn.Server(config)
        self._thread = Thread(target=lambda: asyncio.run(self._server.serve()))
        self._clients = ExitStack()
        self._http = httpx.Client(timeout=10, trust_env=False)

    def start(self) -> None:
        self._thread.start()
        give_up = time.monotonic() + 20
        while not self._server.started:
            assert time.monotonic() < give_up, "the server did not start"
            assert self._thread.is_alive(), "the server ended at once"
            time.sleep(0.01)

    def stop(self) -> None:
        # First the clients: one that takes nothing would keep the server from ending.
        self._clients.close()
        self._server.should_exit = True
        self._thread.join(20)
        self._http.close()

    def drain(self) -> None:
        """What the server does at SIGTERM, before it cuts anything off."""
        for loop, hub in list(running_hubs().items()):
            asyncio.run_coroutine_threadsafe(hub.drain(), loop)

    @property
    def port(self) -> int:
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    def rest(self, who: InChat, method: str, path: str, body: Any = None, key: str = "") -> Any:
        """A REST call of the customer's."""
        return self._http.request(
            method,
            f"http://127.0.0.1:{self.port}/api/v1{path}",
            json=body,
            headers=who.headers | ({"Idempotency-Key": key} if key else {}),
        )

    def ticket(self, who: InChat) -> str:
        answer = self.rest(who, "POST", "/realtime/tickets", {})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ticket"])

    def program_ticket(self, token: str, body: Any = None) -> str:
        """A ticket for a client program, by its access token."""
        answer = self.ask_as_program(token, body or {})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["ticket"])

    def read_as_program(self, token: str, consent: str, path: str) -> httpx.Response:
        """A page of the API within a consent."""
        named = {"Authorization": f"Bearer {token}", "Portal-Consent": consent}
        return self._http.get(
            f"http://127.0.0.1:{self.port}/api/v1/{path}", headers={"Host": API_HOST} | named
        )

    def ask_as_program(self, token: str, body: Any) -> httpx.Response:
        return self._http.post(
            f"http://127.0.0.1:{self.port}/api/v1/realtime/tickets",
            json=body,
            headers={"Host": API_HOST, "Authorization": f"Bearer {token}"},
        )

    def join_as_program(self, token: str) -> Client:
        """A program's socket that has greeted: on the API's host, and without an Origin."""
        client = self.open(self.program_ticket(token), host=API_HOST, origin=None)
        client.hello()
        return client

    def open(
        self,
        ticket: str,
        *,
        origin: str | None = settings.CHAT_ORIGIN,
        host: str = CHAT_HOST,
        protocols: list[str] | None = None,
    ) -> Client:
        opening = open_socket(self.port, ticket, origin=origin, host=host, protocols=protocols)
        return Client(self._clients.enter_context(opening))

    def join_unread(self, who: InChat) -> Client:
        """A socket that greets and then takes next to nothing of what it is sent."""
        opening = open_socket(
            self.port,
            self.ticket(who),
            receive_buffer=4096,
            max_queue=1,
            close_timeout=0.1,
            compression=None,
        )
        client = Client(self._clients.enter_context(opening))
        client.hello()
        return client

    def sockets_after(self, *, seconds: float, at_most: int) -> int:
        """How many sockets the hub holds, once they are few enough or the time is over."""
        give_up = time.monotonic() + seconds
        while (held := _held()) > at_most and time.monotonic() < give_up:
            time.sleep(0.05)
        return held

    def connections_after(self, *, seconds: float, at_most: int) -> int:
        """How many connections the server holds, once they are few enough or the time is over."""
        give_up = time.monotonic() + seconds
        held = self._server.server_state.connections
        while len(held) > at_most and time.monotonic() < give_up:
            time.sleep(0.05)
        return len(held)

    def send_through_a_needles_eye(self) -> None:
        """Connections from now on have next to no room on their way to the client."""
        self._server.servers[0].sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)

    def forget(self) -> None:
        """Close our own REST connection, which would be counted too."""
        self._http.close()
        self._http = httpx.Client(timeout=10, trust_env=False)

    def join(self, who: InChat) -> Client:
        """A socket that has greeted."""
        client = self.open(self.ticket(who))
        client.hello()
        return client


def _held() -> int:
    return sum(len(hub.listeners) for hub in running_hubs().values())


@pytest.fixture
def portal(transactional_db: None) -> Iterator[Server]:  # the server reads what is committed
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def portal_beating(transactional_db: None, settings: Any) -> Iterator[Server]:  # as above
    """The same with a beat every 300 ms, so that tests need not wait for fifteen seconds."""
    settings.REALTIME_HEARTBEAT = timedelta(milliseconds=300)
    server = Server()
    server.start()
    yield server
    server.stop()
