"""What a bank calls its accounts, read again once a day: judged by the bank's own book of calls, and at our API."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.consent.references import consent_reference
from accounts.disclosure.models import Disclosure
from messaging.conversations.models import StreamEvent
from messaging.delivery.handlers import on_account_renamed
from partners.connections.models import Connection
from partners.connectors.base import Response
from partners.events import AccountRenamed
from partners.feeds.models import Feed, FeedCursor
from partners.integrations.models import Integration
from partners.ledger.models import Account
from partners.sharing.rules import CHAT, PORTAL, Ask, BankShares, Door, Scope, ways
from partners.sync.pulling import pull_bank
from portal.outbox.events import Delivered
from portal.outbox.models import OutboxEvent
from portal.tenancy.blocks import serving
from tests.contracts.between import standing_between
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_client, make_consent
from tests.partners.sharing.test_api import Program
from tests.partners.sync.test_budgets import Book
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

LISTS = {
    "uk_open_banking": "/accounts",
    "berlin_group": "/accounts",
    "cursor_sync": "/accounts/get",
}
DAY = timedelta(days=1, minutes=5)


class Named:
    """One linked account of a bank by that protocol, and its name there, which is as it was afterwards."""

    def __init__(self, sandbox: SandboxBank, person: dict[str, Any], connector: str) -> None:
        self.sandbox, self.there = sandbox, person["accounts"][0]
        self.bank = know_bank(sandbox)
        with serving(self.bank.id):
            Integration.objects.update(connector=connector)
        self.customer = know_customer(self.bank, person)
        self.began = timezone.now()
        link(sandbox, self.customer, person["login"], accounts=[self.there["AccountId"]])
        self.book, self.listed = Book(sandbox), LISTS[connector]

    def rename(self, name: str) -> None:
        self.sandbox.do("POST", "accounts/rename", account_id=self.there["AccountId"], name=name)

    def read(self, *, at: datetime, kinds: tuple[str, ...] = ("balances", "transactions")) -> None:
        with serving(self.bank.id):
            FeedCursor.objects.filter(kind__in=kinds).update(due_at=at)
            FeedCursor.objects.exclude(kind__in=kinds).update(due_at=None)
        pull_bank(bank_id=self.bank.id, clock=lambda: at)

    def name(self) -> str:
        with serving(self.bank.id):
            return Account.objects.get().name

    def told(self) -> int:
        with serving(self.bank.id):
            return OutboxEvent.objects.filter(name="partners.account_renamed").count()


@pytest.fixture
def named(
    sandbox: SandboxBank, person: dict[str, Any], request: pytest.FixtureRequest
) -> Iterator[Named]:
    found = Named(sandbox, person, getattr(request, "param", "uk_open_banking"))
    yield found
    sandbox.be()
    found.rename(found.there["name"])


@pytest.mark.parametrize("named", ["uk_open_banking", "berlin_group"], indirect=True)
def test_a_new_name_is_here_after_the_next_days_reading_and_nothing_is_asked_twice(
    named: Named,
) -> None:
    before = named.name()
    named.rename("Conto di casa")
    for hour in (0, 12, 23):
        named.read(at=named.began + timedelta(hours=hour))
    assert (named.name(), named.book.calls(named.listed)) == (before, [])

    with serving(named.bank.id):
        FeedCursor.objects.update(asked_from="203.0.113.7")
    named.read(at=named.began + DAY)
    assert named.book.calls(named.listed) == []  # who waits for the feed waits for nothing else

    for hour in (0, 1, 12, 23):
        named.read(at=named.began + DAY + timedelta(hours=hour))

    assert (named.name(), named.told()) == ("Conto di casa", 1)
    assert [each["attended"] for each in named.book.calls(named.listed)] == [False]
    named.read(at=named.began + 2 * DAY)
    assert (len(named.book.calls(named.listed)), named.told()) == (2, 1)
    with serving(named.bank.id):
        looked = Disclosure.objects.filter(feed="accounts", door="sync")
        assert set(looked.values_list("decision", flat=True)) == {"released"}
        assert looked.count() == 2


def test_it_is_seen_at_the_api_and_in_the_console_and_open_windows_read_it_again(
    named: Named,
) -> None:
    with serving(named.bank.id):
        account = Account.objects.get()
    client = make_client()
    consent = make_consent(named.customer, [account], client=client, feeds=["balances"])
    program = Program(client, consent_reference(named.bank.id, consent.id), scope="balances")
    named.rename("Conto di casa")
    named.read(at=named.began + DAY)

    said = program.get("accounts").json()
    page = browser_of(named.bank).get(page_of("customer", named.bank.slug, named.customer.id))
    assert "Conto di casa" in json.dumps(said)
    assert "Conto di casa" in page.content.decode()

    with serving(named.bank.id):
        event = AccountRenamed(account.id)
        on_account_renamed(event, Delivered(uuid4(), named.bank.id, timezone.now(), ""))
        assert list(StreamEvent.objects.values_list("kind", flat=True)) == ["accounts.linked"]


def test_who_allows_alerts_alone_may_be_read_the_name_that_they_are_told_with() -> None:
    shares = BankShares(
        admitted=True, feeds={"balances": frozenset()}, alert_types=frozenset({"low_balance"})
    )
    named = {
        recipient.kind: ways(
            Ask(recipient, None, Scope.FEED, "accounts", None, Door.SYNC, timezone.now()), shares
        )
        for recipient in (PORTAL, CHAT)
    }
    assert ("alert", "low_balance") in named["portal"]
    assert named["chat"] == {("feed", "balances")}


def test_what_is_allowed_to_nobody_any_more_is_not_asked_for(named: Named) -> None:
    with serving(named.bank.id):
        Feed.objects.update(enabled=False)
    named.rename("Conto di casa")
    named.read(at=named.began + DAY)
    assert named.book.calls("") == []


@pytest.mark.parametrize("named", ["cursor_sync"], indirect=True)
def test_where_it_comes_with_the_balances_it_is_taken_from_there_and_not_asked_for(
    named: Named,
) -> None:
    named.rename("Conto di casa")
    for hour in (0, 13, 26, 39):
        named.read(at=named.began + timedelta(hours=hour), kinds=("balances",))
    assert (named.name(), named.told()) == ("Conto di casa", 1)
    assert named.book.calls(named.listed) == []

    # Where balances are not read, it is asked for.
    named.rename("Conto nuovo")
    named.read(at=named.began + 3 * DAY, kinds=("transactions",))
    assert (named.name(), len(named.book.calls(named.listed))) == ("Conto nuovo", 1)


def test_a_list_that_cannot_be_read_costs_the_feed_nothing_and_waits_for_the_next_day(
    named: Named,
) -> None:
    named.rename("Conto di casa")
    named.sandbox.be(malformed=1.0)
    named.read(at=named.began + DAY, kinds=("balances",))
    named.sandbox.be()
    named.read(at=named.began + DAY + timedelta(hours=1))
    # What the fault answered is not in the book.
    assert named.book.calls(named.listed) == []
    with serving(named.bank.id):
        assert set(FeedCursor.objects.values_list("last_problem", flat=True)) == {""}

    named.read(at=named.began + 2 * DAY)
    assert named.name() == "Conto di casa"


@pytest.mark.parametrize("named", ["berlin_group"], indirect=True)
def test_a_day_of_that_list_that_is_used_up_is_not_one_of_the_feed(named: Named) -> None:
    told = {"tppMessages": [{"category": "ERROR", "code": "ACCESS_EXCEEDED"}]}
    refused = Response(429, {"Content-Type": "application/json"}, json.dumps(told).encode())
    at = named.began + DAY
    with standing_between(f"127.0.0.1:{urlsplit(named.sandbox.origin).port}") as bank:
        bank.asked = lambda asked: refused if asked.url.endswith(named.listed) else asked
        with serving(named.bank.id):
            Integration.objects.update(base_url=bank.origin)
        named.read(at=at, kinds=("balances",))
        # The connection rests for half a minute.
        at += timedelta(minutes=2)
        pull_bank(bank_id=named.bank.id, clock=lambda: at)

    passed = [(asked.url.rpartition("/")[2], answer.status) for asked, answer in bank.passed]
    assert (passed[0], passed[-1]) == (("accounts", 429), ("balances", 200))
    with serving(named.bank.id):
        place = FeedCursor.objects.get(kind="balances")
    assert (place.last_problem, place.fresh_as_of, place.calls_left) == ("", at, None)


def test_what_was_ended_while_the_bank_was_asked_gets_no_name_back(named: Named) -> None:
    """As retention leaves it: ended, and the name gone, after the bank was asked and before its answer is kept."""
    at = named.began + DAY

    def ends_meanwhile(*_given: Any) -> datetime:
        if named.book.calls(named.listed):
            with serving(named.bank.id):
                Connection.objects.update(status="revoked")
                Account.objects.update(name="", masked_identification="")
        return at

    with serving(named.bank.id):
        FeedCursor.objects.update(due_at=at)
    pull_bank(bank_id=named.bank.id, clock=ends_meanwhile)

    assert len(named.book.calls(named.listed)) == 1
    assert (named.name(), named.told()) == ("", 0)
