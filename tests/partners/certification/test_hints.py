"""Addresses at which there is no bank: what stands there instead is named, and what to do."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from partners.certification.report import Report
from tests.partners.certification.conftest import check, codes, result
from tests.ports import free_port

FIRST = ("reach.answers", "discovery.document", "discovery.keys", "token.client")
CLIENT = {"levers": False, "client_id": "portal", "client_secret": "not-a-real-secret"}
Serve = Callable[[Callable[[BaseHTTPRequestHandler], None]], str]


def look(url: str, **wishes: object) -> Report:
    return check(url, *FIRST, **CLIENT | {"timeout": 1.0} | wishes)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that answers every request by one function; gives its address."""
    servers: list[ThreadingHTTPServer] = []

    def begin(
        answer: Callable[[BaseHTTPRequestHandler], None], secured: ssl.SSLContext | None = None
    ) -> str:
        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                answer(self)

            do_POST = do_GET  # noqa: N815  # the names that are asked for

            def log_message(self, *_words: object) -> None:
                """Nothing to say."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        server.daemon_threads = True
        if secured is not None:
            server.socket = secured.wrap_socket(server.socket, server_side=True)
        servers.append(server)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return f"{'https' if secured else 'http'}://127.0.0.1:{server.server_port}"

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


def page(handler: BaseHTTPRequestHandler, status: int = 200, **headers: str) -> None:
    body = b"<!doctype html><title>Welcome to nginx!</title><p>It works."
    handler.send_response(status)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", str(len(body)))
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def test_nothing_listens() -> None:
    report = look(f"http://127.0.0.1:{free_port()}")

    assert codes(report) == {"reach.answers": ["connection_refused"]}
    assert (report.exit_code, report.words) == (
        2,
        "Not judged: there is no bank to talk to at this address.",
    )


def test_a_name_that_nobody_has() -> None:
    report = look("https://bank.invalid")

    assert codes(report) == {"reach.answers": ["no_such_host"]}


def test_what_listens_speaks_something_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            caller, _address = server.accept()
            with caller:
                caller.recv(1000)
                caller.sendall(b"220 mail.bank.example ESMTP\r\n\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        report = look(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join(timeout=5)

    assert codes(report) == {"reach.answers": ["speaks_no_http"]}


def test_what_listens_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        report = look(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=0.3)

    assert codes(report) == {"reach.answers": ["no_answer_in_time"]}


def test_a_website(serve: Serve) -> None:
    report = look(serve(page))

    assert codes(report) == {each: ["html_instead_of_json"] for each in FIRST[1:]}
    assert result(report, "token.client").exchanges[0].answered_body == (
        "(a web page of 59 bytes, called “Welcome to nginx!”)"
    )


def test_a_website_that_has_none_of_it(serve: Serve) -> None:
    report = look(serve(lambda handler: page(handler, 404)))

    assert codes(report)["token.client"] == ["refused"]
    assert report.exit_code == 1


def test_a_redirect_in_a_circle(serve: Serve) -> None:
    report = look(serve(lambda handler: page(handler, 302, Location="/login")))

    found = codes(report)
    assert found["reach.answers"] == ["redirect_loop"]
    assert found["token.client"] == ["redirected"]


def test_half_an_answer(serve: Serve) -> None:
    def half(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"{")

    report = look(serve(half))

    assert codes(report) == {"reach.answers": ["cut_short"]}


# TLS


def certificate(folder: Path, *, host: str = "127.0.0.1", days: int = 1) -> tuple[Path, Path]:
    """A self-signed certificate and its key, for a host, until so many days from now."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A bank for tests")])
    names = x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return cert_file, key_file


def secured(files: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


@pytest.mark.parametrize(
    ("certified", "trusted", "says"),
    [
        ({}, "", "self-signed"),
        ({"days": -1}, "yes", "expired"),
        ({"host": "another.example"}, "yes", "not valid for"),
    ],
    ids=["self-signed", "expired", "for another host"],
)
def test_a_certificate_that_cannot_be_trusted(
    serve: Serve, tmp_path: Path, certified: dict[str, object], trusted: str, says: str
) -> None:
    files = certificate(tmp_path, **certified)
    url = serve(page, secured(files))

    report = look(url, ca_file=str(files[0]) if trusted else "")

    (finding,) = result(report, "reach.answers").findings
    assert finding.code == "certificate_not_trusted"
    assert says in finding.words
    assert report.exit_code == 2


def test_a_private_authority_may_be_named(serve: Serve, tmp_path: Path) -> None:
    files = certificate(tmp_path)

    report = look(serve(page, secured(files)), ca_file=str(files[0]))

    assert codes(report)["token.client"] == ["html_instead_of_json"]
    assert not result(report, "reach.https").findings


def test_plain_http_where_tls_is_asked_for(serve: Serve) -> None:
    report = look(serve(page).replace("http://", "https://"))

    assert codes(report) == {"reach.answers": ["tls_failed"]}
