"""The one table of who may do what, and that each door keeps to it."""

import pytest

from partners.banks.models import Bank, Staff
from partners.banks.permissions import ALLOWED, Permission, may
from portal.tenancy.blocks import serving
from tests.desk import browser_of, console_browser, page_of
from tests.factories.partners import make_bank, make_customer, make_staff

OWNER, INTEGRATOR, COMPLIANCE, AGENT, AUDITOR = Staff.Role

PAGES: dict[str, set[str]] = {
    "overview": {OWNER, INTEGRATOR, COMPLIANCE, AGENT, AUDITOR},
    "overview_live": {OWNER, INTEGRATOR, COMPLIANCE, AGENT, AUDITOR},
    "integration": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "integration_test": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "integration_key": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "feeds": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "alert_types": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "customers": {OWNER, COMPLIANCE, AGENT, AUDITOR},
    "customer": {OWNER, COMPLIANCE, AGENT, AUDITOR},
    "disclosures": {OWNER, COMPLIANCE, AUDITOR},
    "disclosures_live": {OWNER, COMPLIANCE, AUDITOR},
    "staff": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "deeds": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "retention": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
    "review": {OWNER, COMPLIANCE, AUDITOR},
    "unreadable": {OWNER, INTEGRATOR, COMPLIANCE, AUDITOR},
}
CHANGES: dict[str, set[str]] = {
    "integration": {OWNER, INTEGRATOR},
    "integration_test": {OWNER, INTEGRATOR},
    "integration_key": {OWNER, INTEGRATOR},
    "try_again": {OWNER, INTEGRATOR},
    "read_again": {OWNER, INTEGRATOR},
    "feed": {OWNER, INTEGRATOR, COMPLIANCE},
    "feed_masks": {OWNER, INTEGRATOR, COMPLIANCE},
    "alert_type": {OWNER, INTEGRATOR},
    "retention": {OWNER, COMPLIANCE},
    "review_decide": {OWNER, COMPLIANCE},
    "alert_parameters": {OWNER, INTEGRATOR},
    "staff": {OWNER},
    "member": {OWNER},
}
MORE = {
    "feed": "balances",
    "feed_masks": "transactions",
    "alert_type": "refund",
    "alert_parameters": "low_balance",
}


def address(name: str, bank: Bank) -> str:
    parts: list[object] = [bank.slug]
    if name in MORE:
        parts.append(MORE[name])
    if name == "member":
        parts.append(make_staff(bank, Staff.Role.AUDITOR).id)
    if name == "customer":
        parts.append(make_customer(bank).id)
    return page_of(name, *parts)


def test_every_role_has_a_line_and_owners_may_do_everything() -> None:
    assert set(ALLOWED) == set(Staff.Role)
    assert ALLOWED[OWNER] == set(Permission)
    assert not may("visitor", Permission.VIEW_OVERVIEW)


def test_auditors_and_agents_change_no_choice() -> None:
    changing = {each for each in Permission if each.startswith("manage_")}
    assert not changing & ALLOWED[AUDITOR]
    assert not changing & ALLOWED[AGENT]


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Staff.Role))
def test_each_page_opens_for_its_roles_alone(role: str) -> None:
    bank = make_bank()
    browser = browser_of(bank, role)
    answers = {name: browser.get(address(name, bank)).status_code for name in PAGES}
    assert answers == {name: 200 if role in allowed else 403 for name, allowed in PAGES.items()}


@pytest.mark.django_db
@pytest.mark.parametrize("role", list(Staff.Role))
def test_each_change_is_for_its_roles_alone(role: str) -> None:
    bank = make_bank()
    browser = browser_of(bank, role)
    refused = {name for name in CHANGES if browser.post(address(name, bank)).status_code == 403}
    assert refused == {name for name, allowed in CHANGES.items() if role not in allowed}


@pytest.mark.django_db
@pytest.mark.parametrize("name", [*PAGES, *(each for each in CHANGES if each not in PAGES)])
def test_another_banks_staff_find_nothing(name: str) -> None:
    bank = make_bank()
    browser = browser_of(make_bank())
    where = address(name, bank)
    assert browser.get(where).status_code in ({404} if name in PAGES else {404, 405})
    assert browser.post(where, {"enabled": "on"}).status_code in {404, 405}


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_led_to_sign_in(name: str) -> None:
    answer = console_browser().get(address(name, make_bank()))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/sign-in/login/?next=")


@pytest.mark.django_db
def test_who_has_left_finds_nothing() -> None:
    bank = make_bank()
    gone = make_staff(bank)
    Staff.objects.filter(pk=gone.pk).update(is_active=False)
    assert console_browser(gone.person).get(page_of("overview", bank.slug)).status_code == 404


@pytest.mark.django_db
@pytest.mark.parametrize("name", PAGES)
def test_a_second_factor_comes_first(name: str) -> None:
    bank = make_bank()
    person = make_staff(bank, second_factor=False).person
    answer = console_browser(person).get(address(name, bank))
    assert answer.status_code == 302
    assert answer["Location"].endswith("/second-factor/totp/activate/")


@pytest.mark.django_db
def test_a_suspended_bank_shows_one_calm_page() -> None:
    bank = make_bank(status=Bank.Status.SUSPENDED)
    answer = browser_of(bank).get(page_of("customers", bank.slug))
    assert answer.status_code == 403
    assert f"{bank.name} is suspended" in answer.content.decode()


@pytest.mark.django_db
def test_somebody_elses_customer_is_not_found() -> None:
    bank, other = make_bank(), make_bank()
    theirs = make_customer(other)
    answer = browser_of(bank).get(page_of("customer", bank.slug, theirs.id))
    assert answer.status_code == 404
    with serving(other.id):
        assert theirs.display_name.encode() not in answer.content
