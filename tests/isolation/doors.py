"""Every door through which something is written, and a good call of each by whoever it is for."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts.signin.actions import make_window_code
from accounts.signin.models import WindowCode
from messaging.conversations.models import Stream
from messaging.delivery.seats import CustomerSeat, ProgramSeat, Seat
from partners.events import AlertRaised
from portal.outbox.events import Subscription
from portal.outbox.models import OutboxDelivery
from portal.outbox.publishing import publish
from portal.outbox.relay import deliver_one
from portal.subscriptions import SUBSCRIPTIONS
from portal.tenancy.blocks import serving
from tests.isolation.impostors import arguments_of, bearer, rightful
from tests.isolation.routes import Good, Kind, Route, idempotency_key, routes, send
from tests.isolation.test_tasks import OF_ONE_BANK, event_about, run_for
from tests.isolation.world import World

# One call, once it is prepared: what it answers, if it does.
Call = Callable[[], Any]
NOTHING_TO_WRITE = frozenset(
    {
        # Tickets are Valkey's.
        "POST api /api/v1/realtime/tickets",
        "POST chat /api/v1/realtime/tickets",
    }
)
API, CHAT = f"api.{settings.PORTAL_BASE_HOST}", f"chat.{settings.PORTAL_BASE_HOST}"


@dataclass(frozen=True)
class Door:
    """`prepare` does what has to be so before, and is never broken off; what it gives is the call."""

    name: str
    prepare: Callable[[World], Call]
    calls_bank: bool = False

    @property
    def writes(self) -> bool:
        """Whether a good call writes at all: a page may only show."""
        return not self.name.startswith("GET ") and self.name not in NOTHING_TO_WRITE


def doors() -> Iterator[Door]:
    owned = [each for each in routes() if each.kind not in {Kind.PERSON, Kind.PROVEN, Kind.OPEN}]
    for route in owned:
        for method in route.methods:
            yield _route(route, method)
    yield from _proven()
    yield from _frames()
    yield from (_heard(each) for each in SUBSCRIPTIONS)
    yield from (Door(f"task {name}", _task(name)) for name in OF_ONE_BANK)


def _route(route: Route, method: str) -> Door:
    good = route.good(method) or Good()

    def prepare(world: World) -> Call:
        path = route.path(arguments_of(world, world.victim))
        sent, headers = good.make(world, world.victim), rightful(world, route)
        return lambda: send(route, method, path, sent, headers)

    return Door(f"{method} {route.key}", prepare, calls_bank=good.calls_bank)


# --- whoever proves it in the body ----------------------------------------------------------------


def _post(path: str, body: Any, kind: str, **headers: str) -> Call:
    browser = Browser(raise_request_exception=False)
    return lambda: browser.post(path, body, kind, headers=headers)


def _notification(world: World) -> Call:
    path = f"/open-banking/{world.house.bank.slug}/event-notifications"
    return _post(path, world.house.notification(), "application/jwt", Host=API)


def _session(world: World) -> Call:
    bank = world.house.bank
    said = world.house.signer.assertion(bank, sub=world.victim.customer.external_id)
    body = {"bank": bank.slug, "assertion": said}
    origin = {"Host": CHAT, "Origin": settings.CHAT_ORIGIN}
    return _post("/api/v1/widget/sessions", body, "application/json", **origin)


def _token(world: World) -> Call:
    pair = b64encode(f"{world.program.client.client_id}:client-secret".encode()).decode()
    return _post(
        "/oauth/token",
        "grant_type=client_credentials",
        "application/x-www-form-urlencoded",
        Host=API,
        Authorization=f"Basic {pair}",
    )


def _window(purpose: str, path: str) -> Door:
    def prepare(world: World) -> Call:
        with world.victim.serving():
            code = make_window_code(
                customer_id=world.victim.customer.id, purpose=purpose, at=timezone.now()
            ).code
        browser = Browser(raise_request_exception=False)
        origin = {"Host": CHAT, "Origin": settings.CHAT_ORIGIN}
        return lambda: browser.post(path, {"code": code}, headers=origin)

    return Door(f"POST chat {path}", prepare)


def _proven() -> Iterator[Door]:
    yield Door("POST api /open-banking/…/event-notifications", _notification)
    yield Door("POST chat /api/v1/widget/sessions", _session)
    yield Door("POST api /oauth/token", _token)
    yield _window(WindowCode.Purpose.LINK, "/link/")
    yield _window(WindowCode.Purpose.REACHING, "/reaching/enter")
    yield _window(WindowCode.Purpose.SHARING, "/sharing/enter")


# --- frames of a socket, as its seat hears them ---------------------------------------------------


def _seat(world: World, kind: type[Seat]) -> Seat:
    """Admitted by a ticket, as a handshake is."""
    is_chat = kind is CustomerSeat
    token = world.victim.chat.token if is_chat else world.program.token
    answered = Browser().post(
        "/api/v1/realtime/tickets",
        {},
        "application/json",
        headers={"Host": CHAT if is_chat else API} | bearer(token) | idempotency_key(),
    )
    seat: Any = kind.admit(answered.json()["ticket"])  # type: ignore[attr-defined]  # each has it
    assert seat is not None
    return seat  # type: ignore[no-any-return]  # as above


def _sub_to_conversation(world: World) -> Call:
    seat, name = _seat(world, CustomerSeat), world.victim.chat.stream
    key = seat.key_of(name, None)
    assert key is not None
    return lambda: seat.read(key, 0, None)


def _ack(world: World) -> Call:
    seat, name = _seat(world, CustomerSeat), world.victim.chat.stream
    key = seat.key_of(name, None)
    assert key is not None
    with world.victim.serving():
        head = Stream.objects.get(name=name).head
    return lambda: seat.acknowledge(key, delivered=head, read=head)


def _sub_to_consent(world: World) -> Call:
    bank_id = world.house.bank.id
    with serving(bank_id):
        publish(event_about(AlertRaised, world), key=f"told:{uuid4()}", occurred_at=timezone.now())
    while deliver_one(bank_id=bank_id, at=timezone.now()):
        pass
    seat = _seat(world, ProgramSeat)
    key = seat.key_of(f"consent:{world.victim.reference}", None)
    assert key is not None
    return lambda: seat.read(key, 0, None)


def _frames() -> Iterator[Door]:
    yield Door("frame sub of a conversation", _sub_to_conversation)
    yield Door("frame sub of a consent", _sub_to_consent)
    yield Door("frame ack", _ack)


# --- what is heard, and what is woken -------------------------------------------------------------


def _heard(subscription: Subscription) -> Door:
    """One delivery, to this listener alone."""

    def prepare(world: World) -> Call:
        bank_id = world.house.bank.id
        event = event_about(subscription.event, world)
        with serving(bank_id):
            # What waits already, and what other listeners hear, are other deliveries.
            OutboxDelivery.objects.update(due_at=None)
            publish(event, key=f"tried:{uuid4()}", occurred_at=timezone.now())
            others = OutboxDelivery.objects.exclude(listener=subscription.listener)
            others.update(due_at=None)
        return lambda: deliver_one(bank_id=bank_id, at=timezone.now())

    return Door(f"event {subscription.event.name} heard by {subscription.listener}", prepare)


def _task(name: str) -> Callable[[World], Call]:
    return lambda world: lambda: run_for(name, world.house)
