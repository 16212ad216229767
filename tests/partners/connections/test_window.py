"""The linking window, as a browser goes through it, and what is left of walks that end early."""

import re
from datetime import timedelta
from typing import Any
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
from partners.connections.brought import open_brought
from partners.connections.ending import tell_due
from partners.connections.models import Authorisation, Connection
from partners.connectors.base import ConnectorFailure, Grant
from partners.feeds.models import Feed
from partners.integrations.queries import connector_of
from partners.integrations.runner import run
from partners.ledger.models import Account
from portal.tenancy.blocks import serving, serving_customer
from tests.isolation.witness import Witness
from tests.sandbox_bank import SandboxBank, know_bank, know_customer

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

CHOSEN = {
    "answer": "yes",
    "accounts": ["0"],
    "feeds": ["balances"],
    "alert_types": ["fraud_suspected"],
    "ends": "90",
}


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


def begin(browser: Client, sandbox: SandboxBank) -> dict[str, str]:
    """Go to the bank; what it is asked by the redirect."""
    sent = browser.post("/link/begin")
    assert sent.status_code == 303
    assert sent["Location"].startswith(f"{sandbox.origin}/as/authorize?")
    asked = parse_qs(urlsplit(sent["Location"]).query)
    return {name: values[-1] for name, values in asked.items()}


def come_back(browser: Client, sandbox: SandboxBank, person: dict[str, Any] | None = None) -> str:
    """There and back: the walk that the page of choices names."""
    asked = begin(browser, sandbox)
    code = approve(sandbox, asked, person)
    browser.get("/link/callback", {"state": asked["state"], "code": code})
    return str(browser.get("/link/choose").context["walk"])


def approve(
    sandbox: SandboxBank, asked: dict[str, str], person: dict[str, Any] | None = None
) -> str:
    said = sandbox.do(
        "POST",
        "approve",
        consent_id=asked["openbanking_intent_id"],
        login=(person or sandbox.customers()[0])["login"],
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
    page = browser.get("/link/begin")
    asked = begin(browser, sandbox)
    said = {"state": asked["state"], "code": approve(sandbox, asked)}
    back = browser.get("/link/callback", said)
    choices = browser.get("/link/choose")
    assert left_behind(bank) == (0, 0, 0, 0)

    yes = [
        browser.post("/link/choose", CHOSEN | {"walk": choices.context["walk"]})
        for _twice in range(2)
    ]
    done = browser.get("/link/done")

    assert f"form-action 'self' {sandbox.origin};" in page["Content-Security-Policy"]
    assert (back.status_code, back["Location"]) == (302, "/link/choose")
    assert [each["Location"] for each in yes] == ["/link/done"] * 2
    with serving(bank.id):
        allowed = set(ConsentResource.objects.values_list("scope", "code"))
        linked = [each.masked_identification for each in Account.objects.all()]
    assert allowed == {("feed", "balances"), ("alert", "fraud_suspected")}
    assert len(linked) == 1
    assert linked[0].replace("*", "•") in done.text
    # The receipt follows on the same page.
    receipt = re.search(r'href="(/sharing/consents/[^"]+)\.json"', done.text)
    assert receipt is not None
    assert browser.get(receipt[1] + ".json").json()["receipt"]["purpose"]["code"] == "see_in_chat"
    # Back, and once more: where they stood.
    again = [browser.get("/link/callback", said), browser.get("/link/choose")]
    assert [each["Location"] for each in again] == ["/link/choose", "/link/done"]


def test_nothing_is_ticked_but_what_was_allowed_before(
    sandbox: SandboxBank, bank: Bank, browser: Client
) -> None:
    person = next(each for each in sandbox.customers() if len(each["accounts"]) > 1)
    enter(browser, know_customer(bank, person))
    first = come_back(browser, sandbox, person)
    untouched = browser.get("/link/choose")
    browser.post("/link/choose", CHOSEN | {"walk": first})
    come_back(browser, sandbox, person)
    again = browser.get("/link/choose")

    assert ticked(untouched.text) == []
    assert ticked(again.text) == ["accounts 0", "feeds balances", "alert_types fraud_suspected"]


def ticked(page: str) -> list[str]:
    boxes = re.findall(r'<input type="\w+" name="(\w+)" value="(\w+)"[^>]* checked>', page)
    return [" ".join(each) for each in boxes]


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
    asked = begin(browser, sandbox)

    browser.get("/link/callback", {"state": asked["state"], "error": error})

    again = browser.get("/link/callback", {"state": asked["state"], "error": error})
    assert again.status_code == 409
    assert changed(witness) == [("accounts_consentevent", kind)]


def test_a_window_that_is_closed_half_way_leaves_nothing_but_the_event(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    witness = Witness([bank.id])
    begin(browser, sandbox)

    early = forget_abandoned(bank_id=bank.id, at=timezone.now())
    after = timezone.now() + timedelta(minutes=11)
    late = [forget_abandoned(bank_id=bank.id, at=after) for _again in range(2)]
    tell_due(bank_id=bank.id, clock=lambda: after)

    assert (early, late) == (0, [1, 0])
    assert changed(witness) == [("accounts_consentevent", "abandoned")]
    assert left_behind(bank) == (0, 0, 0, 0)


@pytest.mark.parametrize(("ends", "kind"), [("no", "denied"), ("closes the window", "abandoned")])
def test_whoever_does_not_say_yes_to_the_choice_leaves_nothing_but_the_event(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client, ends: str, kind: str
) -> None:
    enter(browser, customer)
    witness = Witness([bank.id])
    walk = come_back(browser, sandbox)
    with serving(bank.id):
        held = Authorisation.objects.select_related("integration__bank").get()
        connector = connector_of(held.integration)
        grant = Grant(open_brought(held).tokens.access_token, held.external_consent_id)
    assert run(connector.accounts(grant=grant)).records

    if ends == "no":
        said = [
            browser.post("/link/choose", {"answer": "no", "walk": walk}) for _twice in range(2)
        ]
        assert [each.status_code for each in said] == [200, 200]
    else:
        after = timezone.now() + timedelta(minutes=11)
        assert forget_abandoned(bank_id=bank.id, at=timezone.now()) == 0
        assert [forget_abandoned(bank_id=bank.id, at=after) for _again in range(2)] == [1, 0]
        assert tell_due(bank_id=bank.id, clock=lambda: after) == 1

    assert changed(witness) == [("accounts_consentevent", kind)]
    assert browser.get("/link/choose").status_code == 409
    # The bank was told, and lets nobody read any more with what it gave.
    with pytest.raises(ConnectorFailure):
        run(connector.accounts(grant=grant))


def test_a_no_says_whether_the_bank_knows_and_one_that_is_away_is_told_later(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    witness = Witness([bank.id])
    walk = come_back(browser, sandbox)
    sandbox.be(down=True)

    away = [browser.post("/link/choose", {"answer": "no", "walk": walk}) for _twice in range(2)]
    sandbox.be()
    told = tell_due(bank_id=bank.id, clock=lambda: timezone.now() + timedelta(minutes=2))
    known = browser.post("/link/choose", {"answer": "no", "walk": walk})

    assert [f"{bank.name} does not answer just now" in each.text for each in away] == [True] * 2
    assert told == 1
    assert f"have told {bank.name} that it is over" in known.text
    assert changed(witness) == [("accounts_consentevent", "denied")]


def test_the_choice_ends_after_ten_minutes_and_is_no_other_browsers(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    walk = come_back(browser, sandbox)
    stranger = Client(headers={"host": urlsplit(settings.CHAT_ORIGIN).netloc})
    enter(stranger, customer)

    elsewhere = stranger.post("/link/choose", CHOSEN | {"walk": walk})
    other_walk = browser.post("/link/choose", CHOSEN | {"walk": str(customer.id)})
    with serving(bank.id):
        Authorisation.objects.update(expires_at=timezone.now())
    late = browser.post("/link/choose", CHOSEN | {"walk": walk})

    assert elsewhere["Location"] == "/link/begin"
    assert (other_walk.status_code, late.status_code) == (409, 409)
    assert left_behind(bank) == (0, 0, 0, 0)


def test_a_bank_that_stops_sharing_meanwhile_is_said_to(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    walk = come_back(browser, sandbox)
    with serving(bank.id):
        Feed.objects.filter(kind="balances").update(enabled=False)

    said = browser.post("/link/choose", CHOSEN | {"walk": walk})

    assert said.status_code == 400
    assert "does not share one of these" in said.text
    assert left_behind(bank) == (0, 0, 0, 0)


def test_a_forged_state_and_a_strange_browser_get_nothing(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    asked = begin(browser, sandbox)
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
        {"accounts": []},
        {"accounts": ["7"]},
        {"ends": ""},
        {"feeds": [], "alert_types": []},
        {"ends": "4000"},
        {"months": "24"},
        {"feeds": ["receipts"]},
        {"alert_types": ["gossip"]},
    ],
)
def test_an_impossible_choice_is_said_to_be_one(
    sandbox: SandboxBank, customer: Customer, browser: Client, sent: dict[str, Any]
) -> None:
    enter(browser, customer)
    walk = come_back(browser, sandbox)

    said = browser.post("/link/choose", {**CHOSEN, "walk": walk, **sent})

    assert said.status_code == 400
    assert 'role="alert"' in said.text


def test_a_bank_that_is_down_costs_a_calm_page(
    sandbox: SandboxBank, bank: Bank, customer: Customer, browser: Client
) -> None:
    enter(browser, customer)
    sandbox.be(down=True)

    sent = browser.post("/link/begin")

    assert sent.status_code == 502
    assert bank.name in sent.text
    assert left_behind(bank) == (0, 0, 0, 0)


def test_a_bank_that_shares_nothing_says_so(sandbox: SandboxBank, browser: Client) -> None:
    bank = know_bank(sandbox, shares=False)
    enter(browser, know_customer(bank, sandbox.customers()[0]))

    page = browser.get("/link/begin")

    assert page.status_code == 409
    assert "shares nothing" in page.text
