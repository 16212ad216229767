"""What nobody allows any more goes by itself, with evidence; what somebody needs, or the law, stays."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.models import Disclosure
from partners.alerts.models import Alert
from partners.banks.models import Bank, Customer
from partners.feeds.models import FeedCursor
from partners.instructions.models import Instruction
from partners.ledger.models import Account, Balance, Entry, EntryAlias, EntryConflict
from partners.purchases.models import Receipt, ReceiptLine, Shipment
from partners.records.actions import lift_hold, place_hold
from partners.retention import actions
from partners.retention.actions import KINDS, age_batch, choose_days
from partners.retention.models import RetentionRun
from partners.retention.tasks import age_out
from partners.sync.models import Notification, SyncRun
from portal.rest.problems import Invalid
from portal.tenancy.blocks import serving
from tests.factories.accounts import (
    Household,
    make_client,
    make_connection,
    make_consent,
    make_entry,
    make_household,
    make_link,
)
from tests.factories.partners import make_account, make_bank, make_customer
from tests.factories.purchases import tell_receipt, tell_shipment
from tests.partners.sharing.test_api import make_program, read

pytestmark = pytest.mark.django_db(databases="__all__")

NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)


def days(count: int) -> timedelta:
    return timedelta(days=count)


def age(bank_id: UUID, *, at: datetime = NOW) -> dict[str, RetentionRun]:
    """The day's runs, to their end; by kind."""
    for kind in KINDS:
        more = True
        while more:
            with serving(bank_id):
                more = age_batch(kind, at=at)
    with serving(bank_id):
        return {each.kind: each for each in RetentionRun.objects.filter(on=at.date())}


def bought(account: Account, on: date, **fields: Any) -> Entry:
    return make_entry(account, booked_on=on, booked_at=None, **fields)


def kept(home: Household) -> set[UUID]:
    with serving(home.bank_id):
        return set(Entry.objects.values_list("id", flat=True))


def allowed(home: Household, *, began: datetime, ended: datetime | None, **terms: Any) -> Consent:
    consent = make_consent(home.customer, [home.account], at=began, **terms)
    if ended is not None:
        with serving(home.bank_id):
            revoke_consent(consent_id=consent.id, at=ended, by="customer")
    return consent


@pytest.fixture
def home() -> Household:
    home = make_household()
    with serving(home.bank_id):
        Entry.objects.all().delete()
        Balance.objects.all().delete()
    return home


# --- what stays, and what goes --------------------------------------------------------------------


def test_what_a_live_consent_needs_stays_however_old_and_what_lies_before_goes(
    home: Household,
) -> None:
    depth = date(2026, 1, 1)
    allowed(home, began=NOW - days(3), ended=None, history_from=depth)
    shown = bought(home.account, depth)
    overlapped = bought(home.account, depth - days(10))
    before = bought(home.account, depth - days(11))

    run = age(home.bank_id)["transactions"]

    assert kept(home) == {shown.id, overlapped.id}
    assert run.gone == {"entry": 1}
    assert before.id not in kept(home)


def test_after_the_last_consent_it_stays_for_the_days_that_the_bank_chose(home: Household) -> None:
    allowed(home, began=NOW - days(80), ended=NOW - days(30))
    entry = bought(home.account, date(2026, 10, 1))

    first = age(home.bank_id, at=NOW - timedelta(seconds=1))["transactions"]
    still = kept(home)
    with serving(home.bank_id):
        RetentionRun.objects.all().delete()
    second = age(home.bank_id)["transactions"]

    assert (first.gone, still) == ({}, {entry.id})
    assert (second.gone, kept(home)) == ({"entry": 1}, set())
    assert {"purpose": "see_in_chat", "days": 30, "before": "2026-10-27"} in second.rules


def test_each_purpose_has_days_of_its_own(home: Household) -> None:
    client = make_client()
    allowed(home, began=NOW - days(50), ended=NOW - days(5), client=client)
    entry = bought(home.account, date(2026, 10, 1))
    with serving(home.bank_id):
        for purpose, chosen in (("budgeting", 5), ("see_in_chat", 60)):
            choose_days(
                kind="transactions", purpose=purpose, days=chosen, by="staff:1", at=NOW - days(9)
            )

    age(home.bank_id, at=NOW - days(1))
    yesterday = kept(home)
    age(home.bank_id)

    assert yesterday == {entry.id}
    assert kept(home) == set()


def test_the_deepest_consent_counts_and_a_joint_holders_too(home: Household) -> None:
    joint = make_customer(home.bank)
    make_link(joint, home.account)
    allowed(home, began=NOW - days(3), ended=None, history_from=date(2026, 6, 1))
    make_consent(joint, [home.account], at=NOW - days(3), history_from=date(2026, 3, 1))
    early, late = bought(home.account, date(2026, 3, 1)), bought(home.account, date(2026, 6, 1))

    age(home.bank_id)

    assert kept(home) == {early.id, late.id}


@pytest.mark.parametrize(
    ("named", "stays"),
    [
        ({"feeds": ["transactions"]}, True),
        ({"feeds": ["receipts"]}, True),
        ({"feeds": ["shipments"]}, True),
        ({"feeds": [], "alert_types": ["large_payment"]}, True),
        ({"feeds": ["balances"]}, False),
        ({"feeds": [], "alert_types": ["low_balance"]}, False),
    ],
)
def test_payments_are_needed_for_what_is_found_in_them_and_tied_to_them(
    home: Household, named: dict[str, Any], *, stays: bool
) -> None:
    allowed(home, began=NOW - days(3), ended=None, **named)
    bought(home.account, date(2026, 11, 1))

    age(home.bank_id)

    assert bool(kept(home)) == stays


def test_with_a_payment_goes_what_hangs_on_it(home: Household) -> None:
    allowed(home, began=NOW - days(100), ended=NOW - days(31))
    entry = bought(home.account, date(2026, 10, 1))
    tell_receipt(entry)
    tell_shipment(entry)
    with serving(home.bank_id):
        EntryAlias.objects.create(account=home.account, entry=entry, external_id="before")
        Alert.objects.create(
            account=home.account,
            entry=entry,
            alert_type="fraud_suspected",
            once_key="fraud",
            rule_version=1,
            raised_at=NOW - days(50),
        )
        Balance.objects.create(
            account=home.account,
            kind="booked",
            amount_minor=1,
            currency="EUR",
            as_of=NOW - days(40),
            read_at=NOW - days(40),
        )

    runs = age(home.bank_id)

    with serving(home.bank_id):
        left = [
            model
            for model in (Entry, EntryAlias, Alert, Receipt, ReceiptLine, Shipment, Balance)
            if model.objects.exists()
        ]
    assert left == []
    assert {kind: run.gone for kind, run in runs.items()} == {
        "receipts": {"receipt": 1},
        "shipments": {"shipment": 1},
        "balances": {"balance": 1},
        "transactions": {"entry": 1, "entry_alias": 1, "alert": 1},
        "names": {},
        "raw": {},
    }


def test_a_payment_that_the_bank_is_asked_about_stays_until_that_is_over(home: Household) -> None:
    allowed(home, began=NOW - days(100), ended=NOW - days(31))
    entry = bought(home.account, date(2026, 10, 1))
    link = make_connection(home.customer)
    with serving(home.bank_id):
        alert = Alert.objects.create(
            account=home.account,
            entry=entry,
            alert_type="fraud_suspected",
            once_key="fraud",
            rule_version=1,
            raised_at=NOW - days(50),
        )
        asked = Instruction.objects.create(
            customer=home.customer,
            account=home.account,
            connection=link,
            alert=alert,
            kind="freeze",
            card_id="card",
            requested_at=NOW,
        )

    age(home.bank_id)
    meanwhile = kept(home)
    with serving(home.bank_id):
        Instruction.objects.filter(pk=asked.pk).update(status="done", settled_at=NOW)
    gone = age(home.bank_id, at=NOW + days(1))["transactions"].gone

    assert meanwhile == {entry.id}
    assert gone == {"entry": 1, "alert": 1, "instruction": 1}


def test_what_a_customer_of_a_legal_hold_has_stays_until_it_is_lifted(home: Household) -> None:
    allowed(home, began=NOW - days(100), ended=NOW - days(31))
    entry = bought(home.account, date(2026, 10, 1))
    with serving(home.bank_id):
        place_hold(
            customer_id=home.customer.id, reason="A dispute", by="staff:1", at=NOW - days(2)
        )
        old = {"received_at": NOW - days(90), "occurred_at": None}
        mine = Notification.objects.create(
            jti="1", account_external_ids=[home.account.external_id], **old
        )
        Notification.objects.create(jti="2", account_external_ids=["another"], **old)

    runs = age(home.bank_id)
    with serving(home.bank_id):
        hints = list(Notification.objects.values_list("id", flat=True))
        lift_hold(customer_id=home.customer.id, by="staff:1", at=NOW)
    held = kept(home)
    later = age(home.bank_id, at=NOW + days(1))

    assert (held, hints) == ({entry.id}, [mine.id])
    assert (runs["transactions"].gone, runs["transactions"].held) == ({}, 1)
    assert runs["raw"].gone == {"notification": 1}
    assert (later["transactions"].gone, later["transactions"].held) == ({"entry": 1}, 0)
    assert kept(home) == set()


def test_what_went_is_read_again_where_it_is_allowed_again(home: Household) -> None:
    allowed(home, began=NOW - days(100), ended=NOW - days(31))
    bought(home.account, date(2026, 10, 1))
    link = make_connection(home.customer)
    with serving(home.bank_id):
        FeedCursor.objects.create(
            connection=link,
            account=home.account,
            kind="transactions",
            covered_until=date(2026, 10, 20),
        )
        FeedCursor.objects.create(
            connection=link, account=home.account, kind="receipts", cursor="as far as here"
        )

    age(home.bank_id)

    with serving(home.bank_id):
        places = set(FeedCursor.objects.values_list("covered_until", "cursor"))
    assert places == {(None, "")}


def test_a_history_that_staff_hold_back_is_not_read_because_what_was_read_of_it_went(
    home: Household,
) -> None:
    allowed(home, began=NOW - days(100), ended=NOW - days(31))
    bought(home.account, date(2026, 10, 1))
    with serving(home.bank_id):
        row = FeedCursor.objects.create(
            connection=make_connection(home.customer),
            account=home.account,
            kind="transactions",
            covered_from=date(2026, 9, 1),
            covered_until=date(2026, 10, 20),
            history=FeedCursor.History.PAUSED,
            history_place="page 3",
        )

    age(home.bank_id)

    with serving(home.bank_id):
        after = FeedCursor.objects.get(pk=row.pk)
    assert (after.history, after.covered_until) == ("paused", date(2026, 10, 20))
    assert (after.covered_from, after.history_place) == (None, "")


def test_raw_rows_go_by_their_own_age(home: Household) -> None:
    allowed(home, began=NOW - days(100), ended=None)
    entry = bought(home.account, date(2026, 11, 1))
    link = make_connection(home.customer)
    with serving(home.bank_id):
        for age_of, jti in ((31, "old"), (29, "young")):
            at = NOW - days(age_of)
            Notification.objects.create(jti=jti, received_at=at)
            SyncRun.objects.create(
                connection=link,
                account=home.account,
                kind="transactions",
                started_at=at,
                finished_at=at,
            )
            EntryConflict.objects.create(
                account=home.account,
                entry=entry,
                reason=jti,
                amount_minor=1,
                currency="EUR",
                seen_at=at,
            )

    run = age(home.bank_id)["raw"]

    assert run.gone == {"notification": 1, "sync_run": 1, "entry_conflict": 1}
    assert run.rules == [{"purpose": "", "days": 30, "before": "2026-10-27"}]
    with serving(home.bank_id):
        assert [each.jti for each in Notification.objects.all()] == ["young"]


def test_the_log_of_disclosures_and_the_pseudonym_stay(home: Household) -> None:
    program = make_program(home)
    bought(home.account, timezone.now().date())
    read(program.get(f"accounts/{home.account.id}/transactions"))
    with serving(home.bank_id):
        before = list(Disclosure.objects.values_list("id", flat=True))
        for each in Consent.objects.all():
            revoke_consent(consent_id=each.id, at=timezone.now(), by="customer")

    age(home.bank_id, at=timezone.now() + days(500))

    with serving(home.bank_id):
        assert list(Disclosure.objects.values_list("id", flat=True)) == before != []
        assert Customer.objects.get(pk=home.customer.id).pseudonym == home.customer.pseudonym
    assert kept(home) == set()


def test_another_banks_rows_are_its_own(home: Household) -> None:
    other = make_household()

    age(home.bank_id)

    assert len(kept(other)) == 2


# --- batches, repeats, evidence -------------------------------------------------------------------


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(actions, "BATCH", 3)
    monkeypatch.setattr(actions, "PAGE", 2)
    return


@pytest.mark.usefixtures("small")
def test_it_goes_a_few_rows_at_a_time_and_a_repeat_goes_on_where_it_stood(
    home: Household,
) -> None:
    accounts = [home.account, *(make_account(home.bank) for _ in range(4))]
    for account in accounts:
        for number in range(4):
            bought(account, date(2026, 1, 1 + number))

    sizes, more = [len(kept(home))], True
    while more:
        with serving(home.bank_id):
            more = age_batch("transactions", at=NOW)
        sizes.append(len(kept(home)))

    with serving(home.bank_id):
        (run,) = RetentionRun.objects.all()
        again = age_batch("transactions", at=NOW + timedelta(hours=1))
    assert max(a - b for a, b in itertools.pairwise(sizes)) == 3
    assert (sizes[0], sizes[-1]) == (20, 0)
    assert (run.gone, run.accounts, run.finished_at) == ({"entry": 20}, 5, NOW)
    assert again is False


def test_the_cost_of_a_batch_does_not_grow_with_what_is_there(home: Household) -> None:
    def asked(rows: int, on: int) -> int:
        for number in range(rows):
            bought(home.account, date(2026, 1, 1) + days(number))
        with CaptureQueriesContext(connection) as queries, serving(home.bank_id):
            assert not age_batch("transactions", at=NOW + days(on))
        return len(queries)

    few, many = asked(1, 0), asked(40, 1)

    assert many == few
    assert kept(home) == set()


def test_what_is_old_is_found_by_an_index(home: Household) -> None:
    with serving(home.bank_id):
        now = timezone.now()
        Entry.objects.bulk_create(
            Entry(
                account=home.account,
                external_id=f"many-{number}",
                status="posted",
                kind="card_purchase",
                amount_minor=-1,
                currency="EUR",
                booked_on=date(2026, 1, 1) + days(number % 300),
                booked_on_source="date",
                fingerprint=UUID(int=number),
                change_seq=1_000 + number,
                created_at=now,
                changed_at=now,
            )
            for number in range(3_000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE partners_entry")
            cursor.execute("EXPLAIN " + actions.SOURCES["transactions"][0].statement, _asked(home))
            plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "entry_by_day" in plan
    assert "Seq Scan on partners_entry" not in plan


def _asked(home: Household) -> dict[str, Any]:
    return {
        "bank": home.bank_id,
        "accounts": [home.account.id],
        "floors": ["2026-02-01"],
        "limit": 100,
    }


def test_the_task_visits_every_bank_and_may_run_twice(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[dict[str, str]] = []
    monkeypatch.setattr(
        "partners.retention.tasks.wake", lambda _task, **named: woken.append(named)
    )
    bought(home.account, date(2026, 1, 1))
    other = make_bank()

    age_out()
    for named in woken * 2:
        age_out(**named)

    with serving(home.bank_id):
        mine = {each.kind: each.gone for each in RetentionRun.objects.all()}
    with serving(other.id):
        theirs = {each.kind: each.gone for each in RetentionRun.objects.all()}
    assert {each["bank_id"] for each in woken} >= {str(home.bank_id), str(other.id)}
    assert mine == {key: {} for key in KINDS} | {"transactions": {"entry": 1}}
    assert theirs == {key: {} for key in KINDS}


def test_a_run_holds_counts_and_nothing_of_anybody(home: Household) -> None:
    entry = bought(home.account, date(2026, 1, 1), merchant_name="Shop of Secrets")

    run = age(home.bank_id)["transactions"]

    told = str([getattr(run, each.name) for each in run._meta.local_concrete_fields])
    for secret in (entry.merchant_name, entry.external_id, home.customer.display_name):
        assert secret not in told
    assert str(home.customer.id) not in told


@pytest.mark.parametrize(
    ("kind", "purpose", "chosen"),
    [
        ("transactions", "see_in_chat", 366),
        ("transactions", "see_in_chat", -1),
        ("raw", "", 6),
        ("raw", "", 91),
        ("raw", "budgeting", 30),
        ("transactions", "balance_watch", 30),
        ("passwords", "", 30),
    ],
)
def test_days_are_within_what_is_sane(kind: str, purpose: str, chosen: int) -> None:
    bank: Bank = make_bank()
    choose: Callable[..., None] = choose_days

    with serving(bank.id), pytest.raises(Invalid):
        choose(kind=kind, purpose=purpose, days=chosen, by="staff:1", at=NOW)


def test_an_account_that_nobody_ever_allowed_keeps_nothing() -> None:
    bank = make_bank()
    account = make_account(bank, external_id=uuid4().hex)
    bought(account, date(2026, 11, 26))

    assert age(bank.id)["transactions"].gone == {"entry": 1}
