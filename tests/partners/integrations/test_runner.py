"""The one HTTP runner, against banks that answer bytes which no server of ours would send."""

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from partners.connectors.base import MAX_BODY_BYTES, BadAnswer, ConnectorFailure, Request, Response
from partners.integrations.runner import BankUnreachable, close_connections, send

Speak = Callable[[Iterable[bytes]], "Talker"]


class Talker:
    """Answers every connection with the same bytes, and keeps what it was asked."""

    def __init__(self, words: Iterable[bytes]) -> None:
        self.words = list(words)
        self.heard: list[bytes] = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}/accounts"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                caller, _address = self.socket.accept()
            except OSError:
                return
            with caller:
                self.heard.append(caller.recv(65536))
                try:
                    for word in self.words:
                        caller.sendall(word)
                except OSError:
                    continue  # hung up on, as a bank that talks too much is

    def close(self) -> None:
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join(timeout=5)


@pytest.fixture
def speak() -> Iterator[Speak]:
    talkers: list[Talker] = []

    def begin(words: Iterable[bytes]) -> Talker:
        talkers.append(Talker(words))
        return talkers[-1]

    yield begin
    close_connections()
    for talker in talkers:
        talker.close()


def http(body: bytes, *headers: str, status: str = "200 OK") -> list[bytes]:
    lines = [f"HTTP/1.1 {status}", *headers, f"content-length: {len(body)}", "connection: close"]
    return ["\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body]


def ask(talker: Talker, **headers: str) -> Response:
    return send(Request("GET", talker.url, headers))


def zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1 << 20)
    return b"".join(packer.compress(block) for _ in range(size >> 20)) + packer.flush()


def test_a_packed_answer_is_unpacked(speak: Speak) -> None:
    talker = speak(http(gzip.compress(b'{"Data": {}}'), "content-encoding: gzip"))

    assert ask(talker).body == b'{"Data": {}}'


def test_an_empty_answer_may_call_itself_packed(speak: Speak) -> None:
    talker = speak(http(b"", "content-encoding: gzip", status="204 No Content"))

    assert ask(talker) == Response(204, ask(talker).headers, b"")


BOMBS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "once": ("gzip", lambda: zeros(256 << 20)),
    "twice": ("gzip, gzip", lambda: gzip.compress(zeros(256 << 20))),
    "thrice": ("gzip, gzip, gzip", lambda: gzip.compress(gzip.compress(zeros(256 << 20)))),
    "deflated": ("deflate", lambda: zlib.compress(bytes(64 << 20))),
}


@pytest.mark.slow
@pytest.mark.parametrize("bomb", sorted(BOMBS))
def test_a_bomb_is_refused_before_it_takes_the_memory(speak: Speak, bomb: str) -> None:
    encoding, packed = BOMBS[bomb]
    talker = speak(http(packed(), f"content-encoding: {encoding}"))

    tracemalloc.start()
    try:
        with pytest.raises(BadAnswer):
            ask(talker)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 6 * MAX_BODY_BYTES


def test_an_answer_without_an_end_is_left(speak: Speak) -> None:
    talker = speak([b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 65536] * (MAX_BODY_BYTES >> 15)])

    with pytest.raises(BadAnswer, match="larger"):
        ask(talker)


PACKED = gzip.compress(b'{"Data": {"Account": []}}' * 100)


@pytest.mark.parametrize(
    "body",
    [PACKED[:-9], PACKED[:40], PACKED + b"more", b"not packed", gzip.compress(b"{}") * 2],
    ids=["no end", "half", "more behind", "plain", "two"],
)
def test_what_is_not_packed_as_it_says_is_refused(speak: Speak, body: bytes) -> None:
    with pytest.raises(BadAnswer):
        ask(speak(http(body, "content-encoding: gzip")))


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip,", "rot13", "gzip;q=1"])
def test_packing_that_was_not_asked_for_is_refused(speak: Speak, encoding: str) -> None:
    talker = speak(http(b"{}", f"content-encoding: {encoding}"))

    with pytest.raises(BadAnswer):
        ask(talker)

    assert b"accept-encoding: gzip\r\n" in talker.heard[0].lower()


BROKEN = {
    "nothing": [],
    "half a header": [b"HTTP/1.1 200 OK\r\ncontent-le"],
    "half a body": [b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}"],
    "another protocol": [b"SSH-2.0-OpenSSH_9.6\r\n"],
    "a broken chunk": [
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n{}\r\n0\r\n\r\n"
    ],
    "half the chunks": [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"],
    "two lengths": [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} "],
    "a header without end": [b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000],
    "no status": http(b"{}", status="OK"),
    "a status of none": http(b"{}", status="0 OK"),
    "a line break in a header": [b"HTTP/1.1 200 OK\r\nx: a\x00b\r\ncontent-length: 2\r\n\r\n{}"],
}


@pytest.mark.parametrize("way", sorted(BROKEN))
def test_no_whole_answer_is_a_bank_out_of_reach(speak: Speak, way: str) -> None:
    with pytest.raises(BankUnreachable):
        ask(speak(BROKEN[way]))


@pytest.mark.parametrize("after", [0, 1])
def test_silence_is_waited_for_no_longer_than_patience(settings: Any, after: int) -> None:
    settings.BANK_TIMEOUT_SECONDS = 0.2
    silent = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def say_a_little() -> None:
        caller, _address = silent.accept()
        held.append(caller)
        caller.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"[: after * 1000])

    thread = threading.Thread(target=say_a_little, daemon=True)
    thread.start()
    try:
        with pytest.raises(BankUnreachable):
            send(Request("GET", f"http://127.0.0.1:{silent.getsockname()[1]}/x"))
    finally:
        thread.join(timeout=5)
        for each in (*held, silent):
            each.close()


def test_a_trickle_is_left_when_its_time_is_over(speak: Speak, settings: Any) -> None:
    """Each byte comes in time, and the answer never."""
    settings.BANK_TIMEOUT_SECONDS = 0.2
    stop = threading.Event()

    def drops() -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while not stop.wait(0.05):
            yield b"x"

    talker = speak([])
    talker.words = drops()  # type: ignore[assignment]  # said as it is drawn

    try:
        with pytest.raises(BankUnreachable):
            ask(talker)
    finally:
        stop.set()


def test_a_redirect_is_handed_back_and_not_followed(speak: Speak) -> None:
    elsewhere = speak(http(b"{}"))
    talker = speak(http(b"", f"location: {elsewhere.url}", status="302 Found"))

    assert ask(talker).status == 302
    assert elsewhere.heard == []


def test_no_cookie_of_one_customers_answer_goes_with_anothers_request(speak: Speak) -> None:
    talker = speak(http(b"{}", "set-cookie: session=anna; Path=/"))

    for _ in range(2):
        ask(talker)

    assert [b"cookie" in heard.lower() for heard in talker.heard] == [False, False]


@pytest.mark.parametrize("url", ["ftp://bank.example/", "http:///x", "http://[::1", "x", "//bank"])
def test_what_is_no_address_of_a_bank_is_not_called(url: str) -> None:
    with pytest.raises(BankUnreachable):
        send(Request("GET", url))


@pytest.mark.parametrize("status", [100, 199, 299, 399, 600, 999])
def test_every_status_is_handed_on_or_no_answer(speak: Speak, status: int) -> None:
    try:
        answered = ask(speak(http(b"{}", status=f"{status} Odd")))
    except ConnectorFailure:
        assert status < 200
    else:
        assert (answered.status, answered.body) == (status, b"{}")


def test_headers_of_any_bytes_are_handed_on(speak: Speak) -> None:
    answered = ask(speak(http(b"{}", "retry-after: \xff\xfe", "retry-after: 7")))

    assert answered.header("Retry-After").endswith("7")
