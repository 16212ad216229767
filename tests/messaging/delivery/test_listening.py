"""A subscription as Valkey serves it: what is said arrives whole and in its order, and its end is told."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from messaging.delivery.listening import subscribed_to
from portal.outbox.pokes import valkey


@pytest.fixture
def channel() -> bytes:
    # Other workers' tests share the server.
    return f"test:{uuid4()}".encode()


class Ear:
    """Keeps what it hears until somebody asks."""

    def __init__(self) -> None:
        self._heard: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()

    def hear(self, channel: bytes, text: bytes) -> None:
        self._heard.put_nowait((channel, text))

    async def next(self, count: int) -> list[tuple[bytes, bytes]]:
        async with asyncio.timeout(10):
            return [await self._heard.get() for _ in range(count)]


def listeners(channel: bytes) -> int:
    [(_, count)] = valkey().pubsub_numsub(channel)
    return int(count)


async def test_what_is_said_once_it_stands_is_heard_in_its_order(channel: bytes) -> None:
    ear = Ear()
    other = channel + b"/other"

    async with subscribed_to(settings.VALKEY_URL, [channel, other], ear.hear):
        with valkey().pipeline(transaction=False) as together:
            for number in range(1000):
                together.publish([channel, other][number % 2], str(number))
            together.execute()
        heard = await ear.next(1000)

    assert heard == [([channel, other][each % 2], str(each).encode()) for each in range(1000)]


async def test_what_comes_in_many_pieces_is_one(channel: bytes) -> None:
    ear = Ear()
    long = b"x" * 3_000_000

    async with subscribed_to(settings.VALKEY_URL, [channel], ear.hear):
        valkey().publish(channel, long)
        valkey().publish(channel, "short")
        heard = await ear.next(2)

    assert [text for _, text in heard] == [long, b"short"]


async def test_a_subscription_that_is_cut_says_so(channel: bytes) -> None:
    async with subscribed_to(settings.VALKEY_URL, [channel], lambda *_: None) as subscription:
        valkey().execute_command("CLIENT", "KILL", "TYPE", "pubsub")

        with pytest.raises(redis.ConnectionError):
            await asyncio.wait_for(subscription.ended, 10)


async def test_one_that_is_left_is_closed(channel: bytes) -> None:
    async with subscribed_to(settings.VALKEY_URL, [channel], lambda *_: None):
        held = listeners(channel)
    for _ in range(500):
        if not listeners(channel):
            break
        await asyncio.sleep(0.01)

    assert (held, listeners(channel)) == (1, 0)


async def test_where_nobody_answers_there_is_none() -> None:
    with pytest.raises((redis.RedisError, OSError)):
        async with subscribed_to("redis://127.0.0.1:1/0", [b"any"], lambda *_: None):
            pass


async def test_a_channel_that_may_not_be_heard_is_refused(channel: bytes) -> None:
    name = f"deaf-{uuid4().hex}"
    valkey().execute_command("ACL", "SETUSER", name, "on", ">secret", "+@all", "resetchannels")
    path = urlsplit(settings.VALKEY_URL).path
    try:
        with pytest.raises(redis.ResponseError):
            async with subscribed_to(f"unix://{name}:secret@{path}", [channel], lambda *_: None):
                pass
    finally:
        valkey().execute_command("ACL", "DELUSER", name)


async def test_over_tls_it_is_heard_the_same(channel: bytes, tmp_path: Path) -> None:
    ear = Ear()
    certificate = made_certificate(tmp_path / "certificate.pem")
    password = urlsplit(settings.VALKEY_URL).password

    async with (
        behind_tls(certificate) as port,
        subscribed_to(
            f"rediss://:{password}@127.0.0.1:{port}/0?ssl_ca_certs={certificate}",
            [channel],
            ear.hear,
        ),
    ):
        valkey().publish(channel, "x" * 300_000)
        valkey().publish(channel, "short")
        heard = await ear.next(2)

    assert [len(text) for _, text in heard] == [300_000, 5]


def made_certificate(path: Path) -> Path:
    """A certificate for this machine, and its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@asynccontextmanager
async def behind_tls(certificate: Path) -> AsyncIterator[int]:
    """A port of this machine that speaks TLS, and hands on to Valkey what it unpacks."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    carrying: list[asyncio.Task[None] | None] = []

    async def carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrying.append(asyncio.current_task())
        theirs, ours = await asyncio.open_unix_connection(urlsplit(settings.VALKEY_URL).path)
        await asyncio.gather(carry(reader, ours), carry(theirs, writer))

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while said := await reader.read(65536):
                writer.write(said)
                await writer.drain()
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(carried, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*filter(None, carrying))
