"""Sends what is asked of a bank, writes down what was said, and names what went wrong on the way."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from partners.certification import masking
from partners.certification.report import Exchange, Finding
from partners.connectors.base import BadAnswer, Request, Response
from partners.integrations.runner import BankUnreachable, dialled
from partners.integrations.unpacking import ACCEPTED, whole_body

INTERACTION_ID = "x-fapi-interaction-id"
REQUEST_ID = "X-Request-ID"
SLOW_SECONDS = 2.0
REDIRECTS = range(300, 400)


class Found(Exception):
    """A check ends here, with this."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.words)
        self.finding = finding


class NoAnswer(Found):
    """No whole answer came: what was found says why."""


@dataclass
class Wire:
    """One line to one bank. `said` gathers what passes until somebody takes it."""

    timeout: float
    ca_file: Path | None = None
    said: list[Exchange] = field(default_factory=list)
    raw: list[tuple[Request, Response | None]] = field(default_factory=list)
    _client: httpx.Client | None = None

    def take(self) -> tuple[Exchange, ...]:
        """What passed since the last time."""
        taken, self.said, self.raw = tuple(self.said), [], []
        return taken

    def send(self, request: Request) -> Response:
        """One request and its whole answer; raises NoAnswer."""
        return self.send_as(request, str(uuid4()))

    def send_as(self, request: Request, interaction_id: str) -> Response:
        """The same, under an interaction id of the caller's."""
        headers = {
            **request.headers,
            INTERACTION_ID: interaction_id,
            REQUEST_ID: interaction_id,
        }
        started = time.monotonic()
        try:
            response = self._fetched(request, headers)
        except NoAnswer as none:
            self._note(request, headers, started, None, none.finding.words)
            raise
        self._note(request, headers, started, response, "")
        return response

    def _fetched(self, request: Request, headers: dict[str, str]) -> Response:
        try:
            address, host = dialled(request.url)
        except BankUnreachable:
            raise NoAnswer(not_an_address(request.url)) from None
        sent = {**headers, "Host": host, "Accept-Encoding": ACCEPTED}
        until = time.monotonic() + 2 * self.timeout
        try:
            with self._line().stream(
                request.method,
                address,
                headers=sent,
                content=request.body,
                timeout=self.timeout,
                # Where the name is ours (*.localhost), the certificate is still for the name.
                extensions={"sni_hostname": urlsplit(request.url).hostname or ""},
            ) as answer:
                packed = answer.headers.get("content-encoding", "")
                body = whole_body(self._in_time(answer, until), packed)
        except BadAnswer as bad:
            raise NoAnswer(unusable(bad)) from None
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            raise NoAnswer(diagnosis(problem, self.timeout)) from None
        return Response(answer.status_code, dict(answer.headers), body)

    def _in_time(self, answer: httpx.Response, until: float) -> Iterator[bytes]:
        for part in answer.iter_raw():
            yield part
            if time.monotonic() > until:
                raise NoAnswer(no_answer_in_time(2 * self.timeout))

    def _line(self) -> httpx.Client:
        if self._client is None:
            trusted = ssl.create_default_context(cafile=self.ca_file)
            self._client = httpx.Client(
                follow_redirects=False,
                trust_env=False,
                verify=trusted,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                # Each question on a connection of its own: what one check breaks harms no other.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._client

    def close(self) -> None:
        if self._client is not None:
            self._client.close()

    def _note(
        self,
        request: Request,
        headers: dict[str, str],
        started: float,
        response: Response | None,
        trouble: str,
    ) -> None:
        self.raw.append((request, response))
        asked_type = Response(0, request.headers).header("content-type")
        self.said.append(
            Exchange(
                method=request.method,
                url=masking.url(request.url),
                asked_headers=masking.headers(headers),
                asked_body=masking.body(request.body, asked_type),
                status=response.status if response else None,
                answered_headers=masking.headers(response.headers) if response else {},
                answered_body=_shown_body(response),
                milliseconds=round((time.monotonic() - started) * 1000),
                trouble=trouble,
            )
        )


def _shown_body(response: Response | None) -> str:
    if response is None:
        return ""
    return masking.body(response.body, response.header("content-type"))


# What went wrong on the way


def not_an_address(url: str) -> Finding:
    return Finding(
        "bad_address",
        f"{url[:200]!r} is no address that can be called.",
        "Give a full address such as https://api.bank.example. In production only https is spoken.",
    )


def no_answer_in_time(seconds: float) -> Finding:
    return Finding(
        "no_answer_in_time",
        f"The bank took the request and gave no whole answer within {seconds:g} s.",
        "Answer within a second or two, and never hold a request open. We give up and ask again later.",
    )


def unusable(bad: BadAnswer) -> Finding:
    if bad.field:
        return Finding(
            "badly_packed",
            f"The answer cannot be unpacked: {bad.reason}.",
            "Send the body plain, or packed with gzip once, whole, and say so in Content-Encoding.",
        )
    return Finding(
        "too_large",
        "The answer is larger than 10 MiB.",
        "Make pages of it, and name the next one in Links.Next.",
    )


def diagnosis(problem: Exception, timeout: float) -> Finding:
    """What an exception of the HTTP library means to a bank's engineer."""
    causes = list(_causes(problem))
    for cause in causes:
        if isinstance(cause, ssl.SSLError):
            return _tls(cause)
        if isinstance(cause, socket.gaierror):
            return Finding(
                "no_such_host",
                "The host name does not resolve to an address.",
                "Look for a slip in the name; then publish it in DNS.",
            )
        if isinstance(cause, ConnectionRefusedError):
            return Finding(
                "connection_refused",
                "Nothing listens at this address and port.",
                "Start the server there, or correct the port.",
            )
    return _of_http(problem, timeout)


def _causes(problem: BaseException | None) -> Iterator[BaseException]:
    while problem is not None:
        yield problem
        problem = problem.__cause__ or problem.__context__


def _tls(problem: ssl.SSLError) -> Finding:
    if isinstance(problem, ssl.SSLCertVerificationError):
        return Finding(
            "certificate_not_trusted",
            f"The server's certificate is not trusted: {problem.verify_message}.",
            "Serve a certificate for this very host, with its whole chain, that is in date and from a "
            "public authority; for a private one give its file with --ca-file.",
        )
    return Finding(
        "tls_failed",
        f"No secure connection came about: {problem.reason or 'the handshake failed'}.",
        "Speak TLS 1.2 or 1.3 on this port. WRONG_VERSION_NUMBER means that plain HTTP answers there.",
    )


def _of_http(problem: Exception, timeout: float) -> Finding:
    match problem:
        case httpx.ConnectTimeout():
            return Finding(
                "no_connection_in_time",
                f"No connection came about within {timeout:g} s.",
                "A firewall may drop it: let it through, or correct the address.",
            )
        case httpx.TimeoutException():
            return no_answer_in_time(timeout)
        case httpx.RemoteProtocolError() | httpx.UnsupportedProtocol():
            return _of_protocol(str(problem))
        case httpx.ReadError() | httpx.WriteError() | httpx.CloseError():
            return _hung_up()
    return Finding(
        "no_connection", "No connection came about.", "Look at the address and the network."
    )


def _of_protocol(problem: str) -> Finding:
    if "without sending a response" in problem:
        return _hung_up()
    if "complete" in problem:
        return Finding(
            "cut_short",
            "The connection ended in the middle of the answer.",
            "Send as many bytes as Content-Length says, or end the chunked body properly.",
        )
    return Finding(
        "speaks_no_http",
        "What came back is not HTTP.",
        "Let the address lead to an HTTP server, and look at what stands in front of it.",
    )


def _hung_up() -> Finding:
    return Finding(
        "hung_up",
        "The bank took the request and hung up without an answer.",
        "Whether it did what was asked cannot be known from outside. Look for a crash in the server, or "
        "a proxy in front of it that closes connections.",
    )


# What is wrong with an answer before its content is looked at


def not_json(response: Response) -> Finding | None:
    """Why an answer cannot be read as JSON, if it cannot."""
    body = response.body.strip()
    media_type = response.header("content-type").partition(";")[0].strip().lower()
    if not body:
        return Finding(
            "empty_answer",
            "The answer has no body.",
            "Answer with the JSON that the standard describes.",
        )
    if "html" in media_type or body[:1] == b"<":
        return Finding(
            "html_instead_of_json",
            "A web page came back where JSON was asked for.",
            "A sign-in page, an error page or a firewall's page stands in front of the interface: let "
            "requests that accept application/json through to it.",
        )
    try:
        json.loads(body)
    except (ValueError, RecursionError) as problem:
        at = f" (at byte {problem.pos})" if isinstance(problem, json.JSONDecodeError) else ""
        return Finding(
            "not_json",
            f"The answer is not JSON{at}.",
            "Send one JSON object in UTF-8, written by a JSON library and sent whole.",
        )
    return None


def redirected(response: Response) -> Finding | None:
    if response.status not in REDIRECTS:
        return None
    return Finding(
        "redirected",
        f"The answer is a redirect ({response.status}) to {masking.url(response.header('location'))[:200]!r}.",
        "Interfaces are not redirected: tokens would follow to wherever it leads. Answer at this "
        "address, or register the other one.",
    )
