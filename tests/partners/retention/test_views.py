"""How long a bank wants things kept, chosen in the console; and what went, as a file."""

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client

from partners.banks.models import Bank, Staff
from partners.retention.actions import KINDS, age_batch
from partners.retention.models import RetentionRule
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_entry
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 26, 4, 0, tzinfo=UTC)


@pytest.fixture
def bank() -> Bank:
    return make_bank()


def posted(browser: Client, bank: Bank, **changed: str) -> Any:
    """The form as it is shown, with some fields filled in anew."""
    where = page_of("retention", bank.slug)
    form = browser.get(where).context["kinds"]
    fields = {
        each["field"].html_name: each["field"].value() for kind in form for each in kind["fields"]
    }
    return browser.post(where, fields | changed, follow=True)


def rules(bank: Bank) -> dict[tuple[str, str], int]:
    with serving(bank.id):
        return {(each.kind, each.purpose): each.days for each in RetentionRule.objects.all()}


def age(bank: Bank) -> None:
    with serving(bank.id):
        for kind in KINDS:
            assert not age_batch(kind, at=NOW)


def test_days_are_chosen_for_each_kind_and_purpose(bank: Bank) -> None:
    browser = browser_of(bank)

    answer = posted(
        browser,
        bank,
        **{"transactions:budgeting": "7", "balances:balance_watch": "0", "raw:": "14"},
    )

    assert "Saved." in answer.content.decode()
    assert rules(bank) == {
        ("transactions", "budgeting"): 7,
        ("balances", "balance_watch"): 0,
        ("raw", ""): 14,
    }


@pytest.mark.parametrize("wrong", ["366", "-1", "", "soon", "1.5"])
def test_what_is_not_sane_is_refused_in_words_and_changes_nothing(bank: Bank, wrong: str) -> None:
    answer = posted(browser_of(bank), bank, **{"transactions:budgeting": wrong, "raw:": "14"})

    words = answer.content.decode()
    assert answer.status_code == 400
    assert any(each in words for each in ("At most 365.", "At least 0.", "A number of days."))
    assert rules(bank) == {}


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Staff.Role.OWNER, 200),
        (Staff.Role.COMPLIANCE, 200),
        (Staff.Role.AUDITOR, 403),
        (Staff.Role.INTEGRATOR, 403),
    ],
)
def test_who_may_choose(bank: Bank, role: str, status: int) -> None:
    assert posted(browser_of(bank, role), bank, **{"raw:": "14"}).status_code == status


def test_before_the_first_run_the_page_says_so(bank: Bank) -> None:
    words = browser_of(bank).get(page_of("retention", bank.slug)).content.decode()

    assert "Nothing has been looked at yet" in words


def test_what_went_is_on_the_page_and_in_the_files(bank: Bank) -> None:
    make_entry(make_account(bank), booked_on=date(2026, 1, 1), booked_at=None)
    age(bank)
    browser = browser_of(bank, Staff.Role.AUDITOR)

    words = browser.get(page_of("retention", bank.slug)).content.decode()
    files = {
        form: browser.get(page_of("retention_evidence", bank.slug, form))
        for form in ("csv", "json")
    }

    lines = json.loads(files["json"].getvalue())
    table = list(csv.DictReader(io.StringIO(files["csv"].getvalue().decode())))
    assert "Payments: 1" in words
    assert [each["kind"] for each in lines] == [each["kind"] for each in table] == list(KINDS)
    (payments,) = [each for each in lines if each["kind"] == "transactions"]
    assert payments == {
        "on": "2026-11-26",
        "kind": "transactions",
        "rules": [
            {"purpose": "budgeting", "days": 30, "before": "2026-10-27"},
            {"purpose": "see_in_chat", "days": 30, "before": "2026-10-27"},
        ],
        "started_at": "2026-11-26T04:00:00Z",
        "finished_at": "2026-11-26T04:00:00Z",
        "accounts": 1,
        "held": 0,
        "gone": {"entry": 1},
    }
    assert json.loads(table[KINDS.index("transactions")]["gone"]) == {"entry": 1}
    assert "attachment" in files["csv"].headers["Content-Disposition"]


def test_another_form_of_file_is_not_there(bank: Bank) -> None:
    where = page_of("retention_evidence", bank.slug, "xml")

    assert browser_of(bank).get(where).status_code == 404
