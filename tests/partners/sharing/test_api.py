"""The doors to a customer's data, called as a client program and as a customer in the chat."""

import json
import re
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import Client as Browser
from django.utils import timezone

from accounts.clients.models import AccessToken, Client
from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.consent.references import consent_reference
from accounts.disclosure import proofs
from accounts.disclosure.exporting import keys_body
from accounts.disclosure.models import Disclosure
from accounts.disclosure.sealing import seal_due
from accounts.disclosure.verify import Keys, read_header
from partners.ledger.models import Entry
from partners.sharing.rules import Reason, Refused
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import (
    ALL_FEEDS,
    Household,
    change_entry,
    make_client,
    make_consent,
    make_entry,
    make_household,
    make_link,
    share,
)
from tests.factories.messaging import open_session_of
from tests.factories.partners import make_account

pytestmark = pytest.mark.django_db
API_HOST = f"api.{settings.PORTAL_BASE_HOST}"


class Program:
    """A client program that holds a token, and reads under one consent."""

    def __init__(self, client: Client, reference: str, scope: str = " ".join(ALL_FEEDS)):
        self.client = client
        self.reference = reference
        self.token = f"token-of-{uuid4().hex}"
        token = AccessToken(
            application=client, scope=scope, expires=timezone.now() + timedelta(minutes=10)
        )
        token.token = self.token
        token.save()

    def get(self, path: str, **headers: str) -> Any:
        named = {"Portal-Consent": self.reference} if self.reference else {}
        sent = {"Host": API_HOST, "Authorization": f"Bearer {self.token}"}
        return Browser().get(f"/api/v1/{path}", headers=sent | named | headers)

    def post(
        self, path: str, body: Any, content_type: str = "application/json", **headers: str
    ) -> Any:
        """A write of the program's, which names no consent."""
        return self.write("POST", path, body, content_type, **headers)

    def write(
        self,
        method: str,
        path: str,
        body: Any,
        content_type: str = "application/json",
        **headers: str,
    ) -> Any:
        sent = {"Host": API_HOST, "Authorization": f"Bearer {self.token}"} | headers
        text = body if isinstance(body, str) else json.dumps(body)
        return Browser().generic(
            method, f"/api/v1/{path}", text, content_type=content_type, headers=sent
        )


def make_program(home: Household, client: Client | None = None, **terms: Any) -> Program:
    client = client or make_client()
    consent = make_consent(home.customer, [home.account], client=client, **terms)
    return Program(client, consent_reference(home.bank_id, consent.id))


def read(answered: Any) -> dict[str, Any]:
    assert answered.status_code == 200, answered.content
    body: dict[str, Any] = answered.json()
    return body


def slug(answered: HttpResponse) -> str:
    assert answered.headers["Content-Type"] == "application/problem+json"
    return str(answered.json()["type"]).rpartition("/")[2]  # type: ignore[attr-defined]  # the test client's


@pytest.fixture
def home() -> Household:
    return make_household()


@pytest.fixture
def program(home: Household) -> Program:
    return make_program(home)


def test_a_program_reads_what_was_allowed(home: Household, program: Program) -> None:
    accounts = read(program.get("accounts"))["accounts"]
    one = read(program.get(f"accounts/{home.account.id}"))
    balances = read(program.get(f"accounts/{home.account.id}/balances"))
    page = read(program.get(f"accounts/{home.account.id}/transactions"))

    assert [each["id"] for each in accounts] == [str(home.account.id)]
    assert one == accounts[0]
    assert [each["balance"] for each in balances["balances"]] == [
        {"amount": "100.50", "currency": "EUR"}
    ]
    assert len(page["transactions"]) == 2
    assert (page["has_more"], page["next_cursor"]) == (False, None)


def test_every_read_is_disclosed_under_the_id_it_answers(
    home: Household, program: Program
) -> None:
    answered = program.get(f"accounts/{home.account.id}/transactions")

    with serving(home.bank_id):
        (row,) = Disclosure.objects.all()
    assert str(row.id) == answered.headers["Disclosure-Id"]
    assert (row.recipient, row.feed, row.row_count, row.door) == (
        f"client:{program.client.id}",
        "transactions",
        2,
        "rest",
    )
    assert row.pseudonym == home.customer.pseudonym
    assert row.request_id == answered.headers["X-Request-Id"]


def test_every_answer_carries_a_witness_of_the_banks_log(
    home: Household, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "_REMEMBERED_SECONDS", 0)
    path = f"accounts/{home.account.id}/transactions"
    before = program.get(path)
    assert seal_due(bank_id=home.bank_id, clock=timezone.now)

    read_again, refused = program.get(path), program.get(f"accounts/{uuid4()}")

    assert "Portal-Checkpoint" not in before.headers
    held = read_header(read_again.headers["Portal-Checkpoint"])
    assert held.size == 1
    assert f"disclosures/{home.bank_id}" in held.origin
    assert refused.status_code == 404
    assert read_header(refused.headers["Portal-Checkpoint"]) == held
    with serving(home.bank_id):
        row = Disclosure.objects.get(decision="refused")
        keys = Keys(keys_body(home.bank_id))
    assert refused.headers["Disclosure-Id"] == str(row.id)
    keys.require(held)


def test_a_customer_in_the_chat_reads_the_same_paths(home: Household) -> None:
    make_consent(home.customer, [home.account])
    session = open_session_of(home.bank, home.customer)

    answered = Browser().get("/api/v1/accounts", headers=session.headers)

    assert [each["id"] for each in read(answered)["accounts"]] == [str(home.account.id)]


def test_a_customer_without_a_consent_reads_nothing(home: Household) -> None:
    session = open_session_of(home.bank, home.customer)

    answered = Browser().get("/api/v1/accounts", headers=session.headers)

    assert (answered.status_code, slug(answered)) == (403, "no-consent")


def test_pages_follow_each_other_without_gap_or_repeat(home: Household, program: Program) -> None:
    for days in range(5):
        make_entry(home.account, booked_on=date(2026, 1, 1) + timedelta(days=days // 2))
    path = f"accounts/{home.account.id}/transactions?limit=2"
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = read(program.get(path + (f"&cursor={cursor}" if cursor else "")))
        seen += [each["id"] for each in page["transactions"]]
        cursor = page["next_cursor"]

    whole = read(program.get(f"accounts/{home.account.id}/transactions"))["transactions"]
    assert seen == [each["id"] for each in whole]
    assert len(set(seen)) == 7


def test_what_the_bank_masks_is_null(home: Household, program: Program) -> None:
    share(home.bank, masked=["merchant_name", "card_last4", "original_amount"])
    make_entry(home.account, original_amount_minor=-999, original_currency="USD")

    page = read(program.get(f"accounts/{home.account.id}/transactions"))

    for each in page["transactions"]:
        assert each["merchant_name"] is None
        assert each["card_last4"] is None
        assert each["original_amount"] is None
        # It mostly names the shop too.
        assert each["description"] is None


def test_nothing_from_before_the_allowed_history_leaves(home: Household) -> None:
    old = make_entry(home.account, booked_on=date(2025, 12, 31))
    first = make_entry(home.account, booked_on=date(2026, 1, 1))
    program = make_program(home, history_from=date(2026, 1, 1))

    page = read(program.get(f"accounts/{home.account.id}/transactions"))
    changes = read(program.get("transactions/sync"))

    for rows in (page["transactions"], changes["added"]):
        ids = [each["id"] for each in rows]
        assert str(first.id) in ids
        assert str(old.id) not in ids


def test_sync_tells_what_was_added_modified_and_removed(home: Household, program: Program) -> None:
    start = read(program.get("transactions/sync"))
    one, other = (UUID(each["id"]) for each in start["added"])
    with serving(home.bank_id):
        first, second = Entry.objects.get(pk=one), Entry.objects.get(pk=other)
    change_entry(first, description="CHANGED")
    change_entry(second, status="removed")
    new = make_entry(home.account)

    after = read(program.get(f"transactions/sync?cursor={start['next_cursor']}"))

    assert [each["id"] for each in after["added"]] == [str(new.id)]
    assert [each["id"] for each in after["modified"]] == [str(one)]
    assert after["removed"] == [{"id": str(other), "account_id": str(home.account.id)}]
    end = read(program.get(f"transactions/sync?cursor={after['next_cursor']}"))
    assert (end["added"], end["modified"], end["removed"]) == ([], [], [])


def test_sync_in_small_pages_tells_everything_once(home: Household, program: Program) -> None:
    for _ in range(5):
        make_entry(home.account)
    seen: list[str] = []
    cursor, more = "", True
    while more:
        page = read(program.get(f"transactions/sync?limit=2{cursor}"))
        seen += [each["id"] for each in page["added"]]
        cursor, more = f"&cursor={page['next_cursor']}", page["has_more"]

    assert len(seen) == len(set(seen)) == 7


def test_sync_begins_a_new_account_from_nothing_and_takes_a_lost_one_back(
    home: Household,
) -> None:
    session = open_session_of(home.bank, home.customer)
    second = make_account(home.bank)
    make_link(home.customer, second)
    make_entry(second)
    make_consent(home.customer, [home.account])

    def sync(cursor: str = "") -> dict[str, Any]:
        query = f"?cursor={cursor}" if cursor else ""
        return read(Browser().get(f"/api/v1/transactions/sync{query}", headers=session.headers))

    start = sync()
    only_second = make_consent(home.customer, [second])
    grown = sync(start["next_cursor"])
    with serving_customer(home.bank_id, home.customer.id):
        revoke_consent(consent_id=only_second.id, at=timezone.now(), by="customer")
    shrunk = sync(grown["next_cursor"])

    assert {each["account_id"] for each in start["added"]} == {str(home.account.id)}
    assert {each["account_id"] for each in grown["added"]} == {str(second.id)}
    assert grown["removed_accounts"] == []
    assert shrunk["removed_accounts"] == [str(second.id)]


def test_a_program_sees_its_consent_even_when_it_is_over(
    home: Household, program: Program
) -> None:
    before = read(program.get("consent"))
    with serving(home.bank_id):
        consent = Consent.objects.get()
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")

    after = read(program.get("consent"))

    assert (before["id"], before["status"]) == (program.reference, "live")
    assert before["purpose"]["code"] == "budgeting"
    assert {each["code"] for each in before["resources"]} == set(ALL_FEEDS)
    assert after["status"] == "revoked"


def test_revoking_takes_effect_on_the_next_read(home: Household, program: Program) -> None:
    read(program.get("accounts"))
    with serving(home.bank_id):
        revoke_consent(consent_id=Consent.objects.get().id, at=timezone.now(), by="customer")

    answered = program.get("accounts")

    assert (answered.status_code, slug(answered)) == (403, "consent-revoked")


PATHS = (
    "accounts",
    "accounts/{account}",
    "accounts/{account}/balances",
    "accounts/{account}/transactions",
    "transactions/sync",
)


@pytest.mark.parametrize("path", PATHS)
def test_a_gate_that_refuses_lets_nothing_through(
    path: str, home: Household, program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_session_of(home.bank, home.customer)
    make_consent(home.customer, [home.account])
    address = path.format(account=home.account.id)
    allowed = [
        program.get(address),
        Browser().get(f"/api/v1/{address}", headers=session.headers),
    ]
    assert [each.status_code for each in allowed] == [200, 200]
    with serving(home.bank_id):
        before = Disclosure.objects.filter(decision="released").count()
    monkeypatch.setattr(
        "partners.sharing.reading.authorize", lambda ask: Refused(Reason.NO_CONSENT, ask)
    )

    refused = [
        program.get(address),
        Browser().get(f"/api/v1/{address}", headers=session.headers),
    ]

    assert [each.status_code for each in refused] == [403, 403]
    with serving(home.bank_id):
        assert Disclosure.objects.filter(decision="released").count() == before
        assert Disclosure.objects.filter(decision="refused").count() == 2


@pytest.mark.parametrize("path", [*PATHS, "consent"])
def test_another_programs_consent_does_not_exist(path: str, home: Household) -> None:
    theirs = make_program(home)
    mine = Program(make_client(), theirs.reference)
    invented = Program(make_client(), consent_reference(home.bank_id, uuid4()))
    nowhere = Program(make_client(), consent_reference(uuid4(), uuid4()))
    garbled = Program(make_client(), "con_1234")
    address = path.format(account=home.account.id)

    answers = [each.get(address) for each in (mine, invented, nowhere, garbled)]

    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1
    with serving(home.bank_id):
        rows = list(Disclosure.objects.all())
    assert {each.recipient for each in rows} == {mine_of(mine), mine_of(invented)}
    assert {(each.pseudonym, each.consent_id, *each.account_ids) for each in rows} == {
        (None, None)
    }


def mine_of(program: Program) -> str:
    return f"client:{program.client.id}"


@pytest.mark.parametrize("path", PATHS[1:4])
def test_another_customers_account_does_not_exist(
    path: str, home: Household, program: Program
) -> None:
    other = make_household(home.bank)
    elsewhere = make_household()
    make_program(other, program.client)

    guesses = (other.account.id, elsewhere.account.id, uuid4())
    answers = [program.get(path.format(account=each)) for each in guesses]

    assert {each.status_code for each in answers} == {404}
    assert len({each.content for each in answers}) == 1
    with serving(other.bank_id):
        rows = list(Disclosure.objects.filter(decision="refused"))
    assert {each.pseudonym for each in rows} == {home.customer.pseudonym}
    assert [each.account_ids for each in rows] == [[]] * len(rows)


def test_lists_hold_nothing_of_others(home: Household, program: Program) -> None:
    other = make_household(home.bank)
    make_program(other, program.client)
    make_program(make_household(), program.client)

    accounts = read(program.get("accounts"))["accounts"]
    added = read(program.get("transactions/sync"))["added"]

    assert {each["id"] for each in accounts} == {str(home.account.id)}
    assert {each["account_id"] for each in added} == {str(home.account.id)}


def test_a_cursor_of_somebody_else_is_refused(home: Household, program: Program) -> None:
    other = make_program(make_household(home.bank), program.client)
    cursor = read(other.get("transactions/sync"))["next_cursor"]

    answered = program.get(f"transactions/sync?cursor={cursor}")

    assert (answered.status_code, slug(answered)) == (400, "bad-cursor")


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("limit=0", "invalid-request"),
        ("limit=501", "invalid-request"),
        ("limit=ten", "invalid-request"),
        ("limit=1e2", "invalid-request"),
        ("cursor=", "invalid-request"),
        ("cursor=made-up", "bad-cursor"),
        ("cursor=%00", "invalid-request"),
        ("since=2026-01-01", "invalid-request"),
    ],
)
def test_odd_parameters_are_refused(query: str, problem: str, program: Program) -> None:
    answered = program.get(f"transactions/sync?{query}")

    assert (answered.status_code, slug(answered)) == (400, problem)


def test_a_program_without_a_good_token_is_nobody(program: Program) -> None:
    AccessToken.objects.update(expires=timezone.now())

    answers = [
        program.get("accounts"),
        program.get("accounts", Authorization="Bearer " + "x" * 300),
        program.get("accounts", Authorization="Basic eDp5"),
        program.get("accounts", Authorization=""),
    ]

    assert [(each.status_code, slug(each)) for each in answers] == [(401, "not-signed-in")] * 4


def test_a_program_has_to_name_a_consent(program: Program) -> None:
    program.reference = ""

    answered = program.get("accounts")

    assert (answered.status_code, slug(answered)) == (400, "invalid-request")
    assert answered.json()["errors"][0]["pointer"] == "#/headers/Portal-Consent"


def test_an_odd_account_id_is_not_found(program: Program) -> None:
    assert program.get("accounts/not-an-id").status_code == 404
    assert program.get("accounts/%00/balances").status_code == 404
    assert slug(program.get("no/such/address")) == "not-found"


def test_a_token_for_balances_reads_no_transactions(home: Household) -> None:
    program = make_program(home)
    narrow = Program(program.client, program.reference, scope="balances")

    balances = narrow.get(f"accounts/{home.account.id}/balances")
    transactions = narrow.get(f"accounts/{home.account.id}/transactions")

    assert balances.status_code == 200
    assert (transactions.status_code, slug(transactions)) == (403, "not-registered")


def test_an_unchanged_answer_is_not_sent_twice(home: Household, program: Program) -> None:
    path = f"accounts/{home.account.id}/transactions?limit=1"
    first = program.get(path)

    same = program.get(path, **{"If-None-Match": first.headers["ETag"]})
    make_entry(home.account)
    changed = program.get(path, **{"If-None-Match": first.headers["ETag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert changed.status_code == 200


def test_a_portal_may_allow_many_times_as_much(program: Program, settings: Any) -> None:
    settings.LIMIT_FACTOR = 100

    answered = program.get("accounts")

    assert answered.headers["RateLimit-Policy"] == '"client";q=60000;w=60'


def test_the_quota_is_said_and_held(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    first = program.get("accounts")
    assert first.headers["RateLimit-Policy"] == '"client";q=600;w=60'
    assert re.fullmatch(r'"client";r=\d{1,3};t=\d{1,2}', first.headers["RateLimit"])
    monkeypatch.setattr("accounts.clients.limits.count_request.__kwdefaults__", {"at_most": 1})

    answered = program.get("accounts")

    assert (answered.status_code, slug(answered)) == (429, "too-many-requests")
    assert int(answered.headers["Retry-After"]) >= 1
    assert answered.headers["RateLimit"].startswith('"client";r=0;')
