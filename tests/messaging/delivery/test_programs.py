"""What a client program hears: real sockets on the API's host, within consents."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from accounts.clients.models import AccessToken
from accounts.clients.models import Client as ClientProgram
from accounts.consent.references import consent_reference
from messaging.conversations.models import StreamEvent
from messaging.delivery.handlers import on_alert_for_programs
from messaging.programs.actions import forget_told
from partners.banks.models import Bank
from partners.events import AlertRaised
from partners.feeds.models import Feed
from portal.outbox.events import Delivered
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_client, make_consent, make_household, share
from tests.factories.messaging import open_session_of
from tests.messaging.delivery.live import API_HOST, Client, Server
from tests.messaging.delivery.scene import FRAUD, Scene
from tests.partners.sharing.test_api import Program


def types(client: Client) -> list[str]:
    return [each["type"] for each in client.of("event")]


def seqs(client: Client) -> list[int]:
    return [each["seq"] for each in client.of("event")]


# --- coming in ------------------------------------------------------------------------------------


def test_a_token_opens_a_socket_on_the_api_host_without_an_origin(portal: Server) -> None:
    scene = Scene()

    client = portal.join_as_program(scene.token)

    assert client.raw.subprotocol == "portal.v1.json"
    assert UUID(client.frames[0]["session"])


@pytest.mark.parametrize("origin", ["https://evil.example", "null", settings.CHAT_ORIGIN])
def test_a_page_of_another_origin_is_refused(portal: Server, origin: str) -> None:
    ticket = portal.program_ticket(Scene().token)

    assert portal.open(ticket, host=API_HOST, origin=origin).close_code() == 4003


def test_a_ticket_opens_the_socket_of_its_own_host_alone(portal: Server) -> None:
    scene = Scene()
    who = open_session_of(scene.home.bank, scene.home.customer)
    program, customer = portal.program_ticket(scene.token), portal.ticket(who)

    codes = [
        portal.open(program).close_code(),
        portal.open(customer, host=API_HOST, origin=None).close_code(),
    ]

    assert codes == [4201, 4201]


def test_tickets_are_given_to_live_tokens_alone_and_counted(portal: Server) -> None:
    scene = Scene()

    good = portal.ask_as_program(scene.token, {})
    answers = [
        portal.ask_as_program("unknown", {}),
        portal.ask_as_program(scene.token, {"consent": scene.reference}),
    ]

    assert good.headers["RateLimit"].startswith('"client";r=')
    assert [each.status_code for each in answers] == [401, 400]


def test_a_ticket_of_a_token_that_has_ended_opens_nothing(portal: Server) -> None:
    scene = Scene()
    ticket = portal.program_ticket(scene.token)
    AccessToken.objects.update(expires=timezone.now())

    assert portal.open(ticket, host=API_HOST, origin=None).close_code() == 4201


# --- what is told ---------------------------------------------------------------------------------


def test_an_alert_is_heard_with_its_transaction_as_rest_shows_it(portal: Server) -> None:
    scene = Scene()
    scene.relay()
    client = portal.join_as_program(scene.token)
    synced = client.follow(scene.stream, consent=scene.reference)

    alert = scene.raise_alert()
    heard = client.until("event")

    page = scene.program.get(f"accounts/{scene.home.account.id}/transactions").json()
    (transaction,) = [it for it in page["transactions"] if it["id"] == str(alert.entry_id)]
    assert (synced["t"], synced["head"], types(client)[0]) == ("synced", 1, "consent.granted")
    assert (heard["stream"], heard["seq"]) == (scene.stream, 2)
    assert (heard["type"], heard["version"]) == ("alert.raised", 1)
    assert heard["data"] == {
        "alert_id": str(alert.id),
        "alert_type": FRAUD,
        "account_id": str(scene.home.account.id),
        "raised_at": alert.raised_at.isoformat().replace("+00:00", "Z"),
        "transaction": transaction,
        "withheld": None,
    }


def test_what_is_heard_is_written_down_as_read_by_the_program(portal: Server) -> None:
    scene = Scene()
    client = portal.join_as_program(scene.token)
    client.follow(scene.stream)

    scene.raise_alert()
    client.until_true(lambda each: each.get("type") == "alert.raised")

    released = scene.disclosures(decision="released")
    assert [(each.feed, each.row_count) for each in released] == [(FRAUD, 1), ("transactions", 1)]
    assert {each.recipient for each in released} == {f"client:{scene.client.id}"}
    assert {each.consent_id for each in released} == {scene.consent.id}
    assert {each.pseudonym for each in released} == {scene.home.customer.pseudonym}


def test_changes_are_heard_by_their_ids_within_the_allowed_history(portal: Server) -> None:
    scene = Scene(terms={"history_from": date(2026, 1, 1)})
    client = portal.join_as_program(scene.token)
    client.follow(scene.stream)

    scene.change(booked_on=date(2025, 12, 31))
    old = client.until_true(lambda each: each.get("type") == "transactions.changed")
    new = scene.change(2, booked_on=date(2026, 1, 1))
    heard = client.until("event")

    account_id = str(scene.home.account.id)
    assert old["data"] == {"account_id": account_id, "transaction_ids": [], "has_more": False}
    assert heard["data"]["transaction_ids"] == [str(each.id) for each in new]


def test_many_changes_are_a_hundred_ids_and_a_word_that_there_are_more(portal: Server) -> None:
    scene = Scene()
    scene.change(101)

    client = portal.join_as_program(scene.token)
    client.follow(scene.stream)

    data = client.of("event")[-1]["data"]
    assert (len(data["transaction_ids"]), data["has_more"]) == (100, True)


@pytest.mark.django_db
def test_what_is_stored_of_it_is_ids_alone() -> None:
    scene = Scene()
    alert = scene.raise_alert()

    with serving(scene.home.bank_id):
        kept = StreamEvent.objects.get(kind="alert.raised")

    assert kept.data == {
        "version": 1,
        "consent_id": str(scene.consent.id),
        "alert_id": str(alert.id),
    }


@pytest.mark.django_db
def test_an_event_heard_twice_is_told_once_under_each_consent() -> None:
    scene = Scene()
    other = Scene(scene.home)
    Scene(make_household(scene.home.bank))
    alert = scene.raise_alert()
    event = AlertRaised(alert.id, alert.account_id, alert.entry_id, FRAUD)
    delivered = Delivered(uuid4(), scene.home.bank_id, timezone.now(), "")

    for _ in range(2):
        with serving(scene.home.bank_id):
            on_alert_for_programs(event, delivered)

    with serving(scene.home.bank_id):
        told = StreamEvent.objects.filter(caused_by=delivered.event_id)
        names = {each.stream for each in told}
    assert names == {f"consent:{scene.consent.id}", f"consent:{other.consent.id}"}


@pytest.mark.django_db
def test_nothing_is_told_under_a_consent_that_does_not_name_it() -> None:
    scene = Scene()
    silent = make_consent(
        scene.home.customer, [scene.home.account], client=make_client(), feeds=["balances"]
    )
    chat = make_consent(scene.home.customer, [scene.home.account], alert_types=[FRAUD])

    scene.raise_alert()
    scene.change()

    with serving(scene.home.bank_id):
        names = list(
            StreamEvent.objects.filter(stream__startswith="consent:").values_list("stream", "kind")
        )
    assert [kind for name, kind in names if name == f"consent:{silent.id}"] == ["consent.granted"]
    assert [kind for name, kind in names if name == f"consent:{chat.id}"] == []


def test_a_program_hears_of_several_customers_at_several_banks(portal: Server) -> None:
    program = make_client()
    one, other = Scene(client=program), Scene(client=program)
    client = portal.join_as_program(one.token)
    client.follow(one.stream)
    client.follow(other.stream)

    one.raise_alert()
    client.until_true(lambda each: each.get("type") == "alert.raised")
    other.raise_alert()
    client.until_true(lambda each: each.get("type") == "alert.raised")

    heard = [each["stream"] for each in client.of("event") if each["type"] == "alert.raised"]
    assert heard == [one.stream, other.stream]


# --- in order, and again ----------------------------------------------------------------------------


def test_a_program_that_was_away_gets_what_it_missed(portal: Server) -> None:
    scene = Scene()
    for _ in range(3):
        scene.change()

    client = portal.join_as_program(scene.token)
    answer = client.follow(scene.stream, seq=2)

    assert seqs(client) == [3, 4]
    assert (answer["t"], answer["head"]) == ("synced", 4)


def test_too_much_missed_an_unknown_epoch_and_what_was_forgotten_are_a_reset(
    portal: Server,
) -> None:
    scene = Scene()
    for _ in range(3):
        scene.change()
    with serving(scene.home.bank_id):
        forget_told(before=StreamEvent.objects.get(kind__startswith="trans", seq=3).at)
    client = portal.join_as_program(scene.token)

    answers = [
        client.follow(scene.stream, seq=1, epoch=str(uuid4())),
        client.follow(scene.stream, seq=99),
        client.follow(scene.stream, seq=1),
    ]
    whole = client.follow(scene.stream, seq=2)

    assert [(each["t"], each["head"]) for each in answers] == [("reset", 4)] * 3
    assert answers[0]["snapshot"]["consent"] == scene.program.get("consent").json()
    assert (whole["t"], seqs(client)) == ("synced", [3, 4])


def test_a_lost_poke_is_healed_by_the_beat(
    portal_beating: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    client = portal_beating.join_as_program(scene.token)
    client.follow(scene.stream)

    monkeypatch.setattr("portal.outbox.pokes.poke", lambda *_said: None)
    scene.change()
    heard = client.until_true(lambda each: each.get("type") == "transactions.changed")

    assert heard["seq"] == client.until("hb")["heads"][scene.stream]


# --- not one's own ----------------------------------------------------------------------------------


def test_only_ones_own_consents_have_a_stream(portal: Server) -> None:
    scene, foreign = Scene(), Scene()
    neighbour = Scene(make_household(scene.home.bank))
    chat = make_consent(scene.home.customer, [scene.home.account])
    who = open_session_of(scene.home.bank, scene.home.customer)
    client = portal.join_as_program(scene.token)
    streams = [
        foreign.stream,
        neighbour.stream,
        f"consent:{consent_reference(scene.home.bank_id, chat.id)}",
        f"consent:{consent_reference(uuid4(), scene.consent.id)}",
        f"consent:{consent_reference(foreign.home.bank_id, scene.consent.id)}",
        f"consent:{scene.consent.id}",
        scene.reference,
        who.stream,
        f"user:{scene.home.customer.id}",
        "consent:",
    ]

    answers = [client.follow(each) for each in streams]
    answers.append(client.follow(scene.stream, consent=foreign.reference))

    assert [each.get("code") for each in answers] == ["no_such_stream"] * 11
    assert client.of("event") == []


def test_a_guess_at_a_foreign_consent_is_noted_of_the_guesser_alone(portal: Server) -> None:
    scene, foreign = Scene(), Scene()

    portal.join_as_program(scene.token).follow(foreign.stream)

    (noted,) = foreign.disclosures()
    assert (noted.recipient, noted.reason) == (f"client:{scene.client.id}", "unknown_consent")
    assert (noted.pseudonym, noted.consent_id, noted.account_ids) == (None, None, [])


def test_programs_do_not_type_and_their_marks_move_nothing(portal: Server) -> None:
    scene = Scene()
    client = portal.join_as_program(scene.token)
    client.follow(scene.stream)

    client.say("typing", stream=scene.stream)
    told = client.until("err")
    client.say("ack", stream=scene.stream, delivered=1, read=1)
    done = client.until("ok")

    assert (told["code"], done["re"]) == ("bad_frame", "ack")


# --- what may not be shown --------------------------------------------------------------------------


def test_what_the_bank_shares_no_more_is_withheld_with_its_type(portal: Server) -> None:
    scene = Scene()
    scene.change()
    with serving(scene.home.bank_id):
        Feed.objects.update(enabled=False)

    client = portal.join_as_program(scene.token)
    client.follow(scene.stream, seq=1)

    (heard,) = client.of("event")
    assert (heard["type"], heard["data"]) == ("event.withheld", {"reason": "bank-not-sharing"})
    (noted,) = scene.disclosures()
    assert (noted.decision, noted.reason) == ("refused", "bank_not_sharing")


def test_a_token_of_less_scope_hears_less(portal: Server) -> None:
    scene = Scene(scope="balances")
    scene.change()

    client = portal.join_as_program(scene.token)
    client.follow(scene.stream, seq=1)

    assert client.of("event")[0]["data"] == {"reason": "not-registered"}


def test_without_the_transactions_feed_an_alert_comes_without_its_details(portal: Server) -> None:
    scene = Scene(feeds=["balances"])
    scene.raise_alert()

    client = portal.join_as_program(scene.token)
    client.follow(scene.stream, seq=1)

    data = client.of("event")[0]["data"]
    assert (data["alert_type"], data["transaction"], data["withheld"]) == (
        FRAUD,
        None,
        "not_shared",
    )


def test_what_the_bank_masks_is_null(portal: Server) -> None:
    scene = Scene()
    share(scene.home.bank, alert_types=[FRAUD], masked=["merchant_name"])
    scene.raise_alert()

    client = portal.join_as_program(scene.token)
    client.follow(scene.stream, seq=1)

    shown = client.of("event")[0]["data"]["transaction"]
    assert (shown["merchant_name"], shown["card_last4"]) == (None, "4821")


# --- the end of a consent -----------------------------------------------------------------------------


def test_revoking_ends_the_stream_at_once_whether_or_not_the_relay_runs(
    portal: Server,
) -> None:
    scene = Scene()
    client = portal.join_as_program(scene.token)
    client.follow(scene.stream)

    scene.revoke()
    last = client.until("event")
    scene.relay()
    scene.change()
    client.say("ping")
    client.until("pong")

    assert last["type"] == "consent.ended"
    assert last["data"]["status"] == "revoked"
    assert last["data"] == scene.program.get("consent").json()
    assert types(client)[-1] == "consent.ended"
    assert types(client).count("consent.ended") == 1


def test_after_the_end_nothing_of_before_leaves_any_more(portal: Server) -> None:
    scene = Scene()
    scene.raise_alert()
    scene.change()
    scene.revoke()

    client = portal.join_as_program(scene.token)
    answer = client.follow(scene.stream, seq=1)
    again = client.follow(scene.stream, seq=answer["head"])
    client.say("ack", stream=scene.stream, read=1)

    assert types(client) == ["event.withheld", "event.withheld", "consent.ended"]
    assert {each["data"].get("reason") for each in client.of("event")[:2]} == {"consent-revoked"}
    assert (answer["t"], again["t"]) == ("synced", "synced")
    # The socket follows it no longer.
    assert client.until("err")["code"] == "not_subscribed"
    assert scene.disclosures(decision="released") == []


def test_a_replaced_consent_ends_and_the_newer_one_has_its_own_stream(portal: Server) -> None:
    scene = Scene()
    client = portal.join_as_program(scene.token)
    client.follow(scene.stream)

    newer = consent_reference(scene.home.bank_id, scene.allow().id)
    last = client.until_true(lambda each: each.get("type") == "consent.ended")
    scene.relay()
    answer = client.follow(f"consent:{newer}")

    assert last["data"]["status"] == "superseded"
    assert (answer["t"], answer["head"]) == ("synced", 1)


def test_an_expired_consent_ends_at_the_next_beat(portal_beating: Server) -> None:
    scene = Scene(terms={"expires_at": timezone.now() + timedelta(seconds=4)})
    client = portal_beating.join_as_program(scene.token)
    client.follow(scene.stream)

    last = client.until_true(lambda each: each.get("type") == "consent.ended", timeout=9)

    assert last["data"]["status"] == "expired"


@pytest.mark.django_db
def test_the_relay_tells_of_an_expired_consent_when_its_time_is_over() -> None:
    scene = Scene()
    scene.relay()
    before = scene.told()
    with time_machine.travel(scene.consent.expires_at):
        for _ in range(2):
            scene.relay()

    assert before == ["consent.granted"]
    assert scene.told() == ["consent.granted", "consent.ended"]


@pytest.mark.django_db
def test_nothing_is_told_after_the_end() -> None:
    scene = Scene()
    scene.revoke()
    scene.relay()
    scene.raise_alert()

    told = scene.told()
    with serving(scene.home.bank_id):
        forget_told(before=timezone.now())
    assert told == ["consent.granted", "consent.ended"]
    # Else a later reader would say it again.
    assert scene.told() == ["consent.ended"]


# --- the end of a socket ------------------------------------------------------------------------------


def _expire_token(_scene: Scene) -> None:
    AccessToken.objects.update(expires=timezone.now())


def _suspend_client(scene: Scene) -> None:
    ClientProgram.objects.filter(pk=scene.client.pk).update(status="suspended")


def _suspend_bank(scene: Scene) -> None:
    Bank.objects.filter(pk=scene.home.bank.pk).update(status=Bank.Status.SUSPENDED)


@pytest.mark.parametrize("happens", [_expire_token, _suspend_client, _suspend_bank])
def test_an_expired_token_and_a_suspended_program_or_bank_end_at_the_next_beat(
    portal_beating: Server, happens: Any
) -> None:
    scene = Scene()
    client = portal_beating.join_as_program(scene.token)
    client.follow(scene.stream)

    happens(scene)

    assert client.close_code(timeout=3) == 4002


def test_a_suspended_bank_is_no_stream_for_now_and_others_go_on(portal_beating: Server) -> None:
    program = make_client()
    scene, other = Scene(client=program), Scene(client=program)
    _suspend_bank(scene)

    client = portal_beating.join_as_program(scene.token)
    answers = [client.follow(scene.stream), client.follow(other.stream)]
    client.until("hb")

    assert (answers[0]["code"], answers[0]["temporary"]) == ("bank_suspended", True)
    assert answers[1]["t"] == "synced"


def test_a_newer_token_of_the_same_program_renews_and_anothers_does_not(
    portal_beating: Server,
) -> None:
    scene, other = Scene(), Scene()
    client = portal_beating.join_as_program(scene.token)
    newer = Program(scene.client, scene.reference)

    client.say("auth", ticket=portal_beating.program_ticket(newer.token))
    client.until("ok")
    AccessToken.objects.exclude(application=other.client).order_by("pk")[:1].get().delete()
    beats = [client.until("hb", timeout=3) for _ in range(2)]
    client.say("auth", ticket=portal_beating.program_ticket(other.token))

    assert len(beats) == 2
    assert client.close_code() == 4001


def test_a_program_follows_at_most_two_hundred_streams(
    portal: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.delivery.seats.ProgramSeat.most_streams", 2)
    scene = Scene()
    others = [Scene(client=scene.client) for _ in range(2)]
    client = portal.join_as_program(scene.token)

    answers = [client.follow(each.stream) for each in (scene, *others)]

    assert [each["t"] for each in answers] == ["synced", "synced", "err"]
    assert answers[2]["code"] == "too_many_streams"
