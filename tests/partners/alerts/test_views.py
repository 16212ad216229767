"""When a bank raises alerts, set on the console's page of alert types."""

import pytest

from partners.alerts.models import AlertRule
from partners.banks.models import Bank
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import share
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db


def rules(bank: Bank) -> dict[str, tuple[bool, dict[str, object]]]:
    with serving(bank.id):
        return {
            each.alert_type: (each.enabled, each.parameters) for each in AlertRule.objects.all()
        }


def test_a_type_goes_on_and_off() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("alert_type", bank.slug, "refund")
    answer = browser.post(where, {"enabled": "on"}, follow=True)
    assert "Refund: on." in answer.content.decode()
    assert rules(bank)["refund"] == (True, {})
    browser.post(where, {"enabled": "off"})
    assert rules(bank)["refund"] == (False, {})


@pytest.mark.parametrize(
    ("currency", "typed", "minor"),
    [
        ("EUR", "250", 25_000),
        ("EUR", "99.5", 9_950),
        ("EUR", "99,50", 9_950),
        ("CHF", "1'250.05", 125_005),
        ("GBP", "1 000", 100_000),
        ("JPY", "1200", 1_200),
        ("BHD", "1.234", 1_234),
        ("EUR", "0", 0),
    ],
)
def test_amounts_become_whole_minor_units(currency: str, typed: str, minor: int) -> None:
    bank = make_bank(currency=currency)
    where = page_of("alert_parameters", bank.slug, "large_payment")
    assert browser_of(bank).post(where, {"threshold_minor": typed}).status_code == 302
    assert rules(bank)["large_payment"][1] == {"threshold_minor": minor, "currency": currency}


@pytest.mark.parametrize(
    ("currency", "typed"),
    [
        ("EUR", ""),
        ("EUR", "-5"),
        ("EUR", "1.234,56"),
        ("EUR", "1e3"),
        ("EUR", "0.001"),
        ("EUR", "٣"),
        ("EUR", "9" * 20),
        ("EUR", "NaN"),
        ("EUR", "9" * 40),
        ("EUR", "1\x00"),
        ("JPY", "1.5"),
    ],
)
def test_what_is_no_amount_is_refused_and_stays_typed(currency: str, typed: str) -> None:
    bank = make_bank(currency=currency)
    with serving(bank.id):
        AlertRule.objects.create(alert_type="low_balance", enabled=True)
    where = page_of("alert_parameters", bank.slug, "low_balance")
    answer = browser_of(bank).post(where, {"threshold_minor": typed})
    assert answer.status_code == 400
    form = next(
        each["form"] for each in answer.context["alert_types"] if each["code"] == "low_balance"
    )
    assert form.errors
    assert form["threshold_minor"].value() == typed
    assert rules(bank)["low_balance"] == (True, {})


def test_what_is_stored_is_shown_again() -> None:
    bank = make_bank(currency="EUR")
    with serving(bank.id):
        AlertRule.objects.create(
            alert_type="large_payment", enabled=True, parameters={"threshold_minor": 9_950}
        )
    page = browser_of(bank).get(page_of("alert_types", bank.slug)).content.decode()
    assert 'value="99.50"' in page


def test_a_type_with_a_threshold_is_not_on_without_one() -> None:
    bank = make_bank()
    answer = browser_of(bank).post(
        page_of("alert_type", bank.slug, "large_payment"), {"enabled": "on"}, follow=True
    )
    assert "Say an amount" in answer.content.decode()


@pytest.mark.parametrize("name", ["alert_type", "alert_parameters"])
@pytest.mark.parametrize("code", ["earthquake", "refund"])
def test_what_does_not_exist_is_not_found(name: str, code: str) -> None:
    bank = make_bank()
    answer = browser_of(bank).post(page_of(name, bank.slug, code), {"enabled": "on"})
    known = name == "alert_type" and code == "refund"
    assert answer.status_code == (302 if known else 404)


def test_without_transactions_the_page_says_that_none_is_raised() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("alert_types", bank.slug)
    assert "No alert can be raised now" in browser.get(where).content.decode()
    share(bank, feeds=["transactions"])
    assert "No alert can be raised now" not in browser.get(where).content.decode()
