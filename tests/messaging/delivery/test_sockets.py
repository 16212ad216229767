import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connections, transaction
from django.utils import timezone
from websockets.exceptions import ConnectionClosed, InvalidStatus

from accounts.consent.models import Consent
from accounts.consent.references import consent_reference
from accounts.signin.actions import end_widget_sessions
from accounts.signin.models import WidgetSession
from messaging.conversations.actions import post_bank_text, post_text
from messaging.conversations.models import Stream
from messaging.delivery.consumers import say_typing
from partners.banks.models import Bank
from portal.outbox.pokes import valkey
from portal.outbox.relay import deliver_due
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import make_client, make_consent, make_link
from tests.factories.messaging import InChat, make_in_chat, open_session_of
from tests.factories.partners import make_account
from tests.messaging.delivery.live import Client, Server

STAFF = UUID(int=7)


def bank_says(who: InChat, text: str) -> None:
    with serving(who.bank.id):
        post_bank_text(
            conversation_id=who.conversation.id,
            text=text,
            staff_id=STAFF,
            at=timezone.now(),
        )


def customer_says(who: InChat, text: str) -> None:
    with serving_customer(who.bank.id, who.customer.id):
        post_text(
            conversation_id=who.conversation.id,
            client_msg_id=uuid4(),
            text=text,
            at=timezone.now(),
        )


def texts(client: Client) -> list[str]:
    return [each["data"]["text"] for each in client.of("event") if "text" in each["data"]]


def seqs(client: Client) -> list[int]:
    return [each["seq"] for each in client.of("event")]


# --- coming in ------------------------------------------------------------------------------------


def test_a_ticket_opens_a_socket_and_the_ticket_is_not_said_back(portal: Server) -> None:
    who = make_in_chat()

    client = portal.open(portal.ticket(who))
    ready = client.hello()

    assert client.raw.subprotocol == "portal.v1.json"
    assert ready["hb_s"] == 15
    assert ready["max_frame"] == 16384


def test_a_ticket_is_good_once(portal: Server) -> None:
    ticket = portal.ticket(make_in_chat())
    portal.open(ticket).hello()

    assert portal.open(ticket).close_code() == 4201


def test_a_ticket_that_we_never_gave_is_4201_and_none_is_4001(portal: Server) -> None:
    codes = [
        portal.open("x" * 43).close_code(),
        portal.open("", protocols=["portal.v1.json"]).close_code(),
    ]

    assert codes == [4201, 4001]


@pytest.mark.parametrize("origin", [None, "https://bank.example", "null"])
def test_another_origin_is_refused_with_a_code_that_a_browser_can_read(
    portal: Server, origin: str | None
) -> None:
    ticket = portal.ticket(make_in_chat())

    assert portal.open(ticket, origin=origin).close_code() == 4003


@pytest.mark.parametrize(
    ("host", "protocols"),
    [
        ("console.portal.localhost", ["portal.v1.json"]),
        ("api.portal.localhost", ["chat"]),
        ("portal.localhost", ["portal.v1.json"]),
        ("chat.portal.localhost", ["chat"]),
    ],
)
def test_other_hosts_and_protocols_have_no_socket(
    portal: Server, host: str, protocols: list[str]
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        portal.open("", host=host, protocols=protocols)

    assert refused.value.response.status_code == 403


def test_a_ticket_of_an_ended_session_opens_nothing(portal: Server) -> None:
    who = make_in_chat()
    ticket = portal.ticket(who)
    with serving(who.bank.id):
        end_widget_sessions(customer_id=who.customer.id, at=timezone.now())

    assert portal.open(ticket).close_code() == 4201
    assert portal.rest(who, "POST", "/realtime/tickets", {}).status_code == 401


# --- what is said, in order ---------------------------------------------------------------------


def test_text_goes_both_ways(portal: Server) -> None:
    who = make_in_chat()
    client = portal.join(who)
    client.follow(who.stream)

    posted = portal.rest(
        who,
        "POST",
        f"/conversations/{who.conversation.id}/messages",
        {"client_msg_id": str(uuid4()), "text": "Hello?"},
        key=uuid4().hex,
    )
    mine = client.until("event")
    line = client.until("event")
    bank_says(who, "Good morning")
    theirs = client.until("event")

    assert posted.status_code == 201
    assert mine["data"] == posted.json()
    assert line["data"]["text"] == "Your bank will answer here."
    assert (theirs["type"], theirs["data"]["text"]) == ("message.created", "Good morning")
    assert theirs["data"]["author"] == {"kind": "bank", "name": who.bank.name}
    assert seqs(client) == [1, 2, 3]


def test_a_client_that_was_away_gets_what_it_missed(portal: Server) -> None:
    who = make_in_chat()
    for number in range(5):
        bank_says(who, f"line {number}")

    client = portal.join(who)
    answer = client.follow(who.stream, seq=2)

    assert seqs(client) == [3, 4, 5]
    assert (answer["t"], answer["head"], answer["recovered"]) == ("synced", 5, True)


def test_a_long_history_comes_in_order_up_to_300_and_as_a_snapshot_beyond(portal: Server) -> None:
    who = make_in_chat()
    for number in range(301):
        bank_says(who, f"line {number}")

    near, far = portal.join(who), portal.join(who)
    synced = near.follow(who.stream, seq=1)
    reset = far.follow(who.stream, seq=0)

    assert seqs(near) == list(range(2, 302))
    assert synced["head"] == 301
    assert (reset["t"], reset["head"]) == ("reset", 301)
    assert [each["seq"] for each in reset["snapshot"]["messages"]] == list(range(272, 302))


def test_an_unknown_epoch_and_a_place_ahead_of_the_log_are_reset(portal: Server) -> None:
    who = make_in_chat()
    bank_says(who, "one")
    client = portal.join(who)

    answers = [
        client.follow(who.stream, seq=1, epoch=str(uuid4())),
        client.follow(who.stream, seq=99),
    ]

    assert [(each["t"], each["head"]) for each in answers] == [("reset", 1), ("reset", 1)]


def test_the_same_epoch_goes_on_from_its_place(portal: Server) -> None:
    who = make_in_chat()
    bank_says(who, "one")
    epoch = portal.join(who).follow(who.stream)["epoch"]
    bank_says(who, "two")

    client = portal.join(who)
    answer = client.follow(who.stream, seq=1, epoch=epoch)

    assert (answer["t"], answer["epoch"], seqs(client)) == ("synced", epoch, [2])


def test_every_socket_of_the_customer_hears_and_no_one_elses(portal: Server) -> None:
    who = make_in_chat()
    neighbour = make_in_chat(who.bank)
    one, two, other = portal.join(who), portal.join(who), portal.join(neighbour)
    one.follow(who.stream)
    two.follow(who.stream)
    other.follow(neighbour.stream)

    bank_says(who, "for Ada alone")
    one.until("event")
    two.until("event")
    other.say("ping")
    other.until("pong")

    assert (texts(one), texts(two), texts(other)) == (
        ["for Ada alone"],
        ["for Ada alone"],
        [],
    )


def make_program_consent(who: InChat) -> Consent:
    """A program's consent of the customer's own, of which something was told."""
    account = make_account(who.bank)
    make_link(who.customer, account)
    consent = make_consent(who.customer, [account], client=make_client())
    deliver_due(bank_id=who.bank.id, clock=timezone.now)
    return consent


def test_another_customers_stream_is_not_there(portal: Server) -> None:
    bank_one, bank_two = make_in_chat(), make_in_chat()
    neighbour = make_in_chat(bank_one.bank)
    consent = make_program_consent(bank_one)
    client = portal.join(bank_one)
    foreign = [
        neighbour.stream,
        bank_two.stream,
        f"user:{neighbour.customer.id}",
        f"conv-staff:{bank_one.conversation.id}",
        f"consent:{consent.id}",
        f"consent:{consent_reference(bank_one.bank.id, consent.id)}",
        "nonsense",
    ]

    answers = [client.follow(each) for each in foreign]
    bank_says(neighbour, "not for you")
    client.say("typing", stream=neighbour.stream)

    assert [each["code"] for each in answers] == ["no_such_stream"] * 7
    assert client.until("err")["code"] == "not_subscribed"
    assert client.of("event") == []


def test_unsub_is_the_end_of_a_stream(portal: Server) -> None:
    who = make_in_chat()
    client = portal.join(who)
    client.follow(who.stream)

    client.say("unsub", stream=who.stream)
    done = client.until("ok")
    bank_says(who, "unheard")
    client.say("ping")
    client.until("pong")

    assert done["re"] == "unsub"
    assert client.of("event") == []


def test_a_read_mark_is_told_and_never_moves_back(portal: Server) -> None:
    who = make_in_chat()
    bank_says(who, "one")
    bank_says(who, "two")
    client = portal.join(who)
    client.follow(who.stream)

    client.say("ack", stream=who.stream, delivered=2, read=2)
    told = client.until_true(lambda each: each.get("type") == "read.updated")
    client.say("ack", stream=who.stream, read=1)
    client.until("ok")
    client.say("ack", stream=who.stream, read=999)
    page = portal.rest(who, "GET", f"/conversations/{who.conversation.id}/messages").json()

    assert told["data"] == {"reader": "customer", "seq": 2}
    assert page["read_seq"] in {2, 3}
    assert page["head_seq"] in {3, 4}


# --- what is lost heals ---------------------------------------------------------------------------


def test_a_lost_poke_is_healed_by_the_beat(portal_beating: Server) -> None:
    who = make_in_chat()
    client = portal_beating.join(who)
    client.follow(who.stream)
    _append_without_a_poke(who)

    event = client.until("event", timeout=3)

    assert event["data"]["text"] == "unpoked"


def _append_without_a_poke(who: InChat) -> None:
    with serving(who.bank.id):
        post_bank_text(
            conversation_id=who.conversation.id,
            text="unpoked",
            staff_id=STAFF,
            at=timezone.now(),
        )
        transaction.get_connection().run_on_commit.clear()


def test_the_beat_tells_the_heads_of_followed_streams(portal_beating: Server) -> None:
    who = make_in_chat()
    bank_says(who, "one")
    client = portal_beating.join(who)
    client.follow(who.stream)

    beat = client.until("hb")

    assert beat["heads"] == {who.stream: 1}


def test_typing_of_the_bank_is_heard_and_ones_own_is_not(portal: Server) -> None:
    who = make_in_chat()
    client, second = portal.join(who), portal.join(who)
    client.follow(who.stream)
    second.follow(who.stream)

    client.say("typing", stream=who.stream)
    say_typing(who.bank.id, who.stream, name="Banca")
    heard = second.until("eph")

    assert heard == {
        "t": "eph",
        "stream": who.stream,
        "type": "typing",
        "data": {"name": "Banca"},
    }


# --- the end of a session -------------------------------------------------------------------------


def test_ending_the_sessions_closes_the_sockets_within_a_second(portal: Server) -> None:
    who = make_in_chat()
    client = portal.join(who)
    client.follow(who.stream)

    started = time.monotonic()
    with serving(who.bank.id):
        end_widget_sessions(customer_id=who.customer.id, at=timezone.now())

    assert client.close_code() == 4002
    assert time.monotonic() - started < 1


def test_an_expired_session_and_a_suspended_bank_end_at_the_next_beat(
    portal_beating: Server,
) -> None:
    expired, suspended = make_in_chat(), make_in_chat()
    sockets = [portal_beating.join(expired), portal_beating.join(suspended)]
    with serving(expired.bank.id):
        WidgetSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    Bank.objects.filter(pk=suspended.bank.pk).update(status=Bank.Status.SUSPENDED)

    assert [each.close_code(timeout=3) for each in sockets] == [4002, 4002]


def test_a_renewed_session_outlives_the_first(portal_beating: Server) -> None:
    who = make_in_chat()
    client = portal_beating.join(who)
    first = list(_session_ids(who))
    fresh = open_session_of(who.bank, who.customer)

    client.say("auth", ticket=portal_beating.ticket(fresh))
    client.until("ok")
    with serving(who.bank.id):
        WidgetSession.objects.filter(pk__in=first).update(ended_at=timezone.now())
    beats = [client.until("hb", timeout=3) for _ in range(3)]

    assert len(beats) == 3


def _session_ids(who: InChat) -> set[UUID]:
    with serving(who.bank.id):
        return set(WidgetSession.objects.values_list("pk", flat=True))


def test_somebody_elses_ticket_renews_nothing(portal: Server) -> None:
    who = make_in_chat()
    neighbour = make_in_chat(who.bank)
    client = portal.join(who)

    client.say("auth", ticket=portal.ticket(neighbour))

    assert client.close_code() == 4001


def test_stopping_the_server_asks_everyone_to_come_back(portal: Server) -> None:
    who = make_in_chat()
    client = portal.join(who)
    stream = who.stream
    client.follow(stream)

    portal.drain()

    assert client.close_code() == 4200
    assert client.of("drain")[0]["retry_after"] == 5


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[]",
        "null",
        '"hello"',
        "{}",
        '{"t":7}',
        '{"t":"sing"}',
        '{"t":"event"}',
        '{"t":"sub"}',
        '{"t":"sub","stream":7,"seq":0}',
        '{"t":"sub","stream":"conv:1","seq":-1}',
        '{"t":"sub","stream":"conv:1","seq":1.5}',
        '{"t":"sub","stream":"conv:1","seq":true}',
        '{"t":"sub","stream":"conv:1","seq":99999999999999999999}',
        '{"t":"sub","stream":"","seq":0}',
        '{"t":"sub","stream":"a\\u0000b","seq":0}',
        '{"t":"sub","stream":"conv:1","seq":0,"more":1}',
        '{"t":"ack","stream":"conv:1","read":"all"}',
        '{"t":"auth"}',
        '{"t":"hello","client":"again"}',
        "[" * 9000,
    ],
)
def test_a_bad_frame_is_told_and_the_socket_goes_on(portal: Server, said: str) -> None:
    client = portal.join(make_in_chat())

    client.raw.send(said)
    told = client.until("err")
    client.say("ping")

    assert (told["code"], told["temporary"]) == ("bad_frame", False)
    assert client.until("pong") == {"t": "pong"}


def test_a_binary_frame_is_a_bad_frame(portal: Server) -> None:
    client = portal.join(make_in_chat())

    client.raw.send(b'{"t":"ping"}')

    assert client.until("err")["code"] == "bad_frame"


def test_five_bad_frames_close(portal: Server) -> None:
    client = portal.join(make_in_chat())

    for _ in range(5):
        client.raw.send("{")

    assert client.close_code() == 4008
    assert len(client.of("err")) == 5


def test_anything_before_hello_is_a_bad_frame(portal: Server) -> None:
    who = make_in_chat()
    client = portal.open(portal.ticket(who))

    client.say("sub", stream=who.stream, seq=0)

    assert client.until("err")["code"] == "bad_frame"
    assert client.hello()["t"] == "ready"


@pytest.mark.slow
def test_nobody_waits_for_a_hello_for_more_than_five_seconds(portal: Server) -> None:
    client = portal.open(portal.ticket(make_in_chat()))

    assert client.close_code(timeout=7) == 4008


def test_a_frame_beyond_16_kib_closes(portal: Server) -> None:
    client = portal.join(make_in_chat())

    client.raw.send('{"t":"ping","x":"' + "é" * 8200 + '"}')

    assert client.close_code() == 4009


def test_more_than_twenty_frames_a_second_close(portal: Server) -> None:
    client = portal.join(make_in_chat())

    # It may be closed before all is said.
    with suppress(ConnectionClosed):
        for _ in range(60):
            client.say("ping")

    assert client.close_code() == 4101
    assert client.of("err")[0]["code"] == "rate_limited"


def test_a_socket_follows_at_most_twenty_streams(portal: Server) -> None:
    who = make_in_chat()
    with serving(who.bank.id):
        names = [f"test:{number}" for number in range(21)]
        Stream.objects.bulk_create(
            Stream(customer_id=who.customer.id, name=name) for name in names
        )
    client = portal.join(who)

    answers = [client.follow(name) for name in names]

    assert [each["t"] for each in answers] == ["synced"] * 20 + ["err"]
    assert answers[-1]["code"] == "too_many_streams"


# --- load, and servers that go away -----------------------------------------------------------------


def test_whatever_is_said_at_once_is_heard_in_one_order_without_a_gap(portal: Server) -> None:
    who = make_in_chat()
    client = portal.join(who)
    client.follow(who.stream)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda number: _says_in_thread(who, f"line {number}"), range(40)))
    client.until_true(lambda each: each.get("seq") == 40)

    assert seqs(client) == list(range(1, 41))
    assert sorted(texts(client)) == sorted(f"line {number}" for number in range(40))


def _says_in_thread(who: InChat, text: str) -> None:
    try:
        bank_says(who, text)
    finally:
        connections.close_all()


def test_a_subscription_that_was_cut_comes_back_by_itself(portal: Server) -> None:
    who = make_in_chat()
    client = portal.join(who)
    client.follow(who.stream)

    valkey().execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    bank_says(who, "said into the gap")
    first = client.until("event")
    time.sleep(0.5)
    bank_says(who, "said after it")
    second = client.until("event")

    assert [first["data"]["text"], second["data"]["text"]] == [
        "said into the gap",
        "said after it",
    ]


@pytest.mark.slow
def test_a_client_that_takes_nothing_is_let_go_and_others_do_not_wait(
    portal: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("messaging.delivery.outbox.SLOWEST_SEND_SECONDS", 1.0)
    who = make_in_chat()
    for _ in range(200):
        bank_says(who, "x" * 4000)
    stuck, good = portal.join_unread(who), portal.join(who)

    for _ in range(12):
        stuck.say("sub", stream=who.stream, seq=0)
        time.sleep(0.4)
    answer = good.follow(who.stream, seq=199)
    held = portal.sockets_after(seconds=6, at_most=1)

    assert (answer["t"], held) == ("synced", 1)
