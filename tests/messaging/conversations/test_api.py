from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from messaging.conversations.actions import post_bank_text
from messaging.conversations.models import Message, ReadMark, Stream, StreamEvent
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_balance, make_consent, make_entry, make_link, share
from tests.factories.messaging import InChat, make_in_chat
from tests.factories.partners import make_account

pytestmark = pytest.mark.django_db


def base(who: InChat) -> str:
    return f"/api/v1/conversations/{who.conversation.id}"


def say(client: Client, who: InChat, text: object, **changed: Any) -> Any:
    body = {"client_msg_id": str(uuid4()), "text": text} | changed.pop("body", {})
    return client.post(
        f"{base(changed.pop('to', who))}/messages",
        body,
        content_type="application/json",
        headers=who.headers | {"Idempotency-Key": changed.pop("key", uuid4().hex)},
    )


def page(client: Client, who: InChat, query: str = "") -> Any:
    return client.get(f"{base(who)}/messages{query}", headers=who.headers)


def texts(client: Client, who: InChat, query: str = "") -> list[str]:
    return [each["text"] for each in page(client, who, query).json()["messages"]]


def test_what_is_said_is_kept_without_card_numbers(client: Client) -> None:
    who = make_in_chat()

    response = say(client, who, "I lost 4111 1111 1111 1111, pin 1234")

    said = response.json()
    assert response.status_code == 201
    assert said["text"] == "I lost •••• •••• •••• 1111, pin ••••"
    assert said["author"] == {"kind": "customer", "name": who.customer.display_name}
    with serving(who.bank.id):
        assert not Message.objects.filter(text__contains="4111").exists()


def test_the_same_client_msg_id_is_the_same_message(client: Client) -> None:
    who = make_in_chat()
    body = {"client_msg_id": str(uuid4())}

    first = say(client, who, "Hello", body=body)
    again = say(client, who, "Hello", body=body)
    other = say(client, who, "Something else", body=body)

    assert again.json() == first.json()
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (
        422,
        "message-id-reused",
    )
    assert texts(client, who) == ["Hello", "Your bank will answer here."]


def test_the_same_idempotency_key_is_the_same_answer_and_another_body_is_422(
    client: Client,
) -> None:
    who = make_in_chat()
    key, body = uuid4().hex, {"client_msg_id": str(uuid4())}

    first = say(client, who, "Hello", key=key, body=body)
    again = say(client, who, "Hello", key=key, body=body)
    other = say(client, who, "Bye", key=key, body=body)

    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, other.json()["type"].rpartition("/")[2]) == (
        422,
        "idempotency-key-reused",
    )


def test_the_line_that_the_bank_will_answer_is_said_once(client: Client) -> None:
    who = make_in_chat()

    for text in ("Hello?", "Anybody there?", "Please"):
        say(client, who, text)

    assert texts(client, who).count("Your bank will answer here.") == 1


def test_a_bank_that_shares_nothing_says_so_and_offers_no_link(client: Client) -> None:
    who = make_in_chat()

    say(client, who, "saldo")

    last = page(client, who).json()["messages"][-1]
    assert (last["kind"], last["author"]["kind"]) == ("system", "bot")
    assert "shares no balances" in last["text"]


def test_without_linked_accounts_a_question_about_money_offers_to_link(client: Client) -> None:
    who = make_in_chat()
    share(who.bank)

    say(client, who, "saldo")

    last = page(client, who).json()["messages"][-1]
    assert (last["kind"], last["author"]["kind"]) == ("link_account", "bot")


def test_a_question_about_money_is_answered_from_the_customers_own_rows(client: Client) -> None:
    who = make_in_chat()
    share(who.bank)
    account = make_account(who.bank)
    make_link(who.customer, account)
    make_consent(who.customer, [account])
    make_balance(account, 123_456)
    make_entry(account, amount_minor=-990, merchant_name="Forno Rossi")

    say(client, who, "What is my balance?")
    say(client, who, "transactions")

    shown = page(client, who).json()["messages"]
    balance, transactions = shown[1], shown[3]
    assert balance["card"]["accounts"][0]["balance"] == {"amount": "1234.56", "currency": "EUR"}
    (paid,) = transactions["card"]["transactions"]
    assert (paid["merchant"], paid["amount"]["amount"]) == ("Forno Rossi", "-9.90")


def test_without_consent_the_answer_says_that_nothing_is_shared(client: Client) -> None:
    who = make_in_chat()
    share(who.bank)
    account = make_account(who.bank)
    make_link(who.customer, account)
    make_balance(account)

    say(client, who, "balance")

    last = page(client, who).json()["messages"][-1]
    nothing = {"accounts": [], "withheld": "not_shared", "checking_seconds": None}
    assert last["card"] == nothing


def test_pages_go_back_in_time_without_a_gap(client: Client) -> None:
    who = make_in_chat()
    with serving(who.bank.id):
        for number in range(7):
            post_bank_text(
                conversation_id=who.conversation.id,
                text=f"line {number}",
                staff_id=uuid4(),
                at=timezone.now(),
            )

    newest = page(client, who, "?limit=3").json()
    older = page(client, who, f"?limit=3&before_seq={newest['messages'][0]['seq']}").json()
    oldest = page(client, who, f"?limit=3&before_seq={older['messages'][0]['seq']}").json()

    found = [each["text"] for part in (oldest, older, newest) for each in part["messages"]]
    assert found == [f"line {number}" for number in range(7)]
    assert [part["has_more"] for part in (newest, older, oldest)] == [True, True, False]
    assert newest["head_seq"] == 7


def test_numbers_have_no_gap_and_the_head_is_the_last(client: Client) -> None:
    who = make_in_chat()
    for text in ("one", "saldo", "three"):
        say(client, who, text)
    client.put(
        f"{base(who)}/read", {"seq": 2}, content_type="application/json", headers=who.headers
    )

    with serving(who.bank.id):
        seqs = list(
            StreamEvent.objects.filter(stream=who.stream)
            .order_by("seq")
            .values_list("seq", flat=True)
        )
        head = Stream.objects.get(name=who.stream).head

    assert seqs == list(range(1, head + 1))


def test_a_read_mark_stops_at_the_head(client: Client) -> None:
    who = make_in_chat()
    say(client, who, "one")

    answers = [
        client.put(
            f"{base(who)}/read",
            {"seq": seq},
            content_type="application/json",
            headers=who.headers,
        ).json()["read_seq"]
        for seq in (1, 0, 999)
    ]

    assert answers == [1, 1, 3]
    with serving(who.bank.id):
        assert ReadMark.objects.count() == 1


def test_the_customers_one_conversation_is_listed(client: Client) -> None:
    who = make_in_chat()

    listed = client.get("/api/v1/conversations", headers=who.headers).json()["conversations"]

    assert [each["stream"] for each in listed] == [who.stream]


def test_somebody_elses_conversation_is_not_there(client: Client) -> None:
    who, foreigner = make_in_chat(), make_in_chat()
    neighbour = make_in_chat(who.bank)

    codes = [
        (
            say(client, other, "hello", to=who).status_code,
            client.get(f"{base(who)}/messages", headers=other.headers).status_code,
            client.put(
                f"{base(who)}/read",
                {"seq": 1},
                content_type="application/json",
                headers=other.headers,
            ).status_code,
        )
        for other in (neighbour, foreigner)
    ]

    assert codes == [(404, 404, 404)] * 2
    assert texts(client, who) == []


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer x", "Basic abc", "Bearer ws_00_x", "Bearer ws_" + "0" * 32 + "_x"],
)
def test_without_a_live_session_every_door_is_401(client: Client, authorization: str) -> None:
    who = make_in_chat()
    headers = who.headers | {"Authorization": authorization}
    if not authorization:
        del headers["Authorization"]

    answers = [
        client.get("/api/v1/conversations", headers=headers),
        client.get(f"{base(who)}/messages", headers=headers),
        client.post(f"{base(who)}/messages", {}, "application/json", headers=headers),
        client.put(f"{base(who)}/read", {}, "application/json", headers=headers),
        client.post("/api/v1/realtime/tickets", {}, "application/json", headers=headers),
        client.post("/api/v1/links", {}, "application/json", headers=headers),
        client.post("/api/v1/windows", {}, "application/json", headers=headers),
    ]

    assert [each.status_code for each in answers] == [401] * 7


def test_the_doors_are_on_the_chats_host_alone(client: Client) -> None:
    who = make_in_chat()
    hosts = [f"{label}portal.localhost" for label in ("", "console.", "api.")]

    codes = {
        client.get(f"{base(who)}/messages", headers=who.headers | {"Host": host}).status_code
        for host in hosts
    }

    assert codes <= {401, 404}


@pytest.mark.parametrize(
    "body",
    [
        {"text": ""},
        {"text": "   "},
        {"text": "x" * 4001},
        {"text": 7},
        {"text": ["a"]},
        {"text": None},
        {"text": "a\x00b"},
        {"text": "\ud800"},
        {"client_msg_id": "1"},
        {"client_msg_id": None},
        {"client_msg_id": False},
        {"client_msg_id": 7},
        {"more": 1},
    ],
)
def test_a_body_of_another_form_is_400_and_keeps_nothing(
    client: Client, body: dict[str, Any]
) -> None:
    who = make_in_chat()

    response = say(client, who, "Hello", body=body)

    assert response.status_code == 400
    assert response.json()["status"] == 400
    with serving(who.bank.id):
        assert Message.objects.count() == 0


@pytest.mark.parametrize(
    "query",
    [
        "?limit=0",
        "?limit=101",
        "?limit=x",
        "?limit=",
        "?before_seq=",
        "?before_seq=0",
        "?before_seq=9e9",
        f"?before_seq={2**70}",
    ],
)
def test_a_page_of_another_form_is_400(client: Client, query: str) -> None:
    assert page(client, make_in_chat(), query).status_code == 400


@pytest.mark.parametrize("seq", ["1", True, 1.0, None, -1, 2**70])
def test_a_number_is_a_number(client: Client, seq: object) -> None:
    who = make_in_chat()

    response = client.put(
        f"{base(who)}/read", {"seq": seq}, content_type="application/json", headers=who.headers
    )

    assert response.status_code == 400


def test_an_address_that_is_none_is_a_problem_in_the_api_and_a_page_elsewhere(
    client: Client,
) -> None:
    who = make_in_chat()
    garbled = f"{base(who)}x/messages"

    in_api = client.get(garbled, headers=who.headers)
    beside = client.get("/nothing", headers=who.headers)

    assert (in_api.status_code, beside.status_code) == (404, 404)
    assert in_api.headers["Content-Type"] == "application/problem+json"
    assert in_api.json()["type"].endswith("/problems/not-found")
    assert beside.headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_flood_is_slowed(client: Client) -> None:
    who = make_in_chat()

    codes = [say(client, who, "again").status_code for _ in range(65)]

    # A soft limit: one that Valkey did not count in time is forgiven.
    assert codes[:60] == [201] * 60
    assert set(codes[60:]) <= {201, 429}
    assert codes[-1] == 429
