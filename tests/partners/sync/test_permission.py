"""Our own reading at the bank passes the gate page by page, and stands on the customer's record."""

import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db import connections as databases
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.models import Disclosure
from accounts.disclosure.queries import times_of
from accounts.linking.actions import end_link
from partners.banks.models import Bank, Customer
from partners.feeds.models import Feed, FeedCursor
from partners.ledger.models import Entry
from partners.sharing import overview
from partners.sharing.timeline import timeline
from partners.sync.models import SyncRun
from partners.sync.pulling import pull_bank
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import make_consent
from tests.races import Commits, Doing, stopped_at, wait_for_waiting
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


@pytest.fixture
def bank(sandbox: SandboxBank) -> Bank:
    return know_bank(sandbox)


@pytest.fixture
def customer(sandbox: SandboxBank, bank: Bank, person: dict[str, Any]) -> Customer:
    """A customer whose transactions, on one account, have been read for the first time."""
    customer = know_customer(bank, person)
    link(sandbox, customer, person["login"])
    with serving(bank.id):
        account = FeedCursor.objects.filter(account__external_id=spending(person)).get(
            kind="transactions"
        )
        FeedCursor.objects.exclude(pk=account.pk).delete()
    assert pull_bank(bank_id=bank.id, clock=timezone.now) == 1
    return customer


def spending(person: dict[str, Any]) -> str:
    """The account that the customer's card belongs to."""
    return str(next(each for each in person["accounts"] if each["cards"])["AccountId"])


def read_again(bank: Bank) -> None:
    with serving(bank.id):
        FeedCursor.objects.update(due_at=timezone.now())
    pull_bank(bank_id=bank.id, clock=timezone.now)


def on_record(bank: Bank, decision: str = "released") -> list[Disclosure]:
    with serving(bank.id):
        found = Disclosure.objects.filter(recipient="portal", door="sync", decision=decision)
        return list(found.order_by("id"))


def times(bank: Bank, row: Disclosure) -> int:
    with serving(bank.id):
        return times_of([row]).get(row.id, 1)


def end_all(bank: Bank) -> None:
    with serving(bank.id):
        for consent in Consent.objects.filter(ended_at=None):
            revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")


def test_each_page_that_is_stored_is_on_the_record_with_how_much_it_brought(
    bank: Bank, customer: Customer
) -> None:
    rows = on_record(bank)

    with serving(bank.id):
        kept, pages = Entry.objects.count(), SyncRun.objects.get().pages
        consent, account_id = Consent.objects.get(), FeedCursor.objects.get().account_id
    assert sum(each.row_count for each in rows) == kept
    # The first page at once, and those after it some at a time.
    assert 2 <= len(rows) <= pages
    assert {(each.door, each.feed, each.purpose) for each in rows} == {
        ("sync", "transactions", "see_in_chat")
    }
    assert {(each.pseudonym, each.consent_id) for each in rows} == {
        (customer.pseudonym, consent.id)
    }
    assert {tuple(each.account_ids) for each in rows} == {(str(account_id),)}


@pytest.mark.usefixtures("customer")
def test_readings_that_bring_nothing_are_one_row_a_day_and_counted(bank: Bank) -> None:
    before = len(on_record(bank))

    for _ in range(4):
        read_again(bank)

    *_others, row = on_record(bank)
    assert len(on_record(bank)) == before + 1
    assert (row.row_count, row.decision, times(bank, row)) == (0, "released", 4)


@pytest.mark.usefixtures("customer")
def test_a_purchase_is_a_row_of_its_own(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    read_again(bank)
    before = len(on_record(bank))
    sandbox.buy(person["login"])

    read_again(bank)
    read_again(bank)

    *_others, row = on_record(bank)
    assert len(on_record(bank)) == before + 1
    assert row.row_count == 1


def test_a_refusal_is_on_the_record_once_until_something_changes(
    bank: Bank, customer: Customer
) -> None:
    end_all(bank)
    for _ in range(3):
        read_again(bank)
    first = on_record(bank, "refused")
    with serving(bank.id):
        account = FeedCursor.objects.get().account
    make_consent(customer, [account])
    read_again(bank)
    with serving(bank.id):
        Feed.objects.update(enabled=False)
    for _ in range(2):
        read_again(bank)

    refused = on_record(bank, "refused")
    assert [each.reason for each in first] == ["consent_revoked"]
    assert [each.reason for each in refused] == ["consent_revoked", "bank_not_sharing"]
    assert {each.pseudonym for each in refused} == {customer.pseudonym}
    assert {(each.door, each.feed) for each in refused} == {("sync", "transactions")}


@pytest.mark.usefixtures("customer")
def test_what_is_ended_while_the_bank_answers_is_not_stored(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    sandbox.buy(person["login"])
    with serving(bank.id):
        before = Entry.objects.count()
        FeedCursor.objects.update(due_at=timezone.now())
    sandbox.be(latency_ms=1500)

    def work() -> None:
        try:
            pull_bank(bank_id=bank.id, clock=timezone.now)
        finally:
            databases.close_all()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(work)
        time.sleep(0.5)
        end_all(bank)
        reading.result()

    with serving(bank.id):
        after, cursor = Entry.objects.count(), FeedCursor.objects.get()
        outcomes = list(SyncRun.objects.order_by("-id").values_list("outcome", "problem")[:1])
    assert after == before
    assert (cursor.last_problem, cursor.lease_until) == ("consent_revoked", None)
    assert outcomes == [("failed", "consent_revoked")]
    assert [each.reason for each in on_record(bank, "refused")] == ["consent_revoked"]


@pytest.mark.usefixtures("customer")
@pytest.mark.parametrize(
    "table",
    ["partners_feed", "accounts_consentresource", "partners_entryalias", "accounts_disclosure"],
)
def test_what_is_ended_while_a_page_is_being_stored_is_stored_before_or_not_at_all(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any], table: str
) -> None:
    bought = sandbox.buy(person["login"])
    commits, before = Commits(), {each.id for each in on_record(bank)}
    with serving(bank.id):
        consent = Consent.objects.get(ended_at=None)
        FeedCursor.objects.update(due_at=timezone.now())
    with stopped_at(table):
        reading = Doing(partial(pull_bank, bank_id=bank.id, clock=timezone.now))
        wait_for_waiting(1)
        ending = Doing(partial(end_all, bank))
        ending.is_done_or_waiting(2)
    reading.result()
    ending.result()

    with serving(bank.id):
        kept = list(Entry.objects.filter(external_id=bought["TransactionId"]))
    (ended,) = commits.of("accounts_consent", [consent.id]).values()
    stored = commits.of("partners_entry", [each.id for each in kept])
    noted = commits.of("accounts_disclosure", {each.id for each in on_record(bank)} - before)
    assert [each for each in [*stored.values(), *noted.values()] if each > ended] == []
    assert len(stored) == len(noted)
    assert len(stored) == (table in {"partners_entryalias", "accounts_disclosure"})


def test_one_holders_connection_is_not_read_on_anothers_consent(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, Any]
) -> None:
    with serving(bank.id):
        account = FeedCursor.objects.get().account
    end_all(bank)
    joint = know_customer(bank, {"id": "joint", "name": "Joint Holder"})
    link(sandbox, joint, person["login"])
    sandbox.buy(person["login"])
    with serving(bank.id):
        theirs = FeedCursor.objects.exclude(connection__customer_id=customer.id)
        theirs.update(due_at=None)
        before = Entry.objects.filter(account=account).count()
        FeedCursor.objects.filter(connection__customer_id=customer.id).update(
            due_at=timezone.now()
        )

    pull_bank(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        assert Entry.objects.filter(account=account).count() == before
    (refused,) = on_record(bank, "refused")
    assert (refused.pseudonym, refused.reason) == (customer.pseudonym, "consent_revoked")


def test_an_account_that_is_no_longer_linked_is_not_read(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, Any]
) -> None:
    with serving(bank.id):
        account_id: UUID = FeedCursor.objects.get().account_id
        end_link(customer_id=customer.id, account_id=account_id, at=timezone.now())
        before = Entry.objects.count()
    sandbox.buy(person["login"])

    read_again(bank)
    read_again(bank)

    with serving(bank.id):
        assert Entry.objects.count() == before
    (refused,) = on_record(bank, "refused")
    assert (refused.reason, refused.account_ids) == ("account_not_shared", [])


@pytest.mark.usefixtures("customer")
def test_the_cost_of_a_page_does_not_grow_with_its_rows(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    read_again(bank)  # the day's first look is a row, the others a count

    def asked(purchases: int) -> int:
        for _ in range(purchases):
            sandbox.buy(person["login"], amount="3.10", currency="EUR")
        with CaptureQueriesContext(connection) as queries:
            read_again(bank)
        return len(queries)

    one, many = asked(1), asked(15)

    assert many == one


def test_the_customer_reads_it_in_plain_words_and_in_one_line(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, Any]
) -> None:
    with serving(bank.id):
        read = Entry.objects.count()
    sandbox.buy(person["login"])
    read_again(bank)
    stranger = know_customer(bank, {"id": "stranger", "name": "Stranger"})

    with serving_customer(bank.id, customer.id):
        (tick,) = timeline(bank, at=timezone.now()).ticks
        (chat,) = overview.recipients(bank, at=timezone.now())
    with serving_customer(bank.id, stranger.id):
        theirs = timeline(bank, at=timezone.now()).ticks

    assert (tick["recipient"], tick["door"]) == ("Sportello", "sync")
    assert tick["found"] == f"{read + 1} payments, 3 accounts"
    # We read for the chat, which has shown nothing yet.
    assert (chat["access_count"], theirs) == (0, [])
