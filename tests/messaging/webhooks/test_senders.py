"""How senders get on with receivers, and with each other: real connections to real servers."""

import ssl
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.db import connections
from django.utils import timezone

from messaging.webhooks.models import WebhookDelivery, WebhookEndpoint
from messaging.webhooks.sending import claim_everywhere
from messaging.webhooks.tasks import send_due
from portal.outside import line
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_client
from tests.messaging.delivery.scene import Scene
from tests.messaging.webhooks.receiver import Receiver, Reply, receiving
from tests.messaging.webhooks.world import NOTHING, World, outcomes, send

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


# --- each on its own ----------------------------------------------------------------------------------


def test_a_slow_receiver_delays_no_other(receiver: Receiver, settings: Any) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 3
    program = make_client()
    with receiving() as slow:
        world = World(receiver, Scene(client=program))
        World(slow, world.scene)
        slow.otherwise = NOTHING
        for _ in range(6):
            world.scene.change()
        came: list[int] = []
        _while_sending(lambda: came.append(len(receiver.wait_for(6))))

        # All of the good one's came while the slow one's first were still waiting for an answer.
        assert came == [6]
        assert len(slow.received) == 4
    assert [each["status"] for each in world.log()] == ["delivered"] * 6


def _while_sending(look: Callable[[], None]) -> None:
    sender = Thread(target=_send_in_thread)
    sender.start()
    try:
        look()
    finally:
        sender.join(30)


def _send_in_thread() -> None:
    try:
        send()
    finally:
        connections.close_all()


def test_a_failing_endpoint_rests_and_is_asked_with_one_at_a_time(
    receiver: Receiver, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 2
    world = World(receiver)
    receiver.otherwise = Reply(500)
    for _ in range(8):
        world.scene.change()
    at = timezone.now()
    send(at)
    first = len(receiver.received)
    send(at)
    resting = len(receiver.received)
    send(at + timedelta(minutes=1))

    assert first <= 4
    assert resting == first
    assert len(receiver.received) == first + 1
    assert world.endpoint()["failures"] == first + 1


def put_off(scene: Scene, *, until: datetime) -> None:
    """Whatever waits is not due before that time, however slow the machine is."""
    with serving(scene.home.bank_id):
        WebhookDelivery.objects.filter(status="pending").update(due_at=until)


def test_a_failing_event_blocks_neither_the_next_nor_another_endpoint(receiver: Receiver) -> None:
    world = World(receiver)
    with receiving() as other:
        second = World(other, world.scene)
        receiver.replies = [Reply(500)]
        world.scene.change()
        at = timezone.now()
        send(at)
        put_off(world.scene, until=at + timedelta(hours=1))
        world.scene.change()
        send(at + timedelta(minutes=10))

        assert [each["status"] for each in world.log()] == ["pending", "delivered"]
        assert [each["status"] for each in second.log()] == ["delivered", "delivered"]


# --- where it may go ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "https://localhost/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://169.254.169.254/",
        "https://[::ffff:127.0.0.1]/",
    ],
)
def test_an_address_of_no_public_machine_is_never_connected_to(
    world: World, settings: Any, url: str
) -> None:
    # Stored when it was allowed, or by somebody who got round the form.
    settings.CALLS_TO_LOOPBACK = False
    WebhookEndpoint.objects.update(url=url.format(port=world.receiver.port))
    world.scene.change()
    send()

    (logged,) = world.log()
    assert outcomes(logged) == [("not_allowed", None)]
    assert world.receiver.received == []


def test_a_name_that_does_not_resolve_is_unreachable(world: World) -> None:
    WebhookEndpoint.objects.update(url="https://nowhere.invalid/")
    world.scene.change()
    send()

    (logged,) = world.log()
    assert outcomes(logged) == [("unreachable", None)]


def test_a_certificate_that_nobody_vouches_for_is_no_connection(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusting = _with_certificate(world.receiver, tmp_path)
    WebhookEndpoint.objects.update(url=f"https://hooks.localhost:{world.receiver.port}/in")
    world.scene.change()
    at = timezone.now()
    send(at)
    monkeypatch.setattr(line, "_trust", lambda: trusting)
    send(at + timedelta(minutes=1))

    (logged,) = world.log()
    assert outcomes(logged) == [("unreachable", None), ("delivered", 204)]
    assert world.receiver.received[0].headers["host"] == f"hooks.localhost:{world.receiver.port}"


def _with_certificate(receiver: Receiver, folder: Path) -> ssl.SSLContext:
    """Give the server a certificate of its own for `hooks.localhost`; a context that believes it."""
    certificate, key = make_certificate("hooks.localhost")
    (folder / "pair.pem").write_bytes(certificate + key)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(folder / "pair.pem")
    receiver.speak_tls(theirs)
    return ssl.create_default_context(cadata=certificate.decode())


def make_certificate(name: str) -> tuple[bytes, bytes]:
    """A self-signed certificate and its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = timezone.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM), secret


# --- senders side by side ---------------------------------------------------------------------------------


def test_one_that_died_is_followed_when_its_lease_is_over(world: World, settings: Any) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 2
    world.scene.change()
    at = timezone.now()
    (errand,) = claim_everywhere(lambda: at, [], 10)

    send(at + timedelta(seconds=8))
    early = len(world.receiver.received)
    send(at + timedelta(seconds=10))

    (logged,) = world.log()
    assert (early, len(world.receiver.received)) == (0, 1)
    assert errand.url == world.receiver.url
    assert [each["outcome"] for each in logged["attempts"]] == ["delivered"]


def test_only_so_many_send_at_once_and_the_others_end_at_once(world: World, settings: Any) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 3
    world.receiver.replies = [Reply(after=2.5)]
    world.scene.change()

    def look() -> None:
        world.receiver.wait_for(1)
        world.scene.change()
        send_due()
        # Ended while the first was still waiting for an answer.
        assert world.log()[0]["attempts"] == []

    sender = Thread(target=_task_in_thread)
    sender.start()
    try:
        look()
    finally:
        sender.join(30)
    assert len(world.receiver.received) == 2


def _task_in_thread() -> None:
    try:
        send_due()
    finally:
        connections.close_all()
