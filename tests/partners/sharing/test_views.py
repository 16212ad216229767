"""Who sees what: the customer's own page, in a window of the chat's host."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts.consent.models import Consent
from accounts.disclosure.models import Disclosure
from accounts.linking.actions import end_link
from accounts.signin.actions import make_window_code
from partners.banks.models import Bank
from partners.ledger.models import Entry
from partners.sharing import overview
from partners.sharing.timeline import TICKS
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_household,
    make_link,
    share,
)
from tests.factories.messaging import CHAT_HOST, open_session_of
from tests.factories.partners import make_account

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Household:
    return make_household()


class Window:
    """A browser's window on the chat's host."""

    def __init__(self) -> None:
        self.browser = Browser(headers={"Host": CHAT_HOST}, enforce_csrf_checks=True)

    def enter(self, home: Household, **headers: str) -> Any:
        with serving_customer(home.bank_id, home.customer.id):
            made = make_window_code(
                customer_id=home.customer.id, purpose="sharing", at=timezone.now()
            )
        sent = {"Origin": settings.CHAT_ORIGIN} | headers
        return self.browser.post("/sharing/enter", {"code": made.code}, headers=sent)

    def text(self, path: str = "/sharing/") -> str:
        answered = self.browser.get(path)
        assert answered.status_code == 200
        return answered.content.decode()

    def press_end(self, consent: Consent) -> Any:
        path = f"/sharing/consents/{consent.id}/end"
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.text(path))
        assert found is not None
        sent = {"Origin": settings.CHAT_ORIGIN}
        return self.browser.post(path, {"csrfmiddlewaretoken": found[1]}, headers=sent)


@pytest.fixture
def window(home: Household) -> Window:
    opened = Window()
    opened.enter(home)
    return opened


def read_in_chat(home: Household) -> Any:
    session = open_session_of(home.bank, home.customer)
    return Browser().get(
        f"/api/v1/accounts/{home.account.id}/transactions", headers=session.headers
    )


def test_a_code_opens_the_page_and_nothing_else_does(home: Household) -> None:
    stranger = Window()
    assert stranger.browser.get("/sharing/").status_code == 403
    assert stranger.enter(home, Origin="https://elsewhere.example").status_code == 403
    assert stranger.browser.get("/sharing/ticker").status_code == 403

    entered = Window()
    answered = entered.enter(home)

    assert (answered.status_code, answered.headers["Location"]) == (302, "/sharing/")
    assert "Nobody sees anything" in entered.text()


def test_it_shows_who_reads_what_until_when(home: Household, window: Window) -> None:
    share(home.bank, feeds=["transactions"], alert_types=["fraud_suspected"])
    make_consent(
        home.customer,
        [home.account],
        feeds=["balances", "transactions"],
        alert_types=["fraud_suspected"],
    )
    make_consent(home.customer, [home.account], client=make_client(name="Pocket Plan"))
    read_in_chat(home)

    with serving_customer(home.bank_id, home.customer.id):
        program, chat = overview.recipients(home.bank, at=timezone.now())

    assert (program["name"], program["kind"], program["access_count"]) == (
        "Pocket Plan",
        "client",
        0,
    )
    assert (chat["kind"], chat["feeds"], chat["alert_labels"]) == (
        "chat",
        ["balances", "transactions"],
        ["Fraud suspected"],
    )
    assert (chat["access_count"], chat["suspended_feeds"]) == (1, ["balances"])
    assert [each.id for each in chat["accounts"]] == [home.account.id]
    page = window.text()
    assert "Pocket Plan" in page
    assert home.account.name in page


def test_readings_and_refusals_tick(home: Household, window: Window) -> None:
    assert read_in_chat(home).status_code == 403
    make_consent(home.customer, [home.account])
    assert read_in_chat(home).status_code == 200

    ticking = window.text("/sharing/ticker")

    assert "read 2 payments" in ticking
    assert "was refused" in ticking
    assert ticking.index("read 2 payments") < ticking.index("was refused")


def test_times_are_on_the_banks_own_clock(home: Household, window: Window) -> None:
    with time_machine.travel("2026-07-01T22:30:15Z", tick=False):
        Bank.objects.filter(pk=home.bank_id).update(time_zone="Europe/Rome")
        make_consent(home.customer, [home.account])
        read_in_chat(home)
        window.enter(home)

        assert "2 July 2026 to" in window.text()
        assert "2 Jul, 00:30:15" in window.text("/sharing/ticker")


def test_the_page_names_the_customers_own_linked_accounts_and_none_of_their_money(
    home: Household, window: Window
) -> None:
    other = make_household(home.bank)
    unlinked = make_account(home.bank, name="Account of before")
    make_link(home.customer, unlinked)
    make_consent(home.customer, [home.account, unlinked])
    read_in_chat(home)
    with serving(home.bank_id):
        end_link(customer_id=home.customer.id, account_id=unlinked.id, at=timezone.now())
        entries = list(Entry.objects.filter(account=home.account))

    page = window.text()

    assert home.account.name in page
    assert unlinked.name not in page
    assert other.account.name not in page
    for each in entries:
        assert each.merchant_name not in page
    assert not re.search(r"12[.,]30|100[.,]50", page)


def test_looking_at_the_record_leaves_nothing_on_it(home: Household, window: Window) -> None:
    make_consent(home.customer, [home.account])
    read_in_chat(home)
    with serving(home.bank_id):
        before = Disclosure.objects.count()

    window.text()
    window.text("/sharing/ticker")

    with serving(home.bank_id):
        assert Disclosure.objects.count() == before


def written(
    home: Household, number: int, recipient: str, door: str, feed: str, **row: Any
) -> None:
    """A row of the record, `number` seconds ago."""
    kept = {"row_count": 0, "decision": "released"} | row
    with serving(home.bank_id):
        Disclosure.objects.create(
            at=timezone.now() - timedelta(seconds=number),
            pseudonym=home.customer.pseudonym,
            recipient=recipient,
            door=door,
            feed=feed,
            account_ids=[str(home.account.id)],
            **kept,
        )


def test_what_we_read_ourselves_stands_in_one_line_between_what_others_read(
    home: Household, window: Window
) -> None:
    written(home, 70, "portal", "window", "accounts", row_count=3)
    written(home, 60, "portal", "sync", "transactions", row_count=30)
    written(home, 50, "portal", "sync", "transactions", row_count=12)
    written(home, 50, "portal", "sync", "balances", row_count=2)
    written(home, 45, "chat", "rest", "accounts", row_count=1)
    written(home, 40, "chat", "rest", "balances", row_count=2)
    written(home, 35, "chat", "mail", "fraud_suspected", row_count=1)
    written(home, 30, "portal", "sync", "transactions")
    written(home, 20, "portal", "sync", "transactions", decision="refused", reason="no_consent")
    written(home, 10, "bank", "instruction", "freeze", row_count=1)
    written(home, 5, "chat", "instruction", "", decision="refused", reason="consent_expired")

    ticking = window.text("/sharing/ticker")

    lines = [
        re.sub(r"\s+", " ", each).strip()
        for each in re.findall(r'timeline__title">(.*?)</span>', ticking, re.DOTALL)
    ]
    assert lines == [
        "Your bank was not asked to freeze your card",
        "Your bank was asked to freeze your card",
        "Sportello did not look at your bank",
        "Sportello looked at your bank: nothing new",
        "You were mailed that there is an alert",
        f"The chat of {home.bank.name} read 2 balances",
        f"The chat of {home.bank.name} read 1 account",
        "Sportello read at your bank: 2 balances, 42 payments, 3 accounts",
    ]


def test_what_happened_to_others_is_not_there(home: Household, window: Window) -> None:
    other = make_household(home.bank)
    theirs = make_consent(other.customer, [other.account], client=make_client(name="Theirs"))
    read_in_chat(other)

    assert "Theirs" not in window.text()
    assert "refused" not in window.text("/sharing/ticker")
    assert window.browser.get(f"/sharing/consents/{theirs.id}/end").status_code == 404
    with serving(other.bank_id):
        assert Consent.objects.get(pk=theirs.id).ended_at is None


def test_ending_says_what_it_does_and_does_it_at_once(home: Household, window: Window) -> None:
    consent = make_consent(home.customer, [home.account])
    assert read_in_chat(home).status_code == 200
    asked = window.text(f"/sharing/consents/{consent.id}/end")
    assert "can read nothing more of yours" in asked
    assert read_in_chat(home).status_code == 200

    answered = window.press_end(consent)

    assert (answered.status_code, answered.headers["Location"]) == (302, "/sharing/")
    assert read_in_chat(home).status_code == 403
    assert "Ended by you" in window.text()


def test_nobody_elses_consent_can_be_ended(home: Household, window: Window) -> None:
    mine = make_consent(home.customer, [home.account])
    other = make_household(home.bank)
    theirs = make_consent(other.customer, [other.account])
    page = window.text(f"/sharing/consents/{mine.id}/end")
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token is not None

    answered = window.browser.post(
        f"/sharing/consents/{theirs.id}/end",
        {"csrfmiddlewaretoken": token[1]},
        headers={"Origin": settings.CHAT_ORIGIN},
    )

    assert answered.status_code == 404
    with serving(other.bank_id):
        assert Consent.objects.get(pk=theirs.id).ended_at is None


def test_a_forged_click_ends_nothing(home: Household, window: Window) -> None:
    consent = make_consent(home.customer, [home.account])

    answered = window.browser.post(f"/sharing/consents/{consent.id}/end")

    assert answered.status_code == 403
    assert read_in_chat(home).status_code == 200


def test_older_readings_are_on_further_pages(home: Household, window: Window) -> None:
    at = timezone.now()
    with serving(home.bank_id):
        Disclosure.objects.bulk_create(
            Disclosure(
                at=at - timedelta(minutes=number // 2),
                pseudonym=home.customer.pseudonym,
                recipient="chat",
                door="rest",
                feed="balances",
                row_count=number,
                decision="released",
            )
            for number in range(TICKS + 10)
        )
    first = window.text()
    found = re.search(r'href="(/sharing/\?before=[^"]+)"', first)
    assert found is not None

    older = window.text(found[1])

    pattern = r"read (\d+) balance"
    seen = re.findall(pattern, first) + re.findall(pattern, older)
    assert sorted(map(int, seen)) == list(range(TICKS + 10))
    assert window.browser.get("/sharing/?before=made-up").status_code == 404


def test_the_window_ends_after_a_quarter_of_an_hour(window: Window) -> None:
    with time_machine.travel(timezone.now() + timedelta(minutes=16)):
        assert window.browser.get("/sharing/").status_code == 403
