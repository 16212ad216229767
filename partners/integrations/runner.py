"""The one HTTP runner: sends what a connector asks for, and hands back what came, whole or typed.

No redirect is followed, no proxy of the environment is used, and no cookie is kept: one client serves
all customers of a bank. Everything is bounded: connecting, each read, the whole answer in time (twice a
read's patience) and in size, unpacked too.
"""

import logging
import os
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx
from django.conf import settings
from opentelemetry.trace import SpanKind

from partners.connectors.base import (
    Request,
    Response,
    Steps,
    TemporarilyUnavailable,
    drive,
)
from partners.integrations.proving import ClientKeys, ProvenRequest, show_certificate
from partners.integrations.unpacking import ACCEPTED, whole_body
from portal.telemetry.measures import BANK_CALLS
from portal.telemetry.traces import span
from portal.tenancy.blocks import is_serving

logger = logging.getLogger(__name__)

T = TypeVar("T")
# Shorter than servers keep an idle connection, so that we never speak into one that is closing.
_KEPT_SECONDS = 2
# Banks that are shown a certificate have each a client of its own.
_MOST_LINES = 256


class BankUnreachable(TemporarilyUnavailable):
    """No whole answer came: no connection, a broken one, or silence. The bank may have acted."""


class TransactionOpen(RuntimeError):
    """The network was called with a unit of work open."""


# By process: sockets must not be shared over a fork. And by the certificate that is shown on them.
_clients: dict[tuple[int, ClientKeys | None], httpx.Client] = {}


def _client(keys: ClientKeys | None) -> httpx.Client:
    place = (os.getpid(), keys)
    if place not in _clients:
        if len(_clients) >= _MOST_LINES:
            _clients.pop(next(iter(_clients)))
        _clients[place] = _opened(keys)
    return _clients[place]


def _opened(keys: ClientKeys | None) -> httpx.Client:
    return httpx.Client(
        verify=_tls(keys),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        limits=httpx.Limits(max_connections=50, keepalive_expiry=_KEPT_SECONDS),
    )


def _tls(keys: ClientKeys | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context(trust_env=False)
    if settings.BANKS_CA_FILE:
        context.load_verify_locations(settings.BANKS_CA_FILE)
    if keys is not None:
        show_certificate(context, keys)
    return context


def close_connections() -> None:
    """Close what this process keeps open to banks; a later call opens anew."""
    for place in [each for each in _clients if each[0] == os.getpid()]:
        _clients.pop(place).close()


def run(steps: Steps[T], *, heard: Callable[[Response], None] | None = None) -> T:
    """Drive an operation to its end. Raises ConnectorFailure for whatever the bank did not do.

    `heard`: is told of each answer.
    """
    if is_serving():
        raise TransactionOpen("no network call with a transaction open: read, call, then write")
    if heard is None:
        return drive(steps, send)

    def listening(request: Request) -> Response:
        answer = send(request)
        heard(answer)
        return answer

    return drive(steps, listening)


def send(request: Request) -> Response:
    """One request and its whole answer. Raises BankUnreachable, BadAnswer."""
    url, host = dialled(request.url)
    headers = {**request.headers, "Host": host, "Accept-Encoding": ACCEPTED, **_named()}
    with span(f"{request.method} bank", kind=SpanKind.CLIENT, host=host), _timed(host) as outcome:
        return _send(request, url, headers, outcome)


def _named() -> dict[str, str]:
    """An id for this one call, under the names that UK Open Banking and the Berlin Group have for it."""
    number = str(uuid4())
    return {"x-fapi-interaction-id": number, "X-Request-ID": number}


def _send(
    request: Request, url: str, headers: dict[str, str], outcome: dict[str, str]
) -> Response:
    patience = settings.BANK_TIMEOUT_SECONDS
    until = time.monotonic() + 2 * patience
    try:
        with _client(_keys_of(request)).stream(
            request.method, url, headers=headers, content=request.body, timeout=patience
        ) as answer:
            encoding = answer.headers.get("content-encoding", "")
            body = whole_body(_in_time(answer, until=until), encoding)
    except (httpx.HTTPError, httpx.InvalidURL) as problem:
        logger.info("%s %s: %s", request.method, headers["Host"], type(problem).__name__)
        raise BankUnreachable from None
    outcome["said"] = f"{answer.status_code // 100}xx"
    return Response(answer.status_code, dict(answer.headers), body)


def _keys_of(request: Request) -> ClientKeys | None:
    return request.keys if isinstance(request, ProvenRequest) else None


@contextmanager
def _timed(host: str) -> Iterator[dict[str, str]]:
    outcome = {"said": "no_answer"}
    started = time.monotonic()
    try:
        yield outcome
    finally:
        BANK_CALLS.labels(host, outcome["said"]).observe(time.monotonic() - started)


def _in_time(answer: httpx.Response, *, until: float) -> Iterator[bytes]:
    for part in answer.iter_raw():
        yield part
        if time.monotonic() > until:
            raise BankUnreachable


def dialled(url: str) -> tuple[str, str]:
    """Where to connect, and the Host to name there. Raises BankUnreachable for what we never call.

    Production speaks https alone. Elsewhere `*.localhost`, which Python does not resolve, is us.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BankUnreachable from None
    name = parts.hostname or ""
    if parts.scheme not in ({"https"} if settings.PRODUCTION else {"https", "http"}) or not name:
        raise BankUnreachable
    if not settings.PRODUCTION and (name == "localhost" or name.endswith(".localhost")):
        ours = f"127.0.0.1:{port}" if port else "127.0.0.1"
        return urlunsplit(parts._replace(netloc=ours)), parts.netloc
    return url, parts.netloc
