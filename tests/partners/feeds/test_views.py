"""What a bank shares, switched on the console's page of feeds."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.disclosure.models import Disclosure
from partners.banks.models import Bank, Staff
from partners.feeds.models import Feed, FeedKind
from partners.feeds.queries import Allowed, allowed_by_kind, last_releases
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_client, make_consent, make_household
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db


def stored(bank: Bank) -> dict[str, tuple[bool, list[str]]]:
    with serving(bank.id):
        return {each.kind: (each.enabled, each.masked_fields) for each in Feed.objects.all()}


def test_a_feed_goes_on_and_off() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("feed", bank.slug, "balances")
    answer = browser.post(where, {"enabled": "on"}, follow=True)
    assert answer.redirect_chain[-1][0] == page_of("feeds", bank.slug) + "#balances"
    assert "Balances: on." in answer.content.decode()
    assert stored(bank) == {"balances": (True, [])}
    answer = browser.post(where, {"enabled": "off"}, follow=True)
    assert "Nothing of it leaves from now on" in answer.content.decode()
    assert stored(bank) == {"balances": (False, [])}


def test_what_is_not_said_plainly_turns_nothing_on() -> None:
    bank = make_bank()
    browser_of(bank).post(page_of("feed", bank.slug, "balances"), {"enabled": "yes please"})
    assert stored(bank) == {"balances": (False, [])}


@pytest.mark.parametrize("kind", FeedKind.values)
def test_every_kind_of_feed_can_be_turned_on(kind: str) -> None:
    bank = make_bank()
    browser_of(bank).post(page_of("feed", bank.slug, kind), {"enabled": "on"})
    assert stored(bank)[kind] == (True, [])


@pytest.mark.parametrize("name", ["feed", "feed_masks"])
def test_a_feed_that_does_not_exist_is_not_found(name: str) -> None:
    bank = make_bank()
    assert browser_of(bank).post(page_of(name, bank.slug, "passwords")).status_code == 404


def test_masks_keep_to_the_fields_of_the_feed() -> None:
    bank = make_bank()
    browser = browser_of(bank, Staff.Role.COMPLIANCE)
    where = page_of("feed_masks", bank.slug, "transactions")
    browser.post(where, {"masked": ["merchant_name", "booked_at", "amount_minor", "password"]})
    assert stored(bank)["transactions"][1] == ["booked_at", "merchant_name"]
    browser.post(where, {})
    assert stored(bank)["transactions"][1] == []


def test_an_auditor_sees_choices_and_no_switch() -> None:
    bank = make_bank()
    page = browser_of(bank, Staff.Role.AUDITOR).get(page_of("feeds", bank.slug)).content.decode()
    assert 'name="enabled"' not in page
    assert "Balances" in page


def test_live_consents_and_last_releases_are_counted() -> None:
    household = make_household()
    now = timezone.now()
    program = make_client()
    make_consent(household.customer, [household.account], feeds=["balances"])
    named = ["balances", "transactions"]
    make_consent(household.customer, [household.account], client=program, feeds=named)
    make_consent(
        household.customer,
        [household.account],
        client=make_client(),
        at=now - timedelta(days=60),
        expires_at=now - timedelta(days=1),
    )
    with serving(household.bank_id):
        for days_ago, decision in ((0, "refused"), (1, "released"), (2, "released")):
            Disclosure.objects.create(
                at=now - timedelta(days=days_ago),
                recipient="chat",
                door="rest",
                feed="balances",
                decision=decision,
            )
        assert allowed_by_kind(at=now) == {
            "balances": Allowed(customers=1, recipients=2),
            "transactions": Allowed(customers=1, recipients=1),
        }
        assert last_releases() == {"balances": now - timedelta(days=1)}
    page = browser_of(household.bank).get(page_of("feeds", household.bank.slug))
    assert "1 customer allows it" in page.content.decode()
    assert "2 recipients" in page.content.decode()


def test_the_page_costs_the_same_however_many_consents() -> None:
    household = make_household()
    browser = browser_of(household.bank)

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            browser.get(page_of("feeds", household.bank.slug))
        return len(captured)

    before = statements()
    for _ in range(4):
        make_consent(household.customer, [household.account], client=make_client())
    assert statements() == before
