"""What an account is called goes with the last connection; pages have words in its place."""

from datetime import datetime

import pytest

from accounts.consent.actions import revoke_consent
from partners.connections.models import Connection
from partners.connectors.base import AccountRecord
from partners.ledger.actions import record_accounts
from partners.ledger.models import Account
from partners.records.actions import lift_hold, place_hold
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import Household, make_household, make_link
from tests.factories.partners import make_customer
from tests.partners.retention.test_ageing import NOW, age, allowed, days

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def home() -> Household:
    return make_household()


def told_of(home: Household) -> tuple[str, str]:
    with serving(home.bank_id):
        account = Account.objects.get(pk=home.account.pk)
    return account.name, account.masked_identification


def end_connection(home: Household, *, at: datetime, status: str = "revoked") -> None:
    with serving(home.bank_id):
        Account.objects.update(created_at=at - days(900))
        Connection.objects.update(status=status, changed_at=at)


@pytest.mark.parametrize("status", ["expired", "revoked"])
def test_a_name_goes_some_days_after_the_connection_has_ended(
    home: Household, status: str
) -> None:
    called = told_of(home)
    end_connection(home, at=NOW - days(30), status=status)

    age(home.bank_id, at=NOW - days(1))
    before = told_of(home)
    runs = age(home.bank_id)

    assert (before, told_of(home)) == (called, ("", ""))
    assert (runs["names"].accounts, runs["names"].gone) == (1, {"account_name": 1})
    assert age(home.bank_id, at=NOW + days(1))["names"].gone == {}


def test_a_name_stays_while_somebody_is_connected_or_allows_it_or_the_law_wants_it(
    home: Household,
) -> None:
    called = told_of(home)
    with serving(home.bank_id):
        Account.objects.update(created_at=NOW - days(900))
    age(home.bank_id)
    connected = told_of(home)

    end_connection(home, at=NOW - days(100))
    consent = allowed(home, began=NOW - days(80), ended=None)
    age(home.bank_id, at=NOW + days(1))
    allowed_still = told_of(home)
    with serving(home.bank_id):
        revoke_consent(consent_id=consent.id, at=NOW + days(1), by="customer")
        place_hold(
            customer_id=home.customer.id, reason="A dispute", by="staff:x", at=NOW + days(1)
        )
    held = age(home.bank_id, at=NOW + days(2))["names"].held
    kept_by_law = told_of(home)
    with serving(home.bank_id):
        lift_hold(customer_id=home.customer.id, by="staff:x", at=NOW + days(2))
    age(home.bank_id, at=NOW + days(3))

    assert connected == allowed_still == kept_by_law == called
    assert held == 1
    assert told_of(home) == ("", "")


def test_a_name_stays_for_a_joint_holder_who_is_connected(home: Household) -> None:
    called = told_of(home)
    end_connection(home, at=NOW - days(100))
    other = make_customer(home.bank)
    make_link(other, home.account)

    age(home.bank_id)

    assert told_of(home) == called


def test_where_a_name_is_gone_pages_have_words_and_it_comes_back_with_the_account(
    home: Household,
) -> None:
    end_connection(home, at=NOW - days(100))
    age(home.bank_id)

    page = page_of("customer", home.bank.slug, home.customer.id)
    assert "Account no longer connected" in browser_of(home.bank).get(page).content.decode()
    found = AccountRecord(home.account.external_id, "current", "Named again", "EUR", "**** 0001")
    with serving(home.bank_id):
        record_accounts([found])
    assert told_of(home) == ("Named again", "**** 0001")
