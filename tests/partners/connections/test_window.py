"""The linking window, as a browser goes through it, and what is left of walks that end early."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.consent.models import Consent, ConsentResource
from accounts.linking.models import Link
from accounts.signin.actions import make_window_code
from partners.banks.models import Bank, Customer
from partners.connections.actions import forget_abandoned
from partners.connections.models import Connection
from partners.ledger.models import Account
from portal.tenancy.blocks import serving, serving_customer
from tests.isolation.witness import Witness
from tests.sandbox_bank import SandboxBank, know_bank, know_customer

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

CHOSEN = {"feeds": ["balances"], "alert_types": ["fraud_suspected"], "ends": "90"}


@pytest.fixture
def bank(sandbox: SandboxBank) -> Bank:
    return know_bank(sandbox)


@pytest.fixture
def customer(sandbox: SandboxBank, bank: Bank) -> Customer:
    return know_customer(bank, sandbox.customers()[0])


@pytest.fixture
def browser() -> Client:
    return Client(headers={"host": urlsplit(settings.CHAT_ORIGIN).netloc})


def enter(browser: Client, customer: Customer) -> int:
    with serving_customer(customer.bank_id, customer.id):
        code = make_window_code(customer_id=customer.id, purpose="link", at=timezone.now()).code
    entered = browser.post("/link/", {"code": code}, headers={"origin": settings.CHAT_ORIGIN})
    return entered.status_code


def choose(browser: Client, sandbox: SandboxBank) -> dict[str, str]:
    """Send the choice; what the bank is asked by the redirect."""
    sent = browser.post("/link/choose", CHOSEN)
    assert sent.status_code == 303
    assert sent["Location"].startswith(f"{sandbox.origin}/as/authorize?")
    asked = parse_qs(urlsplit(sent["Location"]).query)
    return {name: values[-1] for name, values in asked.items()}


def approve(sandbox: SandboxBank, asked: dict[str, str]) -> str:
    said = sandbox.do(
        "POST",
        "approve",
        consent_id=asked["openbanking_intent_id"],
        login=sandbox.customers()[0]["login"],
        redirect_uri=asked["redirect_uri"],
        code_challenge=asked["code_challenge"],
        all=True,
    )
    return str(said["code"])


def left_behind(bank: Bank) -> tuple[int, ...]:
    with serving(bank.id):
        return tuple(each.objects.count() for each in (Connection, Account, Link, Consent))


def test_the_window_links_what_the_customer_chose_and_no_more(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    assert enter(browser, customer) == 302
    page = browser.get("/link/choose")
    asked = choose(browser, sandbox)

    back = browser.get(
        "/link/callback", {"state": asked["state"], "code": approve(sandbox, asked)}
    )
    done = browser.get(back["Location"])

    assert "checked" not in page.text.split("choices", 1)[1]
    assert f"form-action 'self' {sandbox.origin};" in page["Content-Security-Policy"]
    assert (back.status_code, back["Location"], done.status_code) == (302, "/link/done", 200)
    with serving(bank.id):
        allowed = set(ConsentResource.objects.values_list("scope", "code"))
        for account in Account.objects.all():
            assert account.masked_identification.replace("*", "•") in done.text
    assert allowed == {("feed", "balances"), ("alert", "fraud_suspected")}
    again = browser.get("/link/callback", {"state": asked["state"], "code": "x"})
    assert again.status_code == 409


def changed(witness: Witness) -> list[tuple[str, str]]:
    """What came or is another now in the whole database, but for the browser's own session."""
    found = [each for each in witness.changes() if each.table != "django_session"]
    return [(each.table, str(each.row.get("kind"))) for each in found]


@pytest.mark.parametrize(
    ("error", "kind"), [("access_denied", "denied"), ("server_error", "abandoned")]
)
def test_a_no_at_the_bank_leaves_nothing_but_the_event(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client, error: str, kind: str
) -> None:
    enter(browser, customer)
    witness = Witness([bank.id])
    asked = choose(browser, sandbox)

    browser.get("/link/callback", {"state": asked["state"], "error": error})

    again = browser.get("/link/callback", {"state": asked["state"], "error": error})
    assert again.status_code == 409
    assert changed(witness) == [("accounts_consentevent", kind)]


def test_a_window_that_is_closed_half_way_leaves_nothing_but_the_event(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    witness = Witness([bank.id])
    choose(browser, sandbox)

    early = forget_abandoned(bank_id=bank.id, at=timezone.now())
    after = timezone.now() + timedelta(minutes=11)
    late = [forget_abandoned(bank_id=bank.id, at=after) for _again in range(2)]

    assert (early, late) == (0, [1, 0])
    assert changed(witness) == [("accounts_consentevent", "abandoned")]
    assert left_behind(bank) == (0, 0, 0, 0)


def test_a_forged_state_and_a_strange_browser_get_nothing(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    asked = choose(browser, sandbox)
    code = approve(sandbox, asked)
    stranger = Client(headers={"host": urlsplit(settings.CHAT_ORIGIN).netloc})

    forged = browser.get("/link/callback", {"state": "made-up", "code": code})
    alone = stranger.get("/link/callback", {"state": asked["state"], "code": code})
    other = know_customer(bank, {"id": "somebody-else", "name": "Somebody Else"})
    enter(stranger, other)
    theirs = stranger.get("/link/callback", {"state": asked["state"], "code": code})

    assert (forged.status_code, alone.status_code, theirs.status_code) == (409, 403, 409)
    assert left_behind(bank) == (0, 0, 0, 0)


def test_a_code_opens_the_window_once_and_only_from_our_frame(
    bank: Bank, customer: Customer, browser: Client
) -> None:
    with serving_customer(bank.id, customer.id):
        code = make_window_code(customer_id=customer.id, purpose="link", at=timezone.now()).code

    elsewhere = browser.post("/link/", {"code": code}, headers={"origin": "https://evil.example"})
    first = browser.post("/link/", {"code": code}, headers={"origin": settings.CHAT_ORIGIN})
    second = browser.post("/link/", {"code": code}, headers={"origin": settings.CHAT_ORIGIN})

    statuses = (elsewhere.status_code, first.status_code, second.status_code)
    assert statuses == (403, 302, 403)


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"feeds": ["balances"]},
        {"ends": "90"},
        {"feeds": ["balances"], "ends": "4000"},
        {"feeds": ["receipts"], "ends": "90"},
        {"feeds": ["balances"], "alert_types": ["gossip"], "ends": "90"},
    ],
)
def test_an_impossible_choice_is_said_to_be_one(
    customer: Customer, browser: Client, sent: dict[str, object]
) -> None:
    enter(browser, customer)

    assert browser.post("/link/choose", sent).status_code == 400


def test_a_bank_that_is_down_costs_a_calm_page(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    sandbox.be(down=True)

    sent = browser.post("/link/choose", CHOSEN)

    assert sent.status_code == 502
    assert bank.name in sent.text
    assert left_behind(bank) == (0, 0, 0, 0)


def test_a_bank_that_shares_nothing_says_so(sandbox: SandboxBank, browser: Client) -> None:
    bank = know_bank(sandbox, shares=False)
    enter(browser, know_customer(bank, sandbox.customers()[0]))

    page = browser.get("/link/choose")

    assert page.status_code == 409
    assert "shares nothing" in page.text
