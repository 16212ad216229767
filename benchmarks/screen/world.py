"""A bank with customers, their conversations and sessions, on servers of the benchmark's own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import django
import orjson

from portal.local.testing import Servers, servers

BANK = "Benchmark Bank"


@dataclass(frozen=True)
class Listener:
    """One customer with an open conversation and a session that outlasts the run."""

    customer_id: str
    conversation_id: str
    session_id: str

    @property
    def stream(self) -> str:
        return f"conv:{self.conversation_id}"


@dataclass(frozen=True)
class World:
    """What the benchmark's programs are told: the bank, its listeners, where the servers answer."""

    bank_id: str
    listeners: list[Listener]
    runtime_url: str
    valkey_url: str

    def save(self, path: Path) -> None:
        path.write_bytes(orjson.dumps(asdict(self)))

    @classmethod
    def load(cls, path: Path) -> "World":
        said = orjson.loads(path.read_bytes())
        listeners = [Listener(**each) for each in said.pop("listeners")]
        return cls(listeners=listeners, **said)


@contextmanager
def running_world(folder: Path, *, customers: int) -> Iterator[World]:
    """Servers that keep what is committed (fsync on), a migrated database, and customers in their chats."""
    with servers(folder / "servers", durable=True) as running:
        _point_django_at(running)
        from django.core.management import call_command  # noqa: PLC0415  # needs the settings

        call_command("migrate", database="owner", verbosity=0)
        yield _filled(running, customers)


def _point_django_at(running: Servers) -> None:
    os.environ.update(running.environ())
    os.environ.setdefault("PORTAL_SECRET_KEY", uuid4().hex * 2)
    os.environ.setdefault("PORTAL_KEYS", "test1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
    django.setup()


def _filled(running: Servers, customers: int) -> World:
    from django.utils import timezone  # noqa: PLC0415  # needs the settings

    from accounts.signin.models import WidgetSession  # noqa: PLC0415
    from messaging.conversations.actions import open_conversation  # noqa: PLC0415
    from partners.banks.models import Bank, Customer  # noqa: PLC0415
    from portal.tenancy.blocks import serving  # noqa: PLC0415

    at = timezone.now()
    bank = Bank.objects.create(name=BANK, slug="benchmark", status=Bank.Status.ADMITTED)
    listeners = []
    with serving(bank.id):
        for number in range(customers):
            customer = Customer.objects.create(external_id=f"c{number}", display_name="Somebody")
            conversation = open_conversation(customer_id=customer.id, at=at)
            session = WidgetSession.objects.create(
                customer=customer,
                token_digest=uuid4().hex,
                created_at=at,
                expires_at=at + timedelta(hours=2),
            )
            listeners.append(Listener(str(customer.id), str(conversation.id), str(session.id)))
    return World(str(bank.id), listeners, running.runtime_url, os.environ["VALKEY_URL"])


def tickets(world: World) -> list[str]:
    """A ticket for each listener's socket, as the REST door gives them."""
    from django.utils import timezone  # noqa: PLC0415  # needs the settings

    from accounts.signin.queries import WidgetPrincipal  # noqa: PLC0415
    from messaging.delivery.seats import customer_ticket  # noqa: PLC0415

    at = timezone.now()
    return [
        customer_ticket(
            WidgetPrincipal(
                bank_id=UUID(world.bank_id),
                customer_id=UUID(each.customer_id),
                session_id=UUID(each.session_id),
                expires_at=at + timedelta(hours=2),
            )
        ).text
        for each in world.listeners
    ]
