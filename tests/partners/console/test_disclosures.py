"""The record of what was shown and refused, as a bank's staff look through it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from partners.console import queries
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_client
from tests.factories.partners import make_bank
from tests.partners.console.scene import make_disclosure, statements, words_of

pytestmark = pytest.mark.django_db


def test_the_ledger_is_narrowed_by_each_filter() -> None:
    bank = make_bank(time_zone="Europe/Rome")
    program = make_client(name="Thrift Garden")
    late = datetime(2026, 3, 14, 23, 30, tzinfo=UTC)  # the 15th in Rome
    make_disclosure(bank, at=late, feed="transactions")
    make_disclosure(bank, at=late - timedelta(days=1), recipient=f"client:{program.pk}")
    make_disclosure(
        bank, at=late - timedelta(days=2), decision="refused", reason="bank_not_sharing"
    )
    browser = browser_of(bank)

    def found(**asked: str) -> int:
        page = browser.get(page_of("disclosures", bank.slug), asked)
        assert page.status_code == 200
        return len(page.context["disclosures"])

    assert found() == 3
    assert found(decision="refused") == 1
    assert found(feed="transactions") == 1
    assert found(since="2026-03-15") == 1
    assert found(until="2026-03-14") == 2
    assert found(since="2026-03-14", until="2026-03-14") == 1
    page = words_of(browser, page_of("disclosures", bank.slug))
    assert "Thrift Garden" in page
    assert "The bank does not share this feed." in page


@pytest.mark.parametrize(
    "asked",
    [
        {"since": "14/03/2026"},
        {"until": "2026-02-30"},
        {"since": "2026-03-15", "until": "2026-03-14"},
        {"decision": "both"},
        {"feed": "passwords"},
    ],
)
def test_a_filter_that_makes_no_sense_is_said_and_kept(asked: dict[str, str]) -> None:
    bank = make_bank()
    make_disclosure(bank)
    browser = browser_of(bank)
    page = browser.get(page_of("disclosures", bank.slug), asked)
    assert page.status_code == 400
    assert page.context["disclosures"] == []
    assert page.context["filters"] | asked == page.context["filters"]
    assert browser.get(page_of("disclosures_live", bank.slug), asked).status_code == 400


def test_the_ledger_ticks_and_keeps_its_filters() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    page = browser.get(page_of("disclosures", bank.slug), {"decision": "released"})
    live = page.context["live_url"]
    assert "Nothing was shown" in words_of(browser, live)
    make_disclosure(bank)
    make_disclosure(bank, decision="refused", reason="no_consent")
    rows = words_of(browser, live)
    assert rows.count("<tr") == 2  # the head and one line
    assert 'class="is-new"' in rows


def test_the_ledger_is_paged_by_key_and_older_pages_stand_still() -> None:
    bank = make_bank()
    at = timezone.now()
    for step in range(queries.PAGE * 2 + 3):
        # Some at the same instant: the key is the instant and the id.
        make_disclosure(bank, at=at - timedelta(seconds=step // 3), row_count=step)
    browser = browser_of(bank)
    where = page_of("disclosures", bank.slug)
    first = browser.get(where)
    second = browser.get(where + first.context["page"]["older_url"])
    third = browser.get(where + second.context["page"]["older_url"])
    shown = [
        each["row_count"]
        for page in (first, second, third)
        for each in page.context["disclosures"]
    ]
    assert sorted(shown) == list(range(queries.PAGE * 2 + 3))
    assert third.context["page"]["older_url"] == ""
    assert second.context["live_url"] == ""
    back = browser.get(where + second.context["page"]["newer_url"])
    assert [each["row_count"] for each in back.context["disclosures"]] == [
        each["row_count"] for each in first.context["disclosures"]
    ]


def test_the_ledger_costs_the_same_however_long_it_is() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("disclosures", bank.slug)
    make_disclosure(bank)
    before = statements(browser, where)
    for _ in range(30):
        make_disclosure(bank)
    assert statements(browser, where) == before


def test_another_banks_lines_are_not_there() -> None:
    bank = make_bank()
    make_disclosure(make_bank())
    page = browser_of(bank).get(page_of("disclosures", bank.slug))
    assert page.context["disclosures"] == []


def test_times_stand_on_the_banks_own_clock() -> None:
    bank = make_bank(time_zone="Asia/Tokyo")
    make_disclosure(bank, at=datetime(2026, 3, 14, 15, 30, 5, tzinfo=UTC))
    assert "15 Mar, 00:30:05" in words_of(browser_of(bank), page_of("disclosures", bank.slug))
