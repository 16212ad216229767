"""The socket on the wire: RFC 6455 by hand, against the server that serves it in a portal."""

import logging
import random
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from string import ascii_letters
from typing import Any

import pytest

from tests.factories.messaging import InChat, make_in_chat
from tests.messaging.delivery.live import Server
from tests.messaging.delivery.test_sockets import bank_says
from tests.messaging.delivery.wire import Op, Wire, deflated, frame_bytes, handshake, wired

PING = b'{"t":"ping"}'
BROKEN = b'{"t":"\xc3\x28"}'


@pytest.fixture
def who(portal: Server) -> InChat:
    return make_in_chat()


@pytest.fixture
def wire(portal: Server, who: InChat) -> Iterator[Wire]:
    with wired(portal.port, portal.ticket(who)) as opened:
        yield opened


# --- messages in parts, and what may come between -------------------------------------------------


def test_a_message_in_parts_is_one(wire: Wire) -> None:
    wire.in_parts(PING, 1, 1, 5)

    assert wire.told() == {"t": "pong"}


def test_a_character_may_be_cut_in_two(wire: Wire) -> None:
    said = '{"t":"é"}'.encode()

    wire.in_parts(said, said.index(b"\xc3") + 1)

    assert wire.told()["code"] == "bad_frame"


def test_pings_and_pongs_may_come_between_the_parts(wire: Wire) -> None:
    wire.send(Op.TEXT, PING[:4], fin=False)
    wire.send(Op.PING, b"one")
    wire.send(Op.PONG, b"unasked")
    wire.send(Op.CONT, PING[4:8], fin=False)
    wire.send(Op.PING)
    wire.send(Op.CONT, PING[8:])

    answered = [wire.next() for _ in range(3)]

    assert [(each.op, each.payload) for each in answered if each] == [
        (Op.PONG, b"one"),
        (Op.PONG, b""),
        (Op.TEXT, b'{"t":"pong"}'),
    ]


def test_a_ping_is_answered_with_its_own_payload_up_to_125_bytes(wire: Wire) -> None:
    wire.send(Op.PING, bytes(range(125)))

    answered = wire.next()

    assert answered is not None
    assert (answered.op, answered.payload) == (Op.PONG, bytes(range(125)))


@pytest.mark.parametrize("cuts", [(), (3,), (3, 3, 9)])
def test_a_binary_message_is_a_bad_frame_and_the_socket_goes_on(
    wire: Wire, cuts: tuple[int, ...]
) -> None:
    wire.in_parts(PING, *cuts, op=Op.BINARY)
    told = wire.told()
    wire.say("ping")

    assert told["code"] == "bad_frame"
    assert wire.told() == {"t": "pong"}


def test_a_packed_message_is_unpacked(portal: Server, who: InChat) -> None:
    with wired(portal.port, portal.ticket(who), deflate=True) as wire:
        wire.send(Op.TEXT, deflated(PING), rsv=4)

        found = wire.next()

    assert b"permessage-deflate" in wire.head
    assert found is not None
    assert found.op == Op.TEXT


# --- what breaks the protocol ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        BROKEN,
        b"\xff",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xf4\x90\x80\x80",
        b'{"t":"ping"}\xe2\x82',
    ],
    ids=["broken", "never a byte", "surrogate", "overlong", "beyond Unicode", "cut short"],
)
@pytest.mark.parametrize("in_parts", [False, True])
def test_text_that_is_not_utf_8_is_1007_and_one_line_of_the_log(
    wire: Wire, caplog: pytest.LogCaptureFixture, payload: bytes, *, in_parts: bool
) -> None:
    with caplog.at_level(logging.INFO, "uvicorn.error"):
        wire.in_parts(payload, *([1] if in_parts else []))
        code = wire.close_code()

    said = [each for each in caplog.records if "UTF-8" in each.getMessage()]
    assert code == 1007
    assert [(each.levelname, each.exc_info) for each in said] == [("INFO", None)]


Say = Callable[[Wire], None]
WRONG: dict[str, Say] = {
    "not masked": lambda it: it.send(Op.TEXT, PING, masked=False),
    "a ping not masked": lambda it: it.send(Op.PING, masked=False),
    "first reserved bit": lambda it: it.send(Op.TEXT, PING, rsv=4),
    "second reserved bit": lambda it: it.send(Op.TEXT, PING, rsv=2),
    "third reserved bit": lambda it: it.send(Op.TEXT, PING, rsv=1),
    "reserved opcode": lambda it: it.send(Op.RESERVED_DATA, PING),
    "reserved control opcode": lambda it: it.send(Op.RESERVED_CONTROL),
    "a ping in parts": lambda it: it.send(Op.PING, b"a", fin=False),
    "a ping beyond 125 bytes": lambda it: it.send(Op.PING, b"a" * 126),
    "a close beyond 125 bytes": lambda it: it.send(Op.CLOSE, struct.pack("!H", 1000) + b"a" * 124),
    "the middle of nothing": lambda it: it.send(Op.CONT, PING),
    "the middle of nothing, with more": lambda it: it.send(Op.CONT, PING, fin=False),
    "a message within a message": lambda it: [  # type: ignore[dict-item,func-returns-value]
        it.send(Op.TEXT, PING[:3], fin=False),
        it.send(Op.TEXT, PING),
    ],
    "half a close code": lambda it: it.send(Op.CLOSE, b"\x03"),
    **{
        f"close code {code}": lambda it, code=code: it.send(Op.CLOSE, struct.pack("!H", code))  # type: ignore[misc]
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
    },
}


@pytest.mark.parametrize("name", WRONG)
def test_what_breaks_the_protocol_is_1002(wire: Wire, name: str) -> None:
    WRONG[name](wire)

    assert wire.close_code() == 1002


# --- too much -------------------------------------------------------------------------------------


def text_of(size: int) -> bytes:
    return b'{"t":"ping","x":"' + b"a" * (size - 19) + b'"}'


@pytest.mark.parametrize("cuts", [(), (1,), (10_000, 16_384)])
def test_a_message_beyond_16_kib_is_4009_in_one_part_or_several(
    wire: Wire, cuts: tuple[int, ...]
) -> None:
    wire.in_parts(text_of(16_385), *cuts)

    assert wire.close_code() == 4009


def test_a_message_of_16_kib_is_taken(wire: Wire) -> None:
    wire.in_parts(text_of(16_384), 9000)

    assert wire.told()["code"] == "bad_frame"


@pytest.mark.parametrize("cuts", [(), (30_000, 60_000)])
def test_a_message_beyond_64_kib_is_1009(wire: Wire, cuts: tuple[int, ...]) -> None:
    wire.in_parts(text_of(65_537), *cuts)

    assert wire.close_code() == 1009


@pytest.mark.parametrize("claims", [65_537, 2**31, 2**62])
def test_a_frame_that_speaks_of_more_is_not_waited_for(wire: Wire, claims: int) -> None:
    wire.raw.sendall(frame_bytes(Op.TEXT, b"a", claims=claims))

    assert wire.close_code() == 1009


def test_parts_without_an_end_are_not_kept(wire: Wire) -> None:
    wire.send(Op.TEXT, b"a" * 1000, fin=False)
    for _ in range(65):
        wire.send(Op.CONT, b"a" * 1000, fin=False)

    assert wire.close_code() == 1009


def test_what_unpacks_to_more_than_64_kib_is_1009(portal: Server, who: InChat) -> None:
    bomb = deflated(b"a" * 20_000_000)
    with wired(portal.port, portal.ticket(who), deflate=True) as wire:
        wire.send(Op.TEXT, bomb, rsv=4)

        code = wire.close_code()

    assert len(bomb) < 65_536
    assert code == 1009


# --- the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001, 1003, 1011, 3000, 4999])
def test_a_close_is_answered_with_its_own_code_and_nothing_follows(wire: Wire, code: int) -> None:
    wire.send(Op.CLOSE, struct.pack("!H", code) + b"bye")
    wire.say("ping")

    found, after = wire.next(), wire.next()

    assert found is not None
    assert (found.op, int.from_bytes(found.payload[:2], "big")) == (Op.CLOSE, code)
    assert after is None


def test_a_close_without_a_code_is_answered_without_one(wire: Wire) -> None:
    wire.send(Op.CLOSE)

    found, after = wire.next(), wire.next()

    assert found is not None
    assert (found.op, found.payload, after) == (Op.CLOSE, b"", None)


def test_a_reason_that_is_not_utf_8_is_1007(wire: Wire) -> None:
    wire.send(Op.CLOSE, struct.pack("!H", 1000) + b"\xff")

    assert wire.close_code() == 1007


@pytest.mark.parametrize("way", ["fin", "reset", "close"])
def test_whoever_leaves_is_forgotten_at_once(portal: Server, who: InChat, way: str) -> None:
    with wired(portal.port, portal.ticket(who)) as wire:
        wire.say("sub", stream=who.stream, seq=0)
        wire.told()
        if way == "reset":
            wire.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if way == "close":
            wire.send(Op.CLOSE)
        wire.raw.close()
        portal.forget()

        assert portal.sockets_after(seconds=5, at_most=0) == 0
        assert portal.connections_after(seconds=5, at_most=0) == 0


# --- clients that say nothing any more, or take nothing -------------------------------------------


@pytest.fixture
def portal_asking(
    transactional_db: None,
) -> Iterator[Server]:  # the server reads what is committed
    """A server that asks much oftener whether anybody is there."""
    server = Server(ws_ping_interval=0.3, ws_ping_timeout=0.3)
    server.start()
    yield server
    server.stop()


def test_whoever_leaves_a_ping_unanswered_is_let_go_with_1011(portal_asking: Server) -> None:
    who = make_in_chat()
    with wired(portal_asking.port, portal_asking.ticket(who)) as gone:
        portal_asking.forget()
        sockets = portal_asking.sockets_after(seconds=5, at_most=0)
        connections = portal_asking.connections_after(seconds=5, at_most=0)

        assert (sockets, connections) == (0, 0)
        assert gone.close_code() == 1011


def test_whoever_answers_pings_stays(portal_asking: Server) -> None:
    who = make_in_chat()
    with wired(portal_asking.port, portal_asking.ticket(who)) as wire:
        for _ in range(4):
            asked = wire.next()
            assert asked is not None
            assert asked.op == Op.PING
            wire.send(Op.PONG, b"stale")
            wire.send(Op.PONG, asked.payload)
        wire.say("ping")

        assert wire.told() == {"t": "pong"}


@pytest.mark.slow
def test_whoever_reads_nothing_is_told_4102_and_holds_nothing(
    portal: Server, who: InChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.delivery.outbox.SLOWEST_SEND_SECONDS", 1.0)
    for _ in range(200):
        bank_says(who, "x" * 4000)
    with wired(portal.port, portal.ticket(who)) as stuck:
        stuck.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask_for_everything_again(portal, stuck, who)
        good = portal.join(who)
        answer = good.follow(who.stream, seq=199)

        assert answer["t"] == "synced"
        stuck.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        assert stuck.close_code() == 4102


@pytest.mark.slow
def test_whoever_never_reads_is_cut_off(
    portal: Server, who: InChat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.delivery.outbox.SLOWEST_SEND_SECONDS", 1.0)
    monkeypatch.setattr("portal.sockets.LINGER_SECONDS", 0.5)
    for _ in range(200):
        bank_says(who, "x" * 4000)
    with wired(portal.port, portal.ticket(who)) as stuck:
        stuck.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask_for_everything_again(portal, stuck, who)
        portal.forget()

        assert portal.connections_after(seconds=5, at_most=0) == 0


def ask_for_everything_again(portal: Server, stuck: Wire, who: InChat) -> None:
    """Some times over, and read none of it; until the portal holds no socket of theirs."""
    for _ in range(30):
        if portal.sockets_after(seconds=0.3, at_most=0) == 0:
            return
        with suppress(OSError):
            stuck.say("sub", stream=who.stream, seq=0)
    raise AssertionError("it is held for ever")


@pytest.fixture
def portal_waiting(
    transactional_db: None,
) -> Iterator[Server]:  # the server reads what is committed
    """A server whose clients may be silent for as long as they like, with next to no room on the way to them."""
    server = Server(ws_ping_interval=None)
    server.start()
    server.send_through_a_needles_eye()
    yield server
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("deflate", [False, True])
def test_whoever_reads_late_gets_everything_in_its_order(
    portal_waiting: Server, monkeypatch: pytest.MonkeyPatch, *, deflate: bool
) -> None:
    monkeypatch.setattr("messaging.delivery.outbox.SLOWEST_SEND_SECONDS", 60.0)
    who = make_in_chat()
    ticket = portal_waiting.ticket(who)
    with wired(portal_waiting.port, ticket, deflate=deflate) as late:
        late.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        late.say("sub", stream=who.stream, seq=0)
        late.told()

        # More than the wire and the server's own buffer take, less than may wait.
        for number in range(100):
            bank_says(who, f"{number} {noise(4000)}")
        late.raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        told = [late.numbered() for _ in range(90)]
        # There is room again, and ten wait still or are on their way.
        for number in range(100, 110):
            bank_says(who, f"{number} {noise(10)}")
        told += [late.numbered() for _ in range(20)]

    assert [each["seq"] for each in told] == list(range(1, 111))
    assert [each["data"]["text"].split()[0] for each in told] == [str(n) for n in range(110)]


def noise(length: int) -> str:
    """Letters that no packing makes shorter by much."""
    return "".join(random.choices(ascii_letters, k=length))  # noqa: S311  # nobody has to guess it


@pytest.mark.parametrize("deflate", [False, True])
def test_frames_of_every_size_arrive_whole(portal: Server, who: InChat, *, deflate: bool) -> None:
    """A length is written in three ways; a snapshot is beyond 64 KiB, `pong` below 126 bytes."""
    for _ in range(20):
        bank_says(who, "x" * 4000)
    with wired(portal.port, portal.ticket(who), deflate=deflate) as wire:
        wire.say("sub", stream=who.stream, seq=0, epoch="another")
        snapshot = wire.told()
        bank_says(who, "y" * 2000)
        event = wire.told()
        wire.say("ping")
        pong = wire.told()

    assert [len(each["text"]) for each in snapshot["snapshot"]["messages"]] == [4000] * 20
    assert len(event["data"]["text"]) == 2000
    assert pong == {"t": "pong"}


# --- the handshake --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec_WebSocket_Version": "12"}, 400),
        ({"Sec_WebSocket_Key": None}, 400),
        ({"Sec_WebSocket_Key": "short"}, 400),
        ({"Sec_WebSocket_Version": None}, 400),
    ],
)
def test_what_is_no_handshake_opens_nothing(
    portal: Server, who: InChat, headers: dict[str, Any], status: int
) -> None:
    wire = handshake(portal.port, portal.ticket(who), **headers)
    wire.raw.close()

    assert wire.head.startswith(f"HTTP/1.1 {status} ".encode())


def test_the_handshake_says_the_first_protocol_and_no_ticket(portal: Server, who: InChat) -> None:
    ticket = portal.ticket(who)
    wire = handshake(portal.port, ticket)
    wire.raw.close()

    head = wire.head.decode().lower()
    assert "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=" in head
    assert "sec-websocket-protocol: portal.v1.json" in head
    assert ticket.lower() not in head
