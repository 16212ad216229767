"""The page "To review": side by side, decided once, on the record, for those who may."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client

from accounts.disclosure.models import Disclosure
from partners.alerts.models import Alert
from partners.banks.models import Bank, Staff
from partners.connectors.base import TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.models import Entry, EntryConflict, EntryPair
from partners.review.queries import PAGE
from portal.outbox.models import OutboxEvent
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import Household, make_household
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIVE, OFX = "live:uk_open_banking", "statement:ofx"


def record(external_id: str | None = None, **changes: Any) -> TransactionRecord:
    base = TransactionRecord(
        external_id=external_id,
        status="posted",
        amount_minor=-1250,
        currency="EUR",
        booked_on=date(2026, 11, 20),
        booked_on_source="date",
        merchant_name="Forno Lume",
    )
    return replace(base, **changes)


@pytest.fixture
def bank() -> Bank:
    return make_bank()


@pytest.fixture
def home(bank: Bank) -> Household:
    return make_household(bank)


def merge(home: Household, source: str, *records: TransactionRecord) -> None:
    with serving(home.account.bank_id):
        merge_entries(
            held_account(home.account.id),
            source=source,
            records=records,
            window_from=None,
            remove_missing=False,
            at=AT,
        )


def doubtful(home: Household) -> EntryPair:
    merge(home, OFX, record(merchant_name="Lume srl"))
    merge(home, LIVE, record("u1"))
    with serving(home.account.bank_id):
        return EntryPair.objects.get()


def contradicted(home: Household) -> EntryConflict:
    merge(home, LIVE, record("u1"))
    merge(home, LIVE, record("u1", amount_minor=-9900))
    with serving(home.account.bank_id):
        return EntryConflict.objects.get()


def decide(browser: Client, bank: Bank, kind: str, row: Any, decision: str) -> Any:
    said = {"kind": kind, "id": row.id, "decision": decision}
    return browser.post(page_of("review_decide", bank.slug), said, follow=True)


def test_nothing_to_review_is_said_and_is_no_look_at_anybody(bank: Bank) -> None:
    page = browser_of(bank).get(page_of("review", bank.slug))

    assert "Nothing to review" in page.content.decode()
    with serving(bank.id):
        assert Disclosure.objects.count() == 0


def test_a_pair_stands_side_by_side_with_what_differs_and_the_look_is_on_the_record(
    bank: Bank, home: Household
) -> None:
    doubtful(home)

    page = browser_of(bank).get(page_of("review", bank.slug))

    (row,) = page.context["rows"]
    differing = [each["name"] for each in row["lines"] if each["differs"]]
    assert differing == ["merchant_name", "source"]
    assert [each["n"] for each in page.context["tabs"]] == [1, 0]
    with serving(bank.id):
        seen = Disclosure.objects.get(purpose="entry_review")
    assert (seen.pseudonym, seen.account_ids, seen.row_count) == (
        home.customer.pseudonym,
        [str(home.account.id)],
        1,
    )
    assert seen.recipient.startswith("staff:")


def test_one_payment_takes_alerts_along_and_listeners_hear_of_it(
    bank: Bank, home: Household
) -> None:
    pair = doubtful(home)
    with serving(bank.id):
        alert = Alert.objects.create(
            account_id=home.account.id,
            entry_id=pair.second_id,
            alert_type="refund",
            once_key=f"refund:{pair.second_id}",
            rule_version=1,
            raised_at=AT,
        )
        before = OutboxEvent.objects.count()

    page = decide(browser_of(bank), bank, "pair", pair, "yes")

    assert "Nothing to review" in page.content.decode()
    with serving(bank.id):
        alert.refresh_from_db()
        assert (alert.entry_id, alert.once_key) == (pair.first_id, f"refund:{pair.first_id}")
        assert Entry.objects.get(pk=pair.second_id).merged_into == pair.first_id
        assert OutboxEvent.objects.count() == before + 1


def test_what_was_decided_stands_with_who_and_when(bank: Bank, home: Household) -> None:
    pair = doubtful(home)
    browser = browser_of(bank, Staff.Role.COMPLIANCE)
    decide(browser, bank, "pair", pair, "no")

    page = browser.get(page_of("review", bank.slug), {"decided": "1"})

    (row,) = page.context["rows"]
    person = Staff.objects.get(bank=bank).person
    assert (row["is_open"], str(row["state_label"])) == (False, "Two payments")
    assert row["decided_by"] == (person.display_name or person.email)
    assert row["decided_at"] is not None


def test_of_one_that_is_removed_it_is_said_why(bank: Bank, home: Household) -> None:
    pair = doubtful(home)
    browser = browser_of(bank)
    decide(browser, bank, "pair", pair, "yes")

    page = browser.get(page_of("review", bank.slug), {"decided": "1"})

    (row,) = page.context["rows"]
    state = next(each for each in row["lines"] if each["name"] == "status")
    assert (state["one"], state["other"]) == (
        "Posted",
        "Removed: It turned out to be another one",
    )


def test_both_versions_of_a_contradiction_are_shown_and_one_is_taken(
    bank: Bank, home: Household
) -> None:
    conflict = contradicted(home)
    browser = browser_of(bank)

    page = browser.get(page_of("review", bank.slug), {"kind": "conflict"})
    decide(browser, bank, "conflict", conflict, "yes")
    again = decide(browser, bank, "conflict", conflict, "no")

    (row,) = page.context["rows"]
    amounts = next(each for each in row["lines"] if each["name"] == "amount")
    assert (amounts["one"], amounts["other"]) == ((-1250, "EUR"), (-9900, "EUR"))
    assert "meanwhile" in again.content.decode()
    with serving(bank.id):
        assert Entry.objects.get(external_id="u1").amount_minor == -9900


def test_an_auditor_sees_and_decides_nothing(bank: Bank, home: Household) -> None:
    pair = doubtful(home)
    browser = browser_of(bank, Staff.Role.AUDITOR)

    page = browser.get(page_of("review", bank.slug))

    assert 'value="yes"' not in page.content.decode()
    assert decide(browser, bank, "pair", pair, "yes").status_code == 403


def test_another_banks_pair_is_not_there(bank: Bank, home: Household) -> None:
    pair = doubtful(home)
    other = make_bank()

    assert decide(browser_of(other), other, "pair", pair, "no").status_code == 404


@pytest.mark.parametrize(
    "said", [{}, {"kind": "pair", "id": "x", "decision": "yes"}, {"kind": "all", "id": "x"}]
)
def test_nonsense_is_refused(bank: Bank, said: dict[str, str]) -> None:
    assert browser_of(bank).post(page_of("review_decide", bank.slug), said).status_code == 400


def test_they_are_paged_by_key(bank: Bank, home: Household) -> None:
    merge(home, LIVE, *(record(f"u{n}") for n in range(PAGE + 1)))
    merge(home, LIVE, *(record(f"u{n}", amount_minor=-9900) for n in range(PAGE + 1)))
    browser, where = browser_of(bank), page_of("review", bank.slug)

    first = browser.get(where, {"kind": "conflict"})
    second = browser.get(where + first.context["page"]["older_url"])

    ids = [each["id"] for page in (first, second) for each in page.context["rows"]]
    assert len(first.context["rows"]) == PAGE
    assert len(set(ids)) == PAGE + 1
