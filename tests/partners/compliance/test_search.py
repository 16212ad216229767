"""What was shared about a customer, with whom, when and why: found, counted, paged, and itself on the record."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from accounts.disclosure.actions import Occasion, record_refusal
from accounts.disclosure.models import Disclosure, DisclosureCount
from partners.banks.models import Bank, Customer
from partners.console.queries import PAGE
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_client, make_consent, make_household
from tests.factories.partners import make_bank, make_customer
from tests.partners.compliance.written import as_owner, refuse, seal, statements, write

pytestmark = pytest.mark.django_db
MARCH = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)
IN_MARCH = {"since": "2026-03-01", "until": "2026-03-31"}


def look(bank: Bank, **asked: str) -> Any:
    return browser_of(bank).get(page_of("search", bank.slug), IN_MARCH | asked)


def lines_of(answered: Any) -> list[dict[str, str]]:
    text = b"".join(answered.streaming_content).decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def customer() -> Customer:
    return make_customer(make_bank(time_zone="Europe/Rome"), external_id="AUR-1042")


def test_the_question_about_one_customer_in_one_month_is_answered(customer: Customer) -> None:
    bank = customer.bank
    program = make_client(name="Thrift Garden")
    mine = {"pseudonym": customer.pseudonym}
    reader = {"recipient": f"client:{program.pk}", "purpose": "budgeting"}
    for step in range(3):
        write(bank, at=MARCH + timedelta(days=step), row_count=10, **mine, **reader)
    write(bank, at=MARCH, feed="transactions", row_count=5, **mine)
    refuse(bank, at=MARCH, reason="consent_revoked", **mine, **reader)
    write(bank, at=MARCH, recipient="portal", **mine)
    write(bank, at=datetime(2026, 3, 31, 22, 30, tzinfo=UTC), **mine)  # the first of April in Rome
    write(bank, at=MARCH, pseudonym=uuid4())

    page = look(bank, customer="AUR-1042")

    assert page.context["sums"] == {"shown": 4, "rows": 35, "recipients": 2, "refused": 1}
    totals = {
        (each["recipient"], str(each["feed"]), str(each["reason"])): (each["times"], each["rows"])
        for each in page.context["totals"]
    }
    assert totals == {
        ("Thrift Garden", "Balances", ""): (3, 30),
        ("Thrift Garden", "Balances", "The customer had revoked it."): (1, 0),
        ("The bank's chat", "Card and account transactions", ""): (1, 5),
        ("This portal", "Balances", ""): (1, 2),
    }
    assert len(page.context["rows"]) == 6
    words = page.content.decode()
    assert "Help me plan my money" in words
    assert "AUR-1042" in words
    assert customer.display_name not in words


def test_each_narrowing_narrows_the_sums_and_the_records_alike(customer: Customer) -> None:
    bank, mine = customer.bank, {"pseudonym": customer.pseudonym, "at": MARCH}
    write(bank, **mine)
    write(bank, feed="transactions", **mine)
    write(bank, recipient="client:7", **mine)
    refuse(bank, recipient="client:7", **mine)
    seal(bank)

    def found(**asked: str) -> tuple[int, int]:
        page = look(bank, **asked)
        return sum(each["records"] for each in page.context["totals"]), len(page.context["rows"])

    for whose in ({"customer": "AUR-1042"}, {"customer": str(customer.pseudonym)}, {}):
        assert found(**whose) == (4, 4)
        assert found(recipient="client:7", **whose) == (2, 2)
        assert found(recipient="chat", **whose) == (2, 2)
        assert found(feed="transactions", **whose) == (1, 1)
        assert found(decision="refused", **whose) == (1, 1)
        assert found(since="2026-03-15", **whose) == (0, 0)
        assert found(recipient="client:7", decision="released", **whose) == (1, 1)


def test_how_often_is_counted_of_one_customer_and_of_all_alike(customer: Customer) -> None:
    with serving(customer.bank_id):
        for second in range(5):
            refused = Occasion(
                at=MARCH.replace(second=second),
                recipient="client:7",
                door="rest",
                feed="balances",
                pseudonym=customer.pseudonym,
            )
            record_refusal(refused, reason="no_consent", consent_id=None, account_ids=[])
    seal(customer.bank)

    for whose in ({"customer": "AUR-1042"}, {}):
        page = look(customer.bank, **whose)
        assert [(each["records"], each["times"]) for each in page.context["totals"]] == [(1, 5)]
        assert page.context["sums"]["refused"] == 5


def test_that_somebody_looks_is_on_the_record_once_a_minute(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank, now = customer.bank, datetime(2026, 4, 2, 10, 0, 5, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    browser = browser_of(bank)
    for _ in range(3):
        browser.get(page_of("search", bank.slug), IN_MARCH | {"customer": "AUR-1042"})
    browser.get(page_of("search_table", bank.slug), IN_MARCH | {"customer": "AUR-1042"})
    browser.get(page_of("search", bank.slug), IN_MARCH)
    browser.get(page_of("search", bank.slug), IN_MARCH | {"customer": "nobody"})

    with serving(bank.id):
        (row,) = Disclosure.objects.all()
        (counted,) = DisclosureCount.objects.all()
    assert (row.pseudonym, row.door, row.feed) == (customer.pseudonym, "console", "disclosures")
    assert row.recipient.startswith("staff:")
    assert counted.count == 4
    page = browser.get(
        page_of("search", bank.slug),
        {"customer": "AUR-1042", "since": "2026-04-01", "until": "2026-04-02"},
    )
    assert page.context["sums"] == {"shown": 0, "rows": 0, "recipients": 0, "refused": 0}
    assert "Bank staff" in page.content.decode()


def test_a_customer_whose_name_is_erased_is_found_by_the_pseudonym_alone(
    customer: Customer,
) -> None:
    bank = customer.bank
    write(bank, at=MARCH, pseudonym=customer.pseudonym)
    with serving(bank.id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM partners_customer WHERE bank_id = %s", [bank.id])

    page = look(bank, customer=str(customer.pseudonym))

    assert len(page.context["rows"]) == 1
    assert "Somebody whose name is erased" in page.content.decode()
    assert look(bank, customer="AUR-1042").status_code == 404


@pytest.mark.parametrize("whose", ["nobody", "AUR-104", "aur-1042", "0" * 36])
def test_who_is_not_there_is_not_found(customer: Customer, whose: str) -> None:
    page = look(customer.bank, customer=whose)
    assert page.status_code == 404
    assert "Nobody found" in page.content.decode()
    assert (
        browser_of(customer.bank)
        .get(page_of("search_table", customer.bank.slug), IN_MARCH | {"customer": whose})
        .status_code
        == 404
    )


def test_another_banks_customer_is_nobody_here(customer: Customer) -> None:
    other = make_bank()
    assert look(other, customer="AUR-1042").status_code == 404
    assert look(other, customer=str(customer.pseudonym)).status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "14/03/2026"},
        {"since": "2026-03-15", "until": "2026-03-14"},
        {"since": "2024-01-01", "until": "2026-03-14"},
        {"decision": "both"},
        {"feed": "passwords"},
        {"recipient": "client:x"},
        {"customer": "x" * 101},
    ],
)
def test_what_makes_no_sense_is_said_and_kept(customer: Customer, asked: dict[str, str]) -> None:
    page = look(customer.bank, **asked)
    assert page.status_code == 400
    assert page.context["asked"] == IN_MARCH | asked
    browser = browser_of(customer.bank)
    assert (
        browser.get(page_of("search_table", customer.bank.slug), IN_MARCH | asked).status_code
        == 400
    )


def test_without_days_it_is_the_last_thirty() -> None:
    bank = make_bank()
    page = browser_of(bank).get(page_of("search", bank.slug))
    period = page.context["period"]
    assert (period.until - period.since).days == 29
    assert period.until == timezone.now().astimezone(period.zone).date()
    assert [each["current"] for each in page.context["periods"]] == [False] * 4


def test_the_months_are_offered_as_months(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = make_bank(time_zone="Europe/Rome")
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 31, 22, 30, tzinfo=UTC))
    page = browser_of(bank).get(page_of("search", bank.slug))
    offered = [(each["since"], each["until"]) for each in page.context["periods"]]
    assert offered[:3] == [
        ("2026-04-01", "2026-04-30"),
        ("2026-03-01", "2026-03-31"),
        ("2026-02-01", "2026-02-28"),
    ]
    assert date.fromisoformat(offered[3][0]) == date(2025, 4, 2)


def test_pages_are_turned_by_key_and_say_the_consent(customer: Customer) -> None:
    home = make_household(customer.bank)
    consent = make_consent(home.customer, [home.account], client=make_client())
    for step in range(PAGE * 2 + 3):
        at = MARCH - timedelta(seconds=step // 3)
        write(
            home.bank, at=at, row_count=step, pseudonym=customer.pseudonym, consent_id=consent.id
        )
    browser, where = browser_of(home.bank), page_of("search", home.bank.slug)
    shown: list[int] = []
    page = browser.get(where, IN_MARCH | {"customer": "AUR-1042"})
    while True:
        shown += [each["row_count"] for each in page.context["rows"]]
        assert all(each["consent"] for each in page.context["rows"])
        if not page.context["page"]["older_url"]:
            break
        page = browser.get(where + page.context["page"]["older_url"])
    assert sorted(shown) == list(range(PAGE * 2 + 3))
    back = browser.get(where + page.context["page"]["newer_url"])
    assert len(back.context["rows"]) == PAGE


def test_the_file_has_every_record_and_no_formula(customer: Customer) -> None:
    bank = customer.bank
    program = make_client(name="=HYPERLINK(1)")
    for step in range(PAGE + 5):
        at = MARCH - timedelta(minutes=step)
        write(bank, at=at, pseudonym=customer.pseudonym, recipient=f"client:{program.pk}")
    refuse(bank, at=MARCH, pseudonym=customer.pseudonym)
    write(bank, at=MARCH)

    answered = browser_of(bank).get(
        page_of("search_table", bank.slug), IN_MARCH | {"customer": "AUR-1042"}
    )
    lines = lines_of(answered)

    assert answered.headers["Content-Disposition"].endswith('-shared-2026-03-01-2026-03-31.csv"')
    assert len(lines) == PAGE + 6
    assert {each["recipient_name"] for each in lines} == {"'=HYPERLINK(1)", "The bank's chat"}
    assert {each["reason_words"] for each in lines} == {"", "The customer has not allowed it."}
    with serving(bank.id):
        mine = Disclosure.objects.filter(pseudonym=customer.pseudonym, at__lte=MARCH)
        assert {each["disclosure_id"] for each in lines} == {str(each.id) for each in mine}


def test_it_costs_the_same_however_much_was_shared(customer: Customer) -> None:
    bank, mine = customer.bank, {"pseudonym": customer.pseudonym}
    for recipient in ("chat", "client:1"):
        write(bank, at=MARCH, recipient=recipient, **mine)
    seal(bank)
    browser, where = browser_of(bank), page_of("search", bank.slug)
    asked = IN_MARCH | {"customer": "AUR-1042"}
    browser.get(where, asked)
    before = statements(browser, where, **asked), statements(browser, where, **IN_MARCH)
    for step in range(PAGE + 4):
        write(bank, at=MARCH - timedelta(hours=step), recipient=f"client:{step % 3 + 1}", **mine)
    seal(bank)

    after = statements(browser, where, **asked), statements(browser, where, **IN_MARCH)

    assert after == before


# --- one record -----------------------------------------------------------------------------------


def test_a_record_is_held_against_what_was_signed(customer: Customer) -> None:
    bank = customer.bank
    for _ in range(3):
        row = write(bank, pseudonym=customer.pseudonym)
    browser, where = browser_of(bank), page_of("record", bank.slug, row.id)
    assert browser.get(where).context["check"]["state"] == "waiting"
    seal(bank)
    write(bank)
    seal(bank)

    page = browser.get(where)

    check = page.context["check"]
    assert (check["state"], check["place"], check["size"]) == ("whole", 3, 4)
    assert str(row.id) in page.content.decode()
    assert browser.get(page_of("record", bank.slug, uuid4())).status_code == 404


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_record_that_was_changed_is_said_to_be_broken(customer: Customer) -> None:
    row = write(customer.bank, pseudonym=customer.pseudonym)
    seal(customer.bank)
    with as_owner(customer.bank) as owner:
        owner.execute("UPDATE accounts_disclosure SET feed = 'x' WHERE id = %s", [row.id])

    page = browser_of(customer.bank).get(page_of("record", customer.bank.slug, row.id))

    assert page.context["check"]["state"] == "broken"
    assert "It was changed." in page.content.decode()
