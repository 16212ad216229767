"""What really goes over the socket, held against docs/asyncapi.yaml."""

from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import yaml
from django.test import Client as BareClient
from django.utils import timezone
from jsonschema import Draft202012Validator, FormatChecker

from messaging.conversations.actions import post_bank_text, tell_customer, user_stream
from messaging.delivery.consumers import say_typing
from messaging.delivery.frames import BadFrame, Close, read_frame
from messaging.programs.public import TOLD, WITHHELD
from partners.feeds.models import Feed
from portal.tenancy.blocks import serving
from tests.factories.messaging import InChat, make_in_chat
from tests.messaging.conversations.test_api import say
from tests.messaging.delivery.live import Client, Server, portal_beating
from tests.messaging.delivery.scene import Scene
from tests.messaging.delivery.test_handlers import messages as messages_in
from tests.messaging.delivery.test_papers import Scene as Purchases
from tests.messaging.delivery.test_papers import old_balance

__all__ = ["portal_beating"]

DOCS = Path(__file__).resolve().parents[2] / "docs"
SPEC: dict[str, Any] = yaml.safe_load((DOCS / "asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = SPEC["components"]["messages"]


def messages_of(operation: str) -> set[str]:
    listed = SPEC["operations"][operation]["messages"]
    return {each["$ref"].rpartition("/")[2] for each in listed}


CLIENTS, PORTALS = messages_of("clientSays"), messages_of("portalSays")
PROGRAMS, HEARD = messages_of("programSays"), messages_of("programHears")


def faults(frame: dict[str, Any]) -> list[str]:
    """What the document has against a frame."""
    return faults_of(frame, MESSAGES[frame["t"]]["payload"])


def faults_of(said: Any, schema: dict[str, Any]) -> list[str]:
    """What a schema of the document's has against what was said."""
    whole = schema | {"components": SPEC["components"]}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [f"{each.json_path}: {each.message}" for each in validator.iter_errors(said)]


def test_the_document_names_each_frame_once_and_every_schema_is_one() -> None:
    for message in MESSAGES.values():
        Draft202012Validator.check_schema(message["payload"])

    assert CLIENTS | PORTALS == set(MESSAGES) == set(SPEC["channels"]["socket"]["messages"])
    assert set() == CLIENTS & PORTALS
    of_programs = PROGRAMS | HEARD
    assert (
        of_programs
        == set(MESSAGES) - {"typing", "eph"}
        == set(SPEC["channels"]["programs"]["messages"])
    )


def test_a_wrong_frame_would_be_noticed() -> None:
    good = {"t": "synced", "stream": "conv:1", "epoch": "e", "head": 1, "recovered": True}

    assert faults(good) == []
    assert len(faults(good | {"head": -1, "more": 1})) == 2


@pytest.mark.django_db(transaction=True)
def test_everything_that_is_said_is_as_documented(portal_beating: Server) -> None:
    who = make_in_chat()
    client = portal_beating.join(who)

    _talk(portal_beating, client, who)

    assert [fault for each in client.frames + client.said for fault in faults(each)] == []
    assert {each["t"] for each in client.frames} == PORTALS
    assert {each["t"] for each in client.said} == CLIENTS
    assert client.raw.close_code == Close.DRAIN


@pytest.mark.django_db
def test_cards_about_purchases_and_balances_are_as_documented(client: BareClient) -> None:
    scene = Purchases()
    old_balance(scene)
    scene.deliver(scene.receipt(discount_minor=20, total_minor=1400))
    scene.deliver(scene.parcel("delayed"))
    say(client, scene.who, "balance")
    shown = messages_in(client, scene.who)
    with serving(scene.who.bank.id):
        Feed.objects.update(enabled=False)

    withheld = messages_in(client, scene.who)

    kinds = [each["kind"] for each in shown]
    assert kinds == ["receipt", "shipment", "text", "balance"]
    assert [each["card"]["withheld"] for each in withheld if each["card"]] == ["not_shared"] * 3
    schema = {"$ref": "#/components/schemas/message"}
    assert [fault for each in shown + withheld for fault in faults_of(each, schema)] == []
    wrong = shown[0] | {"card": shown[1]["card"]}
    assert faults_of(wrong, schema) != []


@pytest.mark.django_db(transaction=True)
def test_everything_that_a_program_says_and_hears_is_as_documented(portal_beating: Server) -> None:
    scene = Scene()
    client = portal_beating.join_as_program(scene.token)

    _listen(portal_beating, client, scene)

    assert [fault for each in client.frames + client.said for fault in faults(each)] == []
    assert {each["t"] for each in client.frames} == HEARD
    assert {each["t"] for each in client.said} == PROGRAMS
    assert {each["type"] for each in client.of("event")} == {
        each.name for each in (*TOLD, WITHHELD)
    }


def _listen(portal: Server, client: Client, scene: Scene) -> None:
    client.follow(scene.stream, consent=scene.reference)
    scene.raise_alert()
    scene.change()
    client.until_true(lambda each: each.get("type") == "transactions.changed")
    client.say("ack", stream=scene.stream, delivered=1)
    client.say("auth", ticket=portal.program_ticket(scene.token))
    client.until_true(lambda each: each.get("re") == "auth")
    client.say("ping")
    client.until("pong")
    client.follow(scene.stream, seq=999)
    client.until("hb")
    client.say("unsub", stream=scene.stream)
    client.until_true(lambda each: each.get("re") == "unsub")
    scene.revoke()
    client.follow(scene.stream, seq=0)
    client.follow("conv:nobody")
    portal.drain()
    client.close_code()


def _talk(portal: Server, client: Client, who: InChat) -> None:
    client.follow(who.stream)
    client.follow(user_stream(who.customer.id))
    _rest_and_bank_say_something(portal, who)
    client.until_true(lambda each: each.get("type") == "sharing.changed")
    client.say("ack", stream=who.stream, delivered=1, read=1)
    client.until_true(lambda each: each.get("type") == "read.updated")
    say_typing(who.bank.id, who.stream, name="Banca")
    client.until("eph")
    client.say("typing", stream=who.stream)
    client.say("auth", ticket=portal.ticket(who))
    client.until_true(lambda each: each.get("re") == "auth")
    client.say("ping")
    client.until("pong")
    client.follow("conv:nobody")
    client.follow(who.stream, seq=999)
    client.until("hb")
    client.say("unsub", stream=who.stream)
    client.until_true(lambda each: each.get("re") == "unsub")
    portal.drain()
    client.close_code()


def _rest_and_bank_say_something(portal: Server, who: InChat) -> None:
    for text in ("saldo", "Hello"):
        body = {"client_msg_id": str(uuid4()), "text": text}
        path = f"/conversations/{who.conversation.id}/messages"
        assert portal.rest(who, "POST", path, body, key=uuid4().hex).status_code == 201
    with serving(who.bank.id):
        post_bank_text(
            conversation_id=who.conversation.id,
            text="Good morning",
            staff_id=UUID(int=7),
            at=timezone.now(),
        )
        tell_customer(customer_id=who.customer.id, kind="sharing.changed", at=timezone.now())


@pytest.mark.parametrize("name", sorted(CLIENTS))
def test_a_clients_frame_without_a_required_field_is_refused_as_documented(name: str) -> None:
    for field in set(MESSAGES[name]["payload"]["required"]) - {"t"}:
        frame = {"t": name, "client": "a", "stream": "b", "ticket": "c"}
        allowed = MESSAGES[name]["payload"]["properties"]
        said = {key: value for key, value in frame.items() if key in allowed and key != field}

        with pytest.raises(BadFrame):
            read_frame(str(said).replace("'", '"'))
        assert faults(said) != []
