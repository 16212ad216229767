"""Who gets what: what is allowed and what was read, and that a switch suspends and revokes nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from partners.feeds.models import Feed
from portal.tenancy.blocks import serving, serving_customer
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_client, make_consent, make_household, share
from tests.factories.partners import make_bank
from tests.partners.compliance.written import refuse, seal, statements, write
from tests.partners.sharing.test_gate import ask, reason_for

pytestmark = pytest.mark.django_db


def test_each_recipient_stands_with_its_purposes_feeds_consents_and_readings() -> None:
    home = make_household()
    second = make_household(home.bank)
    program = make_client(name="Thrift Garden", feeds=["balances", "transactions"])
    for each in (home, second):
        make_consent(each.customer, [each.account], client=program, feeds=["balances"])
    gone = make_consent(home.customer, [home.account])
    with serving(home.bank_id):
        revoke_consent(consent_id=gone.id, at=timezone.now(), by="customer")
    at = timezone.now()
    for days in (0, 0, 3, 40):
        write(home.bank, recipient=f"client:{program.pk}", at=at - timedelta(days=days))
    refuse(home.bank, recipient=f"client:{program.pk}")
    write(home.bank, recipient="portal", feed="transactions")
    seal(home.bank)

    page = browser_of(home.bank).get(page_of("recipients", home.bank.slug))
    rows = {each["key"]: each for each in page.context["recipients"]}

    assert list(rows) == ["chat", f"client:{program.pk}", "portal"]
    chat, found = rows["chat"], rows[f"client:{program.pk}"]
    assert (chat["consents"], chat["times"], chat["last_at"], chat["plot"]) == (0, 0, None, [])
    assert found["name"] == "Thrift Garden"
    assert found["consents"] == 2
    assert [each["consents"] for each in found["purposes"]] == [2]
    assert [each["code"] for each in found["feeds"]] == ["balances", "transactions"]
    assert (found["times"], found["refused"], found["last_at"]) == (4, 1, at)
    assert [each["times"] for each in found["lately"]] == [3]
    assert sum(each["times"] for each in found["plot"]) == 3
    assert "Thrift Garden" in page.content.decode()


def test_the_last_day_of_the_plot_is_the_banks_own_today(monkeypatch: pytest.MonkeyPatch) -> None:
    bank = make_bank(time_zone="Pacific/Kiritimati")  # 14 hours ahead
    now = datetime(2026, 3, 14, 11, 0, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: now)
    write(bank, at=now - timedelta(minutes=30))
    write(bank, at=now - timedelta(minutes=90))
    seal(bank, clock=lambda: now + timedelta(days=400))

    page = browser_of(bank).get(page_of("recipients", bank.slug))
    plot = page.context["recipients"][0]["plot"]

    assert [each["times"] for each in plot[-2:]] == [1, 1]
    assert plot[-1]["day"].isoformat() == "2026-03-15"


def test_a_switch_suspends_and_revokes_nothing() -> None:
    home = make_household()
    consent = make_consent(home.customer, [home.account])
    browser = browser_of(home.bank)
    where = page_of("feed", home.bank.slug, "transactions")

    browser.post(where, {"enabled": ""})
    off = browser.get(page_of("recipients", home.bank.slug))

    assert reason_for(home, ask()) == "bank_not_sharing"
    with serving_customer(home.bank_id, home.customer.id):
        assert Consent.objects.get(pk=consent.id).ended_at is None
    (chat,) = off.context["recipients"]
    assert (chat["consents"], [str(each) for each in chat["off"]]) == (
        1,
        ["Card and account transactions"],
    )
    assert "Off suspends and revokes nothing" in off.content.decode()

    browser.post(where, {"enabled": "on"})

    assert reason_for(home, ask()) is None
    with serving(home.bank_id):
        assert Feed.objects.get(kind="transactions").enabled


def test_a_bank_that_shares_nothing_says_so_here_too() -> None:
    bank = make_bank()
    assert f"{bank.name} shares nothing" in (
        browser_of(bank).get(page_of("recipients", bank.slug)).content.decode()
    )


def test_it_costs_the_same_however_many_allow_and_read() -> None:
    home = make_household()
    program = make_client()
    make_consent(home.customer, [home.account], client=program)
    write(home.bank, recipient=f"client:{program.pk}")
    seal(home.bank)
    browser, where = browser_of(home.bank), page_of("recipients", home.bank.slug)
    before = statements(browser, where)
    for _ in range(4):
        more = make_household(home.bank)
        make_consent(more.customer, [more.account], client=make_client())
        make_consent(more.customer, [more.account])
        write(home.bank, recipient="portal", at=timezone.now() - timedelta(days=2))
    seal(home.bank)
    share(home.bank)

    assert statements(browser, where) == before


@pytest.mark.parametrize("role", ["integrator", "agent"])
def test_only_who_may_see_disclosures_sees_it(role: str) -> None:
    bank = make_bank()
    assert browser_of(bank, role).get(page_of("recipients", bank.slug)).status_code == 403
