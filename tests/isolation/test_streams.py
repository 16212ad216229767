"""Every stream, by every frame, as somebody whose it is not: nothing arrives, nothing is written.

Real sockets at the real server. Where streams are made, which frames a client may say and who may sit at
a socket is read from the code, so that a new kind of any of them fails here until it is told about.
"""

import ast
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args
from uuid import uuid4

import orjson
import pytest
from django.test import override_settings
from django.utils import timezone

from messaging.conversations.actions import post_bank_text, tell_customer
from messaging.conversations.models import Stream
from messaging.delivery import frames
from messaging.delivery.consumers import SEATS, say_typing
from messaging.delivery.seats import CustomerSeat, ProgramSeat
from messaging.programs.public import stream_of_consent
from partners.events import EntriesChanged, account_key
from portal.environment import ROOT
from portal.outbox.publishing import publish
from portal.tenancy.blocks import serving
from tests.isolation.cast import Home
from tests.isolation.witness import Change, Witness
from tests.isolation.world import World, hear_everything
from tests.messaging.delivery.live import Client, Server

pytestmark = pytest.mark.slow  # and with a database: that of the module's own server

# Who makes a stream, and of which kinds.
MAKERS = {
    "messaging/conversations/actions.py:open_conversation": {"conv", "user"},
    "messaging/conversations/actions.py:tell_stream": {"consent"},
    "messaging/programs/actions.py:open_stream": {"consent"},
}
KINDS = frozenset[str]().union(*MAKERS.values())
# What a client says about a stream by each frame of the protocol, and what it is told.
FRAMES: dict[type[Any], Callable[[str], Sequence[tuple[Mapping[str, Any], str]]]] = {
    frames.Hello: lambda _stream: [],  # said once, by joining
    frames.Sub: lambda stream: [
        ({"t": "sub", "stream": stream, "seq": 0}, "no_such_stream"),
        ({"t": "sub", "stream": stream, "seq": 9**9, "epoch": str(uuid4())}, "no_such_stream"),
    ],
    frames.Unsub: lambda stream: [({"t": "unsub", "stream": stream}, "ok")],
    frames.Ack: lambda stream: [
        ({"t": "ack", "stream": stream, "delivered": 9, "read": 9}, "not_subscribed")
    ],
    frames.Typing: lambda stream: [({"t": "typing", "stream": stream}, "not_subscribed")],
    frames.Auth: lambda _stream: [],  # has tests of its own, below
    frames.Ping: lambda _stream: [],
}


@pytest.fixture(scope="module")
def portal(world: World, django_db_blocker: Any) -> Iterator[Server]:
    """One server for all of them, which reads what is committed, and beats quickly."""
    beat = override_settings(REALTIME_HEARTBEAT=timedelta(milliseconds=300))
    with django_db_blocker.unblock(), beat:
        server = Server()
        server.start()
        yield server
        server.stop()


@pytest.fixture
def witness(portal: Server, world: World) -> Witness:
    return Witness(world.bank_ids)


# --- the lists themselves -------------------------------------------------------------------------


def makers_of_streams() -> Iterator[str]:
    for folder in ("accounts", "messaging", "partners", "portal"):
        for path in sorted(Path(ROOT, folder).rglob("*.py")):
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, ast.FunctionDef) and makes_a_stream(function):
                    yield f"{path.relative_to(ROOT)}:{function.name}"


def makes_a_stream(function: ast.FunctionDef) -> bool:
    called = (each.func for each in ast.walk(function) if isinstance(each, ast.Call))
    return any(isinstance(each, ast.Name) and each.id == "Stream" for each in called)


@pytest.mark.usefixtures("portal")
def test_every_kind_of_stream_frame_and_seat_is_known(world: World) -> None:
    made = set()
    for bank_id in world.bank_ids:
        hear_everything(bank_id)
        with serving(bank_id):
            names = Stream.objects.exclude(name__regex=r"^\d+$").values_list("name", flat=True)
            made |= {each.partition(":")[0] for each in names}

    assert set(makers_of_streams()) == set(MAKERS)
    assert made == KINDS
    assert set(get_args(frames.Frame)) == set(FRAMES)
    assert set(SEATS) == {CustomerSeat, ProgramSeat}


# --- who listens ----------------------------------------------------------------------------------


def streams_of(home: Home) -> list[str]:
    """What is the home's, by every name that anybody could try."""
    consent = stream_of_consent(home.consent.id)
    names = [
        home.chat.stream,
        f"user:{home.customer.id}",
        consent,
        f"consent:{home.reference}",
        f"inbox:{home.bank_id}",
        f"conv-staff:{home.chat.conversation.id}",
    ]
    assert {each.partition(":")[0] for each in names} >= KINDS
    return names


def join(portal: Server, world: World, who: str) -> Client:
    if who == "other_program":
        return portal.join_as_program(world.other_program.token)
    return portal.join({"neighbour": world.neighbour, "stranger": world.stranger}[who].chat)


def home_of(world: World, who: str) -> Home:
    """Whose streams they may follow."""
    return world.stranger if who == "stranger" else world.neighbour


def own_stream(world: World, who: str) -> str:
    home = home_of(world, who)
    return f"consent:{home.reference}" if who == "other_program" else home.chat.stream


def speak(world: World, home: Home) -> None:
    """Something new in each stream of the home's."""
    with serving(home.bank_id):
        post_bank_text(
            conversation_id=home.chat.conversation.id,
            text=f"News for {home.mark}",
            staff_id=uuid4(),
            at=timezone.now(),
        )
        tell_customer(customer_id=home.customer.id, kind="links.changed", at=timezone.now())
        changed = EntriesChanged(account_id=home.account.id, since_seq=0, through_seq=1)
        publish(changed, key=account_key(home.account.id), occurred_at=timezone.now())
    say_typing(home.bank_id, home.chat.stream, name="")
    hear_everything(home.bank_id)


IMPOSTORS = pytest.mark.parametrize("who", ["neighbour", "stranger", "other_program"])


@IMPOSTORS
def test_nothing_of_anothers_arrives_and_nothing_is_written(
    portal: Server, world: World, witness: Witness, who: str
) -> None:
    victim = world.victim
    client = join(portal, world, who)
    tried = streams_of(victim)
    for stream in tried:
        # A program that types is cut off for that alone.
        try_every_frame(client, stream, types=who != "other_program")
    client.until("hb")

    assert [str(each) for each in witness.changes() if not is_refusal(each, world)] == []

    assert client.follow(own_stream(world, who))["t"] in {"synced", "reset"}
    speak(world, victim)
    speak(world, home_of(world, who))
    client.until_true(lambda each: each["t"] in {"event", "reset", "synced"})
    client.until("hb")
    require_nothing_of(world, client, home_of(world, who), tried)


def try_every_frame(client: Client, stream: str, *, types: bool) -> None:
    for kind, say in FRAMES.items():
        for said, told in say(stream) if types or kind is not frames.Typing else ():
            client.say(said["t"], **{name: each for name, each in said.items() if name != "t"})
            answer = client.until_true(lambda each: each["t"] != "hb")
            assert answer.get("code", answer["t"]) == told


def require_nothing_of(world: World, client: Client, home: Home, tried: Sequence[str]) -> None:
    said = orjson.dumps(client.said).decode()
    seen = orjson.dumps(client.frames).decode()
    secrets = world.secrets_of_victim(home)
    if home is world.stranger:
        secrets |= world.secrets_of_bank()
    assert {each for each in secrets if each in seen and each not in said} == set()
    assert not any(each in seen for each in tried)
    assert f"News for {world.victim.mark}" not in seen


def is_refusal(change: Change, world: World) -> bool:
    """A program's guess is noted of the program, and names nobody."""
    row = change.row
    if change.table == "accounts_unsealed":
        # The id of such a note, until it is sealed.
        return change.before is None
    own = row.get("recipient") == f"client:{world.other_program.client.pk}"
    noted = change.table in {"accounts_disclosure", "accounts_disclosurecount"}
    return noted and own and row["pseudonym"] is None and row.get("consent_id") is None


def test_whose_they_are_hears_it(portal: Server, world: World) -> None:
    victim = world.victim
    customer = portal.join(victim.chat)
    program = portal.join_as_program(world.program.token)
    for stream in streams_of(victim)[:2]:
        assert customer.follow(stream)["t"] in {"synced", "reset"}
    assert program.follow(f"consent:{victim.reference}")["t"] in {"synced", "reset"}

    speak(world, victim)

    heard = {"message.created", "links.changed"}
    while heard:
        heard -= {customer.until("event")["type"]}
    customer.say("ack", stream=victim.chat.stream, delivered=1, read=1)
    assert customer.until_true(lambda each: each.get("re") == "ack")["t"] == "ok"
    assert program.until("event")["stream"] == f"consent:{victim.reference}"


# --- tickets --------------------------------------------------------------------------------------


def ticket_of(portal: Server, world: World, whose: str) -> str:
    if whose == "program":
        return portal.program_ticket(world.program.token)
    return portal.ticket(getattr(world, whose).chat)


@pytest.mark.parametrize(
    ("who", "whose", "code"),
    [
        ("neighbour", "victim", 4001),
        ("stranger", "victim", 4001),
        ("other_program", "program", 4001),
        ("neighbour", "program", 4201),
        ("other_program", "victim", 4201),
    ],
)
def test_another_s_ticket_ends_the_socket(
    portal: Server, world: World, witness: Witness, who: str, whose: str, code: int
) -> None:
    client = join(portal, world, who)

    client.say("auth", ticket=ticket_of(portal, world, whose))

    assert client.close_code() == code
    assert client.of("ok") == []
    assert witness.changes() == []


@pytest.mark.parametrize("whose", ["victim", "program"])
def test_a_ticket_is_good_once_and_not_for_long(
    portal: Server, world: World, witness: Witness, settings: Any, whose: str
) -> None:
    settings.REALTIME_TICKET_AGE = timedelta(seconds=1)
    late = ticket_of(portal, world, whose)
    settings.REALTIME_TICKET_AGE = timedelta(seconds=30)
    used = ticket_of(portal, world, whose)
    if whose == "program":
        client = portal.join_as_program(world.program.token)
    else:
        client = portal.join(world.victim.chat)

    client.say("auth", ticket=used)
    assert client.until("ok")["re"] == "auth"
    time.sleep(1.1)

    where = {"host": "api.portal.localhost", "origin": None} if whose == "program" else {}
    assert [portal.open(each, **where).close_code() for each in (used, late)] == [4201, 4201]
    client.say("auth", ticket=used)
    assert client.close_code() == 4201
    assert witness.changes() == []
