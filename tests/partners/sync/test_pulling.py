"""Reading what is due, when the bank, the worker or the clock does not behave."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connections as databases
from django.utils import timezone

from partners.alerts.models import Alert, AlertRule
from partners.banks.models import Bank, Customer
from partners.connections.line import open_line
from partners.connections.models import Connection
from partners.feeds.cursors import Claim, claim_due, hint_accounts
from partners.feeds.models import Feed, FeedCursor
from partners.feeds.queries import banks_with_due_cursors
from partners.integrations.models import Integration
from partners.ledger.models import Account, Balance, Entry, EntryAlias
from partners.sync.actions import Begun, ReadPage, note_failure, store_page
from partners.sync.models import SyncRun
from partners.sync.pulling import pull, pull_bank
from partners.sync.states import LINK_AGAIN
from portal.outbox.models import OutboxEvent
from portal.tenancy import leases
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LeaseLost, kept
from tests.ports import free_port
from tests.sandbox_bank import (
    SandboxBank,
    know_bank,
    know_customer,
    link,
    link_and_leave_the_old_consent,
)

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

LEASE = timedelta(seconds=30)


@pytest.fixture
def bank(sandbox: SandboxBank) -> Bank:
    return know_bank(sandbox)


@pytest.fixture
def customer(sandbox: SandboxBank, bank: Bank, person: dict[str, Any]) -> Customer:
    """A customer whose transactions have been read for the first time."""
    customer = know_customer(bank, person)
    link(sandbox, customer, person["login"])
    with serving(bank.id):
        FeedCursor.objects.exclude(kind="transactions").delete()
    assert pull_bank(bank_id=bank.id, clock=timezone.now) > 0
    return customer


def make_due(bank: Bank) -> None:
    with serving(bank.id):
        FeedCursor.objects.update(due_at=timezone.now())


def read_again(bank: Bank) -> None:
    make_due(bank)
    pull_bank(bank_id=bank.id, clock=timezone.now)


def problems(bank: Bank) -> set[str]:
    with serving(bank.id):
        return set(FeedCursor.objects.values_list("last_problem", flat=True))


def entry(bank: Bank, bought: dict[str, Any]) -> Entry:
    with serving(bank.id):
        return Entry.objects.get(external_id=bought["TransactionId"])


def count(bank: Bank) -> int:
    with serving(bank.id):
        return Entry.objects.count()


@pytest.mark.usefixtures("customer")
def test_reading_again_changes_nothing_and_tells_nobody(bank: Bank) -> None:
    with serving(bank.id):
        before = (Entry.objects.count(), OutboxEvent.objects.count())

    read_again(bank)

    with serving(bank.id):
        assert (Entry.objects.count(), OutboxEvent.objects.count()) == before
        last = SyncRun.objects.order_by("-id").first()
        assert last is not None
        assert (last.outcome, last.added, last.modified, last.removed) == ("complete", 0, 0, 0)


@pytest.mark.usefixtures("customer")
def test_a_bank_that_renumbers_when_it_books_doubles_nothing(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    bought = sandbox.buy(person["login"])
    read_again(bank)
    before, total = entry(bank, bought), count(bank)

    sandbox.be(renumber=True)
    sandbox.do("POST", "book")
    read_again(bank)

    with serving(bank.id):
        after = Entry.objects.get(pk=before.pk)
        aliases = EntryAlias.objects.filter(entry=after).values_list("external_id", flat=True)
        assert list(aliases) == [bought["TransactionId"]]
    assert (before.status, after.status, count(bank)) == ("pending", "posted", total)
    assert after.external_id != before.external_id


@pytest.mark.usefixtures("customer")
def test_a_purchase_that_lapses_is_kept_as_removed(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    bought = sandbox.buy(person["login"])
    read_again(bank)

    sandbox.do(
        "POST",
        "lapse",
        account_id=bought["AccountId"],
        transaction_id=bought["TransactionId"],
    )
    read_again(bank)

    assert entry(bank, bought).status == "removed"


@pytest.mark.usefixtures("customer")
def test_what_is_still_pending_is_looked_for_from_its_own_day_on(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    """A hold that a hotel lets go after weeks, and one that the bank never said anything of again."""
    ages = {"not_listed": 20, "overdue": 60}
    bought = [sandbox.buy(person["login"]) for _ in ages]
    read_again(bank)
    for each, age in zip(bought, ages.values(), strict=True):
        row = entry(bank, each)
        with serving(bank.id):
            day = row.booked_on - timedelta(days=age)
            Entry.objects.filter(pk=row.pk).update(booked_on=day)
        sandbox.do(
            "POST",
            "lapse",
            account_id=each["AccountId"],
            transaction_id=each["TransactionId"],
        )
    with serving(bank.id):
        FeedCursor.objects.exclude(account_id=row.account_id).delete()

    read_again(bank)
    with serving(bank.id):
        asked_from = SyncRun.objects.latest("started_at").covers_from
    read_again(bank)

    now = [entry(bank, each) for each in bought]
    today = timezone.now().astimezone(ZoneInfo(bank.time_zone)).date()
    assert [(each.status, each.removed_for) for each in now] == [("removed", why) for why in ages]
    assert asked_from == today - timedelta(days=45)
    with serving(bank.id):
        assert SyncRun.objects.latest("started_at").covers_from == today - timedelta(days=10)


@pytest.mark.usefixtures("customer")
@pytest.mark.parametrize(
    ("faults", "problem"),
    [
        ({"down": True}, "unavailable"),
        ({"error_rate": 1.0, "status": 500}, "unavailable"),
        ({"error_rate": 1.0, "status": 429}, "rate_limited"),
        ({"malformed": 1.0}, "bad_answer"),
        ({"drop_responses": 1.0}, "unavailable"),
        ({"hang": 1.0}, "unavailable"),
    ],
    ids=["down", "500", "429", "nonsense", "dropped", "hung"],
)
def test_a_failure_is_put_off_and_what_is_stale_says_so(
    sandbox: SandboxBank, bank: Bank, settings: Any, faults: dict[str, Any], problem: str
) -> None:
    settings.BANK_TIMEOUT_SECONDS = 0.5
    with serving(bank.id):
        FeedCursor.objects.exclude(pk=FeedCursor.objects.order_by("id").values("pk")[:1]).delete()
        before = FeedCursor.objects.get()
    sandbox.be(**faults)
    failing_at = timezone.now()
    read_again(bank)

    with serving(bank.id):
        after = FeedCursor.objects.get()
    assert (after.last_problem, after.attempts, after.lease_until) == (problem, 1, None)
    assert after.fresh_as_of == before.fresh_as_of
    assert after.ran_at is not None
    assert after.ran_at >= failing_at
    assert after.due_at is not None
    assert after.due_at > timezone.now()

    sandbox.be()
    with serving(bank.id):
        Connection.objects.update(resume_at=None)
    read_again(bank)

    with serving(bank.id):
        mended = FeedCursor.objects.get()
    assert (mended.last_problem, mended.attempts) == ("", 0)
    assert mended.fresh_as_of > before.fresh_as_of


@pytest.mark.usefixtures("customer")
def test_a_worker_that_lost_its_lease_stores_nothing(bank: Bank) -> None:
    make_due(bank)
    now = timezone.now()
    with serving(bank.id):
        first = claim_due(at=now, lease=LEASE)
        assert first is not None
        FeedCursor.objects.exclude(pk=first.cursor_id).update(due_at=None)
    with serving(bank.id):
        second = claim_due(at=now + 2 * LEASE, lease=LEASE)

    page = ReadPage([], [], None, "", 1)
    with serving(bank.id), pytest.raises(LeaseLost):
        store_page(first, page, begun=Begun(now, None), at=now, lease=LEASE)

    assert second is not None
    assert (second.cursor_id, second.fence) == (first.cursor_id, first.fence + 1)


def test_a_feed_goes_on_where_the_customer_links_again_while_it_is_read(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, Any]
) -> None:
    """The bank says that the consent of before is over; whoever asks with its token puts nothing to sleep."""
    bought = sandbox.buy(person["login"])
    make_due(bank)
    with serving(bank.id):
        FeedCursor.objects.exclude(account__external_id=bought["AccountId"]).delete()
        claim = claim_due(at=timezone.now(), lease=LEASE)
        assert claim is not None
        before = Connection.objects.get()
        line = open_line(claim.connection_id, at=timezone.now())
    link_and_leave_the_old_consent(sandbox, customer, person["login"])
    sandbox.do("POST", "withdraw", consent_id=before.external_consent_id, login=person["login"])

    pull(bank_id=bank.id, claim=claim, clock=timezone.now, line=line)

    assert entry(bank, bought).external_id == bought["TransactionId"]
    with serving(bank.id):
        after = FeedCursor.objects.get(pk=claim.cursor_id)
        assert Connection.objects.get().status == "active"
    assert (after.due_at is not None, after.last_problem) == (True, "")

    # Whoever found it ended before the new link, and comes to say so after it, wakes it again.
    with serving(bank.id):
        FeedCursor.objects.update(due_at=timezone.now())
        claim = claim_due(at=timezone.now(), lease=LEASE)
        assert claim is not None
        problem = {"problem": LINK_AGAIN, "ended": True, "forget_place": False}
        note_failure(claim, begun=None, at=timezone.now(), **problem)
        assert FeedCursor.objects.get(pk=claim.cursor_id).due_at is not None
        Connection.objects.update(status="revoked")
        note_failure(claim, begun=None, at=timezone.now(), **problem)
        assert FeedCursor.objects.get(pk=claim.cursor_id).due_at is None


@pytest.mark.usefixtures("customer")
def test_a_hint_that_comes_while_we_read_is_read_after(bank: Bank) -> None:
    make_due(bank)
    with serving(bank.id):
        claim = claim_due(at=timezone.now(), lease=LEASE)
    assert claim is not None
    with serving(bank.id):
        hint_accounts(account_ids=[claim.account_id], at=timezone.now(), trace="second-hint")

    pull(bank_id=bank.id, claim=claim, clock=timezone.now)

    with serving(bank.id):
        cursor = FeedCursor.objects.get(pk=claim.cursor_id)
    assert cursor.due_at is not None
    assert cursor.due_at <= timezone.now()
    assert cursor.trace == "second-hint"


@pytest.mark.usefixtures("customer")
def test_hints_do_not_put_back_what_waits_already(bank: Bank) -> None:
    early = timezone.now() - timedelta(seconds=30)
    with serving(bank.id):
        FeedCursor.objects.update(due_at=early)
        hint_accounts(account_ids=None, at=timezone.now(), trace="again")

        assert set(FeedCursor.objects.values_list("due_at", flat=True)) == {early}


@pytest.mark.usefixtures("customer")
def test_a_feed_is_kept_while_its_bank_is_slow_and_no_longer(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_RENEWED_EVERY", 0.02)
    make_due(bank)
    with serving(bank.id):
        claim = claim_due(at=timezone.now(), lease=timedelta(seconds=0))
    assert claim is not None

    with kept(FeedCursor, claim.cursor_id, fence=claim.fence, bank_id=bank.id, clock=timezone.now):
        wait_for(lambda: lease_of(bank, claim) > timezone.now())
    with serving(bank.id):
        FeedCursor.objects.filter(pk=claim.cursor_id).update(lease_until=None)
    time.sleep(0.2)

    with serving(bank.id):
        assert FeedCursor.objects.get(pk=claim.cursor_id).lease_until is None


def lease_of(bank: Bank, claim: Claim) -> datetime:
    with serving(bank.id):
        until = FeedCursor.objects.get(pk=claim.cursor_id).lease_until
    assert until is not None
    return until


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.usefixtures("customer")
def test_a_feed_that_cannot_be_prepared_stops_no_other(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(bank.id):
        first = FeedCursor.objects.order_by("id").first()
        assert first is not None
        FeedCursor.objects.filter(pk=first.pk).update(due_at=timezone.now() - timedelta(hours=1))
        Connection.objects.update(access_token="v1.of.another.key")  # cannot be opened

    pull_bank(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        after = FeedCursor.objects.get(pk=first.pk)
    assert (after.last_problem, after.lease_until) == ("internal", None)
    assert after.due_at is not None
    assert after.due_at > timezone.now()


@pytest.mark.usefixtures("customer")
def test_a_long_first_reading_goes_on_where_a_dead_worker_stood(bank: Bank) -> None:
    with serving(bank.id):
        cursor = FeedCursor.objects.order_by("id").first()
        assert cursor is not None
        account_id = cursor.account_id
        FeedCursor.objects.exclude(pk=cursor.pk).delete()
        known = Entry.objects.filter(account_id=account_id).count()
        Entry.objects.filter(account_id=account_id).delete()
        FeedCursor.objects.update(covered_until=None, cursor="gone-with-the-worker")

    read_again(bank)
    first = problems(bank)
    read_again(bank)

    # The place was none of the bank's: forgotten, and read from the start.
    with serving(bank.id):
        assert Entry.objects.filter(account_id=account_id).count() == known
    assert (first, problems(bank)) == ({"bad_cursor"}, {""})


@pytest.mark.usefixtures("customer")
def test_workers_side_by_side_store_and_tell_once(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    bought = sandbox.buy(person["login"], suspicious=True)
    total = count(bank)
    make_due(bank)

    def work(_number: int) -> None:
        try:
            pull_bank(bank_id=bank.id, clock=timezone.now)
        finally:
            databases.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    read_again(bank)

    stored = entry(bank, bought)
    with serving(bank.id):
        alerts = Alert.objects.filter(entry=stored, alert_type="fraud_suspected").count()
        raised = OutboxEvent.objects.filter(
            name="partners.alert_raised",
            data__entry_id=str(stored.id),
            data__alert_type="fraud_suspected",
        ).count()
    assert (alerts, raised, count(bank)) == (1, 1, total + 1)


@pytest.mark.usefixtures("customer")
def test_a_feed_that_the_bank_turned_off_is_not_read(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    with serving(bank.id):
        Feed.objects.filter(kind="transactions").update(enabled=False)
    sandbox.buy(person["login"])
    total = count(bank)

    read_again(bank)

    assert (problems(bank), count(bank)) == ({"bank_not_sharing"}, total)


def test_a_bank_in_trouble_holds_one_worker_and_delays_no_other(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any], settings: Any
) -> None:
    link(sandbox, know_customer(bank, person), person["login"])
    settings.BANK_TIMEOUT_SECONDS = 0.5
    sandbox.be(hang=1.0)
    started = time.monotonic()
    read = pull_bank(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        waiting = FeedCursor.objects.filter(last_problem="", due_at__lte=timezone.now()).count()
        one = claim_due(at=timezone.now(), lease=LEASE)
        another = claim_due(at=timezone.now(), lease=LEASE)
    assert (read, another) == (1, None)
    assert one is not None
    assert waiting > 0
    assert time.monotonic() - started < 5


def test_the_system_role_names_banks_with_work_longest_waiting_first(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    link(sandbox, know_customer(bank, person), person["login"])
    now: datetime = timezone.now()

    assert banks_with_due_cursors(at=now) == [bank.id]
    with serving(bank.id):
        FeedCursor.objects.update(lease_until=now + LEASE)
    assert banks_with_due_cursors(at=now) == []


def test_low_balances_are_told_when_they_fall_and_not_before(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    link(sandbox, know_customer(bank, person), person["login"])
    pull_bank(bank_id=bank.id, clock=timezone.now)
    with serving(bank.id):
        assert not Alert.objects.filter(alert_type="low_balance").exists()
        # As if more than the threshold had been there at the reading before.
        Balance.objects.update(amount_minor=10**12, as_of=timezone.now() - timedelta(days=1))
        low = [
            each.id
            for each in Account.objects.all()
            if each.external_id == person["accounts"][0]["AccountId"]
        ]
        threshold = {"threshold_minor": 10**11, "currency": bank.currency}
        AlertRule.objects.filter(alert_type="low_balance").update(parameters=threshold)
    read_again(bank)
    read_again(bank)

    with serving(bank.id):
        told = Alert.objects.filter(alert_type="low_balance", account_id__in=low).count()
    assert told == 1


def test_a_bank_that_is_not_there_is_unavailable(
    bank: Bank, sandbox: SandboxBank, person: dict[str, Any]
) -> None:
    link(sandbox, know_customer(bank, person), person["login"])
    with serving(bank.id):
        Integration.objects.update(base_url=f"http://127.0.0.1:{free_port()}")
    pull_bank(bank_id=bank.id, clock=timezone.now)

    assert problems(bank) == {"", "unavailable"}
