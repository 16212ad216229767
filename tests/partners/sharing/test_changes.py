"""The changes of a customer in the chat, whatever is allowed, ended, held back or let go of between two pages."""

import random
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from partners.ledger.models import Account, Entry
from partners.retention.actions import age_batch, choose_days
from partners.retention.models import Kept, RetentionRun
from partners.retention.queries import purposes_of
from portal.tenancy.blocks import serving
from tests.factories.accounts import (
    Household,
    change_entry,
    make_consent,
    make_entry,
    make_household,
    make_link,
    share,
)
from tests.factories.messaging import InChat, open_session_of
from tests.factories.partners import make_account

pytestmark = pytest.mark.django_db

FIRST = date(2026, 3, 2)


def let_go(home: Household) -> None:
    """Today's run of what ages out of payments, from its beginning."""
    with serving(home.bank_id):
        RetentionRun.objects.all().delete()
    more = True
    while more:
        with serving(home.bank_id):
            more = age_batch(Kept.TRANSACTIONS, at=timezone.now())


def removed_long_ago(entry: Entry) -> None:
    change_entry(entry, status="removed", changed_at=timezone.now() - timedelta(days=401))


@dataclass
class Chat:
    """What a customer's chat holds: it takes back accounts first, and believes the rest to the word."""

    session: InChat
    limit: int = 100
    cursor: str = ""
    held: dict[str, dict[str, Any]] = field(default_factory=dict)

    def get(self, path: str) -> Any:
        return Browser().get(f"/api/v1/{path}", headers=self.session.headers)

    def page(self) -> dict[str, Any]:
        """The next page, kept; empty where nothing is allowed."""
        cursor = f"&cursor={self.cursor}" if self.cursor else ""
        answered = self.get(f"transactions/sync?limit={self.limit}{cursor}")
        if answered.status_code == 403:
            return {"has_more": False}
        body: dict[str, Any] = answered.json()
        back = set(body["removed_accounts"])
        self.held = {k: row for k, row in self.held.items() if row["account_id"] not in back}
        for row in body["added"]:
            assert row["id"] not in self.held
            assert row["account_id"] not in back
        for row in (*body["modified"], *body["removed"]):
            assert row["id"] in self.held
        self.held |= {row["id"]: row for row in (*body["added"], *body["modified"])}
        for row in body["removed"]:
            del self.held[row["id"]]
        self.cursor = body["next_cursor"]
        return body

    def walk(self) -> list[dict[str, Any]]:
        pages = [self.page()]
        while pages[-1]["has_more"]:
            pages.append(self.page())
        return pages

    def shown(self) -> dict[str, Any]:
        """All that the other doors show just now."""
        accounts = self.get("accounts")
        if accounts.status_code == 403:
            return {}
        rows = [
            row
            for each in accounts.json()["accounts"]
            for row in self.get(f"accounts/{each['id']}/transactions?limit=500").json()[
                "transactions"
            ]
        ]
        return {row["id"]: row for row in rows}


@pytest.fixture
def home() -> Household:
    home = make_household()
    with serving(home.bank_id):
        for purpose in purposes_of(Kept.TRANSACTIONS):
            choose_days(
                kind=Kept.TRANSACTIONS, purpose=purpose, days=0, by="test", at=timezone.now()
            )
    return home


@pytest.fixture
def chat(home: Household) -> Chat:
    return Chat(open_session_of(home.bank, home.customer))


def allow(home: Household, account: Account, since: date = FIRST) -> Consent:
    return make_consent(home.customer, [account], history_from=since)


def end(home: Household, consent: Consent) -> None:
    with serving(home.bank_id):
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")


def test_an_account_that_is_shown_from_another_day_is_taken_back_and_told_anew(
    home: Household, chat: Chat
) -> None:
    early = make_entry(home.account, booked_on=FIRST)
    late = make_entry(home.account, booked_on=FIRST + timedelta(days=30))
    deep = allow(home, home.account)
    chat.walk()
    held = set(chat.held)

    end(home, deep)
    allow(home, home.account, FIRST + timedelta(days=1))
    first, second = chat.walk()

    assert {str(early.id), str(late.id)} <= held
    assert first["removed_accounts"] == [str(home.account.id)]
    assert first["added"] == []
    assert second["removed_accounts"] == []
    assert set(chat.held) == held - {str(early.id)}


def test_what_the_bank_holds_back_from_now_on_is_told_anew_without_it(
    home: Household, chat: Chat
) -> None:
    allow(home, home.account)
    chat.walk()
    named = {each["merchant_name"] for each in chat.held.values()}

    share(home.bank, masked=["merchant_name"])
    chat.walk()

    assert None not in named
    assert {each["merchant_name"] for each in chat.held.values()} == {None}


def test_a_removal_is_remembered_for_400_days_and_whoever_was_away_longer_begins_anew(
    home: Household, chat: Chat
) -> None:
    allow(home, home.account)
    kept, gone, old = (make_entry(home.account) for _ in range(3))
    away = Chat(chat.session)
    away.walk()
    change_entry(gone, status="removed")
    removed_long_ago(old)
    chat.walk()

    let_go(home)
    make_entry(home.account)
    (seen,) = chat.walk()
    first, _second = away.walk()

    with serving(home.bank_id):
        stored = set(Entry.objects.values_list("id", flat=True))
    assert old.id not in stored
    assert {kept.id, gone.id} <= stored
    assert (seen["removed_accounts"], len(seen["added"])) == ([], 1)
    assert first["removed_accounts"] == [str(home.account.id)]
    assert away.held == chat.held == chat.shown()


def test_what_was_let_go_of_after_a_consent_is_not_kept_by_whoever_is_allowed_again(
    home: Household, chat: Chat
) -> None:
    consent = allow(home, home.account)
    chat.walk()
    end(home, consent)
    let_go(home)
    again = make_entry(home.account)
    allow(home, home.account)

    chat.walk()

    assert set(chat.held) == {str(again.id)}


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_between_pages_the_chat_ends_with_what_is_shown(
    home: Household, chat: Chat, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  # keeps no secret
    second = make_account(home.bank)
    make_link(home.customer, second)
    accounts = (home.account, second)
    consents: dict[UUID, Consent] = {}
    entries: list[Entry] = [make_entry(each, booked_on=FIRST) for each in accounts]
    chat.limit = chance.randint(1, 3)

    def some() -> Entry:
        return chance.choice(entries)

    def grant() -> None:
        account = chance.choice(accounts)
        if account.id in consents:
            end(home, consents.pop(account.id))
        since = FIRST + timedelta(days=chance.choice([0, 0, 0, 3]))
        consents[account.id] = allow(home, account, since)

    def withdraw() -> None:
        if consents:
            end(home, consents.pop(chance.choice(sorted(consents))))

    def buy() -> None:
        on = FIRST + timedelta(days=chance.randint(0, 6))
        entries.append(make_entry(chance.choice(accounts), booked_on=on))

    happens = [
        *[buy] * 4,
        *[chat.page] * 5,
        *[lambda: change_entry(some(), status="posted", description=f"{chance.random()}")] * 3,
        lambda: change_entry(some(), status="removed"),
        lambda: removed_long_ago(some()),
        lambda: share(home.bank, masked=chance.choice([["description"], []])),
        lambda: let_go(home),
        *[grant] * 2,
        withdraw,
    ]
    grant()

    for _ in range(40):
        chance.choice(happens)()
    chat.walk()

    assert not consents or chat.held == chat.shown()
