import base64
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import jwt
import orjson
import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.signin.models import WidgetSession
from messaging.notices.models import MailAddress
from messaging.notices.queries import plain_address
from partners.banks.models import Bank, Customer
from portal.tenancy.blocks import serving
from tests.factories.messaging import CHAT_HOST, Signer, make_signing_bank
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db

URL = "/api/v1/widget/sessions"


def ask(client: Client, bank: Bank | str, assertion: object, **headers: str) -> Any:
    slug = bank if isinstance(bank, str) else bank.slug
    return client.post(
        URL,
        {"bank": slug, "assertion": assertion},
        content_type="application/json",
        headers={"Host": CHAT_HOST, "Origin": settings.CHAT_ORIGIN} | headers,
    )


def slug_of(response: Any) -> str:
    return str(response.json()["type"]).rpartition("/")[2]


def test_a_banks_word_opens_a_session_of_ten_minutes(client: Client) -> None:
    bank, signer = make_signing_bank(phone="+39 02 0000 0000")

    response = ask(client, bank, signer.assertion(bank))

    said = response.json()
    assert response.status_code == 201
    assert said["customer"]["display_name"] == "Ada Verdi"
    assert said["bank"] == {
        "slug": bank.slug,
        "name": bank.name,
        "locale": "en",
        "phone": "+39 02 0000 0000",
        "time_zone": bank.time_zone,
        "shares": False,
    }
    assert said["streams"] == [
        f"conv:{said['conversation_id']}",
        f"user:{said['customer']['id']}",
    ]
    assert said["linked"] is False
    assert response.headers["Cache-Control"] == "no-store"
    with serving(bank.id):
        session = WidgetSession.objects.get()
        assert Customer.objects.get().external_id == "ada-1"
    assert session.expires_at - session.created_at == timedelta(minutes=10)
    assert said["token"] not in session.token_digest


def test_drafts_are_sealed_with_a_customers_own_key(client: Client) -> None:
    bank, signer = make_signing_bank()
    other_bank, other_signer = make_signing_bank()

    def key(bank: Bank, signer: Signer, customer: str) -> str:
        answered = ask(client, bank, signer.assertion(bank, sub=customer)).json()
        return str(answered["draft_key"])

    ada = key(bank, signer, "ada-1")
    assert len(base64.urlsafe_b64decode(ada + "=")) == 32
    assert key(bank, signer, "ada-1") == ada
    assert key(bank, signer, "bea-2") != ada
    assert key(other_bank, other_signer, "ada-1") != ada


def test_the_same_customer_comes_back_as_the_same(client: Client) -> None:
    bank, signer = make_signing_bank()

    first = ask(client, bank, signer.assertion(bank)).json()
    second = ask(client, bank, signer.assertion(bank, name="Ada Bianchi")).json()

    assert second["conversation_id"] == first["conversation_id"]
    assert second["customer"] == {
        "id": first["customer"]["id"],
        "display_name": "Ada Bianchi",
    }


def test_an_assertion_is_spent_once(client: Client) -> None:
    bank, signer = make_signing_bank()
    assertion = signer.assertion(bank)
    ask(client, bank, assertion)

    again = ask(client, bank, assertion)

    assert (again.status_code, slug_of(again)) == (401, "assertion-refused")
    with serving(bank.id):
        assert WidgetSession.objects.count() == 1


@pytest.mark.parametrize("odd", ["a\x00b", "a\ud800b", 7, None, ["a"]])
@pytest.mark.parametrize("claim", ["name", "locale", "email"])
def test_what_else_a_bank_says_is_passed_over_where_it_cannot_be_kept(
    client: Client, claim: str, odd: object
) -> None:
    bank, signer = make_signing_bank()
    said = {claim: odd if claim != "email" else f"{odd}@post.example", "email_verified": True}

    response = ask(client, bank, signer.assertion(bank, **said))

    assert response.status_code == 201


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"aud": "http://chat.other.example"},
        {"aud": [settings.CHAT_ORIGIN, "http://chat.other.example"]},
        {"iat": 1, "exp": 100},
        {"exp": int(timezone.now().timestamp()) + 3600},
        {
            "iat": int(timezone.now().timestamp()) + 3600,
            "exp": int(timezone.now().timestamp()) + 3660,
        },
        {"iat": None},
        {"exp": None},
        {"jti": None},
        {"sub": None},
        {"sub": ""},
        {"sub": "a\x00b"},
        {"sub": "a\ud800b"},
        {"jti": "a\ud800b"},
        {"sub": "x" * 101},
        {"sub": 7},
        {"jti": ["a"]},
        {"exp": "soon"},
        {"exp": True},
        {"exp": 2**70},
        {"iat": 1.5},
    ],
)
def test_an_assertion_that_does_not_hold_is_refused(
    client: Client, changed: dict[str, Any]
) -> None:
    bank, signer = make_signing_bank()

    try:
        assertion = signer.assertion(bank, **changed)
    except TypeError:
        # The library signs no claim of a wrong type; a bank with another one might.
        assertion = _signed_by_hand(signer, bank, changed)

    response = ask(client, bank, assertion)

    assert (response.status_code, slug_of(response)) == (401, "assertion-refused")
    with serving(bank.id):
        assert Customer.objects.count() == 0


def _signed_by_hand(signer: Signer, bank: Bank, changed: dict[str, Any]) -> str:
    good = jwt.decode(signer.assertion(bank), options={"verify_signature": False})
    payload = orjson.dumps(good | changed)
    return jwt.PyJWS().encode(payload, signer.key, algorithm="EdDSA", headers={"kid": signer.kid})


def test_only_the_banks_own_ed25519_key_counts(client: Client) -> None:
    bank, signer = make_signing_bank()
    stranger = Signer()
    claims = jwt.decode(signer.assertion(bank), options={"verify_signature": False})
    public = signer.jwks["keys"][0]["x"]
    tried = [
        stranger.assertion(bank),
        jwt.encode(claims, None, algorithm="none", headers={"kid": signer.kid}),
        jwt.encode(claims, public * 2, algorithm="HS256", headers={"kid": signer.kid}),
        signer.assertion(bank)[:-4] + "AAAA",
        "not.a.jwt",
        "",
        "x" * 4096,
    ]

    answers = [ask(client, bank, each).status_code for each in tried]

    assert answers == [401, 401, 401, 401, 401, 400, 401]


def test_another_banks_customer_is_not_let_in(client: Client) -> None:
    one, signer = make_signing_bank()
    other, _ = make_signing_bank()

    response = ask(client, other, signer.assertion(one))

    assert response.status_code == 401


@pytest.mark.parametrize(
    "origin", ["", "https://bank.example", "null", "http://portal.localhost:8000"]
)
def test_only_our_own_frame_may_ask(client: Client, origin: str) -> None:
    bank, signer = make_signing_bank()

    response = ask(client, bank, signer.assertion(bank), Origin=origin)

    assert (response.status_code, slug_of(response)) == (403, "wrong-origin")


def test_a_bank_that_is_suspended_or_unknown_has_no_chat(client: Client) -> None:
    bank, signer = make_signing_bank(status=Bank.Status.SUSPENDED)

    answers = [
        ask(client, name, signer.assertion(bank)).status_code for name in (bank.slug, "nobody")
    ]

    assert answers == [404, 404]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"bank":"a"}',
        b'{"bank":7,"assertion":{}}',
        b'{"bank":"a","assertion":"x","more":1}',
        b"\xff",
    ],
)
def test_a_body_of_another_form_is_400(client: Client, body: bytes) -> None:
    response = client.post(
        URL,
        body,
        content_type="application/json",
        headers={"Host": CHAT_HOST, "Origin": settings.CHAT_ORIGIN},
    )

    assert response.status_code == 400
    assert response.headers["Content-Type"] == "application/problem+json"


class _Keys(BaseHTTPRequestHandler):
    served: list[bytes]
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.headers["Host"])
        body = self.served[0]
        self.send_response(200 if body else 500)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def keys() -> Any:
    """A bank's site at a *.localhost name that serves the key set in `served`."""
    handler = type("Keys", (_Keys,), {"served": [b""], "asked": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    handler.url = f"http://keys-bank.localhost:{server.server_port}/jwks.json"  # type: ignore[attr-defined]
    yield handler
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_unknown_key_is_asked_for_once_a_minute(client: Client, keys: Any) -> None:
    signer = Signer()
    keys.served[0] = orjson.dumps(signer.jwks)
    bank = make_bank(jwks_url=keys.url)

    first = ask(client, bank, signer.assertion(bank))
    unknown = Signer(kid="newer")
    refused = [ask(client, bank, unknown.assertion(bank)).status_code for _ in range(3)]

    assert first.status_code == 201
    assert refused == [401, 401, 401]
    assert keys.asked == [keys.url.split("/")[2]]


@pytest.mark.parametrize(
    "served", [b"", b"<html>", b"[]", b'{"keys":7}', b'{"keys":[1]}', b"{" * 70_000]
)
def test_a_bank_that_serves_no_keys_is_told_apart(
    client: Client, keys: Any, served: bytes
) -> None:
    keys.served[0] = served
    bank = make_bank(jwks_url=keys.url)

    response = ask(client, bank, Signer().assertion(bank))

    expected = (
        (401, "assertion-refused") if served == b'{"keys":[1]}' else (503, "bank-keys-unavailable")
    )
    assert (response.status_code, slug_of(response)) == expected


def mailed_to(bank: Bank) -> list[str]:
    with serving(bank.id):
        return [plain_address(each) for each in MailAddress.objects.all()]


def test_an_address_that_the_bank_has_verified_is_where_mail_goes(client: Client) -> None:
    bank, signer = make_signing_bank()

    ask(client, bank, signer.assertion(bank, email="ada@post.example", email_verified=True))

    with serving(bank.id):
        kept = MailAddress.objects.get()
    assert mailed_to(bank) == ["ada@post.example"]
    assert "post.example" not in kept.address


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ({}, ["ada@post.example"]),
        ({"email": "new@post.example", "email_verified": True}, ["new@post.example"]),
        ({"email": "new@post.example"}, []),
        ({"email": "new@post.example", "email_verified": False}, []),
        ({"email": "new@post.example", "email_verified": "true"}, []),
        ({"email": "", "email_verified": True}, []),
        ({"email": 7, "email_verified": True}, []),
        ({"email": "two@post.example, one@post.example", "email_verified": True}, []),
        ({"email": "a" * 300 + "@post.example", "email_verified": True}, []),
    ],
)
def test_what_the_bank_says_of_an_address_now_holds(
    client: Client, said: dict[str, Any], left: list[str]
) -> None:
    bank, signer = make_signing_bank()
    ask(client, bank, signer.assertion(bank, email="ada@post.example", email_verified=True))

    response = ask(client, bank, signer.assertion(bank, **said))

    assert response.status_code == 201
    assert mailed_to(bank) == left
