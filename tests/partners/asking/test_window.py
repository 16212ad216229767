"""A program asks, as its customer's browser goes through it: and what each answer leaves."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts.clients.models import AccessToken, Client, ConsentRequest
from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent, ConsentEvent, ConsentResource
from accounts.consent.references import read_consent_reference
from accounts.signin.actions import make_window_code
from partners.asking.actions import forget_unanswered
from partners.banks.models import Bank, Customer
from partners.connections.models import Connection
from partners.feeds.cursors import start_reading
from portal.outbox.pokes import valkey
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_household,
    share,
)
from tests.factories.partners import make_bank, make_customer
from tests.isolation.witness import Witness

pytestmark = pytest.mark.django_db
CHAT = {"Host": urlsplit(settings.CHAT_ORIGIN).netloc}
API = {"Host": urlsplit(settings.API_ORIGIN).netloc}
BACK = "https://budget.example/back?from=bank"
VERIFIER = "a" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]


@pytest.fixture(autouse=True)
def _fresh_limit() -> None:
    valkey().delete("portal:limit:token:127.0.0.1")


@dataclass(frozen=True)
class Scene:
    """A customer with an account that is read, and a program that asks."""

    home: Household
    program: Client
    browser: Browser

    @property
    def bank(self) -> Bank:
        return self.home.bank

    def sent_to(self, **changed: str) -> str:
        """Where the program sends the customer, but for what is `changed`; empty leaves it out."""
        asked = {
            "response_type": "code",
            "client_id": self.program.client_id,
            "redirect_uri": BACK,
            "state": "s 1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "bank": self.bank.slug,
            "purpose": "budgeting",
            "scope": "balances transactions",
            "alert_types": "large_payment",
            "days": "60",
            "history_days": "30",
        } | changed
        return "/oauth/authorize?" + urlencode({name: it for name, it in asked.items() if it})

    def come(self, **changed: str) -> Any:
        return self.browser.get(self.sent_to(**changed))

    def sign_in(self, customer: Customer | None = None) -> Any:
        who = customer or self.home.customer
        with serving_customer(who.bank_id, who.id):
            code = make_window_code(customer_id=who.id, purpose="sharing", at=timezone.now()).code
        sent = {"Origin": settings.CHAT_ORIGIN}
        return self.browser.post("/sharing/enter", {"code": code}, headers=sent)

    def ask(self) -> Any:
        self.come()
        self.sign_in()
        return self.browser.get("/asking/")

    def yes(self, **changed: Any) -> Any:
        said = {
            "answer": "yes",
            "accounts": [str(self.home.account.id)],
            "feeds": ["transactions"],
            "alert_types": ["large_payment"],
            "ends": "30",
        }
        return self.browser.post("/asking/", said | changed)

    def change(self, code: str, **changed: str) -> Any:
        """The program changes the code for its token."""
        pair = f"{self.program.client_id}:client-secret".encode()
        said = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": BACK,
            "code_verifier": VERIFIER,
        } | changed
        return Browser().post(
            "/oauth/token",
            urlencode({name: it for name, it in said.items() if it}),
            content_type="application/x-www-form-urlencoded",
            headers=API | {"Authorization": "Basic " + base64.b64encode(pair).decode()},
        )

    def read(self, token: str, address: str, **headers: str) -> Any:
        sent = API | {"Authorization": f"Bearer {token}"} | headers
        return Browser().get(f"/api/v1/{address}", headers=sent)


@pytest.fixture
def scene() -> Scene:
    home = make_household()
    share(home.bank, alert_types=["large_payment", "foreign"])
    _read(home, ["balances", "transactions"])
    return Scene(
        home, make_client(name="Budget Friend", redirect_uris=BACK), Browser(headers=CHAT)
    )


def _read(home: Household, kinds: list[str]) -> None:
    with serving(home.bank_id):
        connection = Connection.objects.get(customer=home.customer)
        start_reading(
            connection_id=connection.id,
            account_ids=[home.account.id],
            kinds=kinds,
            at=timezone.now(),
        )


def told(answered: Any) -> dict[str, str]:
    """What the program is told by the address that its customer is sent back to."""
    address = answered["Location"]
    assert address.startswith("https://budget.example/back?")
    return {name: values[-1] for name, values in parse_qs(urlsplit(address).query).items()}


def events(home: Household) -> list[str]:
    with serving(home.bank_id):
        return list(ConsentEvent.objects.order_by("at", "id").values_list("kind", flat=True))


# --- yes ------------------------------------------------------------------------------------------


def test_a_yes_gives_the_program_what_was_chosen_and_no_more(scene: Scene) -> None:
    page = scene.ask()

    back = scene.yes()

    said = told(back)
    assert page.status_code == 200
    assert (back.status_code, said["state"], said["iss"]) == (303, "s 1", settings.API_ORIGIN)
    assert said["from"] == "bank"
    given = scene.change(said["code"]).json()
    assert (given["token_type"], given["expires_in"], given["scope"]) == (
        "Bearer",
        600,
        "transactions",
    )
    assert "refresh_token" not in given
    named = read_consent_reference(given["consent"])
    assert named is not None
    with serving(scene.bank.id):
        consent = Consent.objects.get(pk=named[1])
        allowed = set(ConsentResource.objects.values_list("account_id", "scope", "code"))
    lasts = consent.expires_at - consent.granted_at
    assert (consent.client_id, lasts) == (scene.program.pk, timedelta(days=30))
    assert (timezone.now().date() - consent.history_from).days in {29, 30, 31}
    account = scene.home.account.id
    assert allowed == {
        (account, "feed", "transactions"),
        (account, "alert", "large_payment"),
    }
    assert events(scene.home) == ["granted"]


def test_the_token_reads_within_its_consent_and_within_no_other(scene: Scene) -> None:
    other = make_consent(
        scene.home.customer,
        [scene.home.account],
        client=scene.program,
        purpose_code="balance_watch",
        feeds=["balances"],
    )
    scene.ask()
    given = scene.change(told(scene.yes())["code"]).json()
    token, account = given["access_token"], scene.home.account.id

    alone = scene.read(token, f"accounts/{account}/transactions")
    named = scene.read(token, "consent", **{"Portal-Consent": given["consent"]})
    reference = f"con_{scene.bank.id.hex}_{other.id.hex}"
    strange = scene.read(token, "consent", **{"Portal-Consent": reference})
    unasked = scene.read(token, f"accounts/{account}/balances")

    assert (alone.status_code, len(alone.json()["transactions"])) == (200, 2)
    assert (named.status_code, named.json()["id"]) == (200, given["consent"])
    assert (strange.status_code, unasked.status_code) == (404, 403)


def test_once_the_customer_ends_it_the_token_is_told_so(scene: Scene) -> None:
    scene.ask()
    given = scene.change(told(scene.yes())["code"]).json()
    named = read_consent_reference(given["consent"])
    assert named is not None
    with serving(scene.bank.id):
        revoke_consent(consent_id=named[1], at=timezone.now(), by="customer")

    answered = scene.read(given["access_token"], "accounts")

    assert answered.status_code == 403
    assert answered.json()["type"].endswith("consent-revoked")


def test_a_yes_that_is_said_twice_is_one_and_goes_back_alike(scene: Scene) -> None:
    scene.ask()

    first, again = scene.yes(), scene.yes()

    assert again["Location"] == first["Location"]
    assert scene.browser.get("/asking/")["Location"] == "/sharing/"
    assert scene.sign_in()["Location"] == "/sharing/"
    with serving(scene.bank.id):
        assert Consent.objects.count() == 1


def test_a_lone_feed_is_ticked_and_nothing_else_ever_is(scene: Scene) -> None:
    page = scene.ask().text
    scene.come(purpose="balance_watch", scope="balances", alert_types="")
    lone = scene.browser.get("/asking/").text

    assert " checked" not in page
    assert lone.count(" checked") == 1
    assert 'value="balances" checked' in lone


def test_the_page_says_who_asks_for_what_and_until_when(scene: Scene) -> None:
    page = scene.ask()

    for words in (
        "Budget Friend asks to see something of yours at",
        "It is at budget.example",
        "Help me plan my money",
        scene.home.account.name,
        "30 days",
        "60 days",
    ):
        assert words in page.text
    assert "90 days" not in page.text
    assert "form-action 'self' https://budget.example;" in page["Content-Security-Policy"]


def test_what_the_bank_does_not_share_and_what_is_not_linked_is_said(scene: Scene) -> None:
    share(scene.bank, feeds=["balances", "transactions", "receipts"])
    scene.come(scope="balances receipts shipments", alert_types="")
    scene.sign_in()

    page = scene.browser.get("/asking/").text

    assert 'value="balances"' in page
    assert 'value="receipts"' not in page
    assert 'value="shipments"' not in page
    assert "you have not linked this" in page
    assert "shares this with nobody" in page


# --- codes ----------------------------------------------------------------------------------------


def test_a_code_is_good_once_and_a_second_time_ends_what_it_gave(scene: Scene) -> None:
    scene.ask()
    code = told(scene.yes())["code"]
    given = scene.change(code).json()

    again = scene.change(code)

    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert scene.read(given["access_token"], "consent").status_code == 401


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"code_verifier": "b" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"redirect_uri": "https://budget.example/other"}, "invalid_request"),
        ({"code": "ac_0_x"}, "invalid_grant"),
        ({"code": "x" * 400}, "invalid_grant"),
    ],
)
def test_a_code_is_held_to_its_verifier_and_address(
    scene: Scene, changed: dict[str, str], error: str
) -> None:
    scene.ask()
    code = told(scene.yes())["code"]

    answered = scene.change(**{"code": code, **changed})

    assert (answered.status_code, answered.json()["error"]) == (400, error)
    assert AccessToken.objects.count() == 0


def test_a_code_is_worth_nothing_to_another_program_or_after_a_minute(scene: Scene) -> None:
    scene.ask()
    code = told(scene.yes())["code"]
    thief = Scene(scene.home, make_client(redirect_uris=BACK), scene.browser)

    stolen = thief.change(code)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        late = scene.change(code)

    assert (stolen.json()["error"], late.json()["error"]) == ("invalid_grant", "invalid_grant")
    with serving(scene.bank.id):
        assert code not in str(vars(ConsentRequest.objects.get()))


# --- no, and nothing ------------------------------------------------------------------------------


def changed(witness: Witness) -> list[tuple[str, str]]:
    """What came or is another now in the whole database, but for the browser's own session."""
    found = [each for each in witness.changes() if each.table != "django_session"]
    return [(each.table, str(each.row.get("kind"))) for each in found]


def test_a_no_leaves_nothing_but_the_event(scene: Scene) -> None:
    scene.come()
    scene.sign_in()
    witness = Witness([scene.bank.id])
    scene.browser.get("/asking/")

    back = scene.browser.post("/asking/", {"answer": "no"})

    said = told(back)
    assert (said["error"], said["state"]) == ("access_denied", "s 1")
    assert scene.browser.post("/asking/", {"answer": "no"})["Location"] == back["Location"]
    assert scene.browser.get("/asking/")["Location"] == "/sharing/"
    assert changed(witness) == [("accounts_consentevent", "denied")]
    with serving(scene.bank.id):
        refused = ConsentEvent.objects.select_related("client").get(kind="denied")
        assert refused.client is not None
        assert refused.client.client_id == scene.program.client_id


def test_a_window_that_is_closed_leaves_nothing_but_the_event(scene: Scene) -> None:
    scene.come()
    scene.sign_in()
    witness = Witness([scene.bank.id])
    for _reloaded in range(2):
        scene.browser.get("/asking/")

    early = forget_unanswered(bank_id=scene.bank.id, at=timezone.now())
    after = timezone.now() + timedelta(minutes=11)
    late = [forget_unanswered(bank_id=scene.bank.id, at=after) for _again in range(2)]

    assert (early, late) == (0, [1, 0])
    assert changed(witness) == [("accounts_consentevent", "abandoned")]


def test_what_was_answered_is_forgotten_too_and_leaves_no_event(scene: Scene) -> None:
    scene.ask()
    scene.yes()

    forget_unanswered(bank_id=scene.bank.id, at=timezone.now() + timedelta(hours=2))

    with serving(scene.bank.id):
        assert ConsentRequest.objects.count() == 0
    assert events(scene.home) == ["granted"]


def test_an_answer_that_comes_too_late_is_no_answer(scene: Scene) -> None:
    scene.ask()
    with serving(scene.bank.id):
        ConsentRequest.objects.update(expires_at=timezone.now())

    answered = scene.yes()

    assert answered.status_code == 409
    assert "No program is asking" in answered.text
    assert events(scene.home) == []


def test_a_window_in_which_nothing_waits_says_so(scene: Scene) -> None:
    scene.sign_in()

    page = scene.browser.get("/asking/")

    assert (page.status_code, "No program is asking" in page.text) == (409, True)


def test_what_waits_does_so_for_ten_minutes(scene: Scene) -> None:
    scene.come()
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        entered = scene.sign_in()
        page = scene.browser.get("/asking/")

    assert (entered["Location"], page.status_code) == ("/sharing/", 409)


@pytest.mark.parametrize(
    "chosen",
    [
        {"accounts": []},
        {"feeds": [], "alert_types": []},
        {"ends": ""},
        {"ends": "90"},
        {"feeds": ["receipts"]},
        {"alert_types": ["foreign"]},
        {"accounts": ["018f2d3c-0000-7000-8000-000000000000"]},
    ],
)
def test_an_impossible_choice_is_said_to_be_one(scene: Scene, chosen: dict[str, Any]) -> None:
    scene.ask()

    answered = scene.yes(**chosen)

    assert answered.status_code == 400
    assert 'role="alert"' in answered.text
    assert events(scene.home) == []


# --- who may be asked, and by whom ----------------------------------------------------------------


def test_whoever_is_not_known_yet_is_sent_to_their_bank_and_comes_back(scene: Scene) -> None:
    page = scene.come()

    entered = scene.sign_in()

    assert page.status_code == 200
    assert f"Go to {scene.bank.name}" in page.text
    assert entered["Location"] == "/asking/"


def test_who_is_in_a_window_already_is_asked_at_once(scene: Scene) -> None:
    scene.sign_in()

    assert scene.come()["Location"] == "/asking/"


def test_another_banks_customer_is_not_asked(scene: Scene) -> None:
    other = make_customer(make_bank())
    scene.come()

    scene.sign_in(other)
    page = scene.browser.get("/asking/")

    assert f"Go to {scene.bank.name}" in page.text
    assert scene.yes().status_code == 200
    assert events(scene.home) == []


def test_a_customer_without_accounts_is_sent_to_link_one_and_told_to_go_on(scene: Scene) -> None:
    alone = make_customer(scene.bank)
    scene.come()
    scene.sign_in(alone)

    page = scene.browser.get("/asking/")

    assert "You have linked no account yet" in page.text
    assert "/link/begin" in page.text


@pytest.mark.parametrize(
    "changed", [{"client_id": "nobody"}, {"client_id": ""}, {"client_id": "a\x00b"}]
)
def test_a_program_that_is_not_known_gets_nothing(
    scene: Scene, changed: Mapping[str, str]
) -> None:
    page = scene.come(**changed)

    assert (page.status_code, "No such program" in page.text) == (400, True)


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/back",
        "https://budget.example/back",
        "https://budget.example/back?from=bank&more=1",
        "https://budget.example/back?from=bank#x",
        "javascript:alert(1)",
        "",
    ],
)
def test_an_address_that_was_never_registered_is_never_led_to(scene: Scene, address: str) -> None:
    page = scene.come(redirect_uri=address)

    assert page.status_code == 400
    assert "evil.example" not in page.text
    assert "budget.example" not in page.text


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "gossip"}, "invalid_scope"),
        ({"scope": "", "alert_types": ""}, "invalid_scope"),
        ({"alert_types": "gossip"}, "invalid_scope"),
        ({"purpose": "see_in_chat"}, "invalid_request"),
        ({"purpose": "advertising"}, "invalid_request"),
        ({"purpose": "balance_watch"}, "invalid_scope"),
        ({"bank": "no-such-bank"}, "invalid_request"),
        ({"days": "366"}, "invalid_request"),
        ({"days": "0"}, "invalid_request"),
        ({"history_days": "-1"}, "invalid_request"),
        ({"state": "x" * 600}, "invalid_request"),
    ],
)
def test_a_request_that_cannot_be_put_is_a_page_with_a_way_back(
    scene: Scene, changed: dict[str, str], error: str
) -> None:
    page = scene.come(**changed)

    assert page.status_code == 400
    assert f"error={error}" in page.text
    assert "Back to Budget Friend" in page.text


def test_a_program_may_ask_for_no_more_than_it_registered(scene: Scene) -> None:
    Client.objects.filter(pk=scene.program.pk).update(feeds=["balances"])

    assert "error=invalid_scope" in scene.come().text
    assert "error=invalid_scope" in scene.come(scope="balances").text
    assert scene.come(scope="balances", alert_types="").status_code == 200


def test_a_parameter_that_is_there_twice_is_refused(scene: Scene) -> None:
    page = scene.browser.get(scene.sent_to() + "&scope=balances")

    assert "error=invalid_request" in page.text


def test_a_suspended_bank_and_a_suspended_program_are_a_sentence(scene: Scene) -> None:
    scene.ask()
    Bank.objects.filter(pk=scene.bank.pk).update(status="suspended")
    at_bank = (scene.come(), scene.browser.get("/asking/"))
    Bank.objects.filter(pk=scene.bank.pk).update(status="admitted")
    Client.objects.filter(pk=scene.program.pk).update(status="suspended")
    of_program = (scene.come(), scene.yes())

    assert [each.status_code for each in (*at_bank, *of_program)] == [400] * 4
    assert all("The bank is suspended here" in each.text for each in at_bank)
    assert all("The program is suspended here" in each.text for each in of_program)
    assert events(scene.home) == []


def test_where_programs_send_their_customers_is_published() -> None:
    said = Browser().get("/.well-known/oauth-authorization-server", headers=API).json()

    assert said["authorization_endpoint"] == f"{settings.CHAT_ORIGIN}/oauth/authorize"
    assert said["code_challenge_methods_supported"] == ["S256"]
