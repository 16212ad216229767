"""Where staff and the operator begin, and who works at a bank."""

from typing import Any

import pytest
from django.core import mail

from accounts.people.models import Person
from partners.banks.models import Staff
from partners.banks.rules import masked_name
from tests.desk import browser_of, console_browser, page_of
from tests.factories.partners import make_bank, make_staff
from tests.factories.people import make_person

pytestmark = pytest.mark.django_db


def operator() -> Person:
    return make_person("operator@portal.example", is_operator=True)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Giulia Ferrante", "G•••• F••••"),
        ("Li", "L••••"),
        ("  Åsa  de la  Cruz ", "Å•••• d•••• l•••• C••••"),
        ("", "••••"),
    ],
)
def test_a_masked_name_keeps_first_letters_alone(name: str, shown: str) -> None:
    assert masked_name(name) == shown


def test_home_leads_to_the_only_bank() -> None:
    staff = make_staff(make_bank())
    answer = console_browser(staff.person).get("/")
    assert answer["Location"] == page_of("overview", staff.bank.slug)


def test_home_is_a_choice_among_several_banks() -> None:
    staff = make_staff(make_bank())
    other = make_bank()
    Staff.objects.create(bank=other, person=staff.person, role="auditor")
    page = console_browser(staff.person).get("/").content.decode()
    assert staff.bank.name in page
    assert other.name in page
    assert "Auditor" in page
    assert "Banks of this portal" not in page


def test_who_works_nowhere_is_told_so() -> None:
    page = console_browser(make_person("idle@bank.example")).get("/").content.decode()
    assert "You work at no bank now" in page


def test_the_operator_suspends_a_bank_and_admits_it_again() -> None:
    bank = make_bank()
    browser = console_browser(operator())
    staff = browser_of(bank)
    assert bank.name in browser.get("/").content.decode()
    where = page_of("change_bank", bank.slug)
    for status, opens in (("suspended", 403), ("admitted", 200)):
        assert browser.post(where, {"status": status}).status_code == 302
        assert staff.get(page_of("overview", bank.slug)).status_code == opens


def test_suspending_is_asked_about_first() -> None:
    bank = make_bank()
    browser = console_browser(operator())
    where = page_of("change_bank", bank.slug)

    assert f"Suspend {bank.name}?" in browser.get(where).content.decode()
    bank.refresh_from_db()
    assert bank.status == "admitted"
    browser.post(where, {"status": "suspended"})
    assert browser.get(where).status_code == 302
    assert browser_of(bank).get(where).status_code == 404


def test_the_operator_sees_nothing_of_a_banks_own() -> None:
    bank = make_bank()
    assert console_browser(operator()).get(page_of("overview", bank.slug)).status_code == 404


@pytest.mark.parametrize("status", ["", "closed", "ADMITTED"])
def test_a_state_that_does_not_exist_is_not_found(status: str) -> None:
    bank = make_bank()
    answer = console_browser(operator()).post(
        page_of("change_bank", bank.slug), {"status": status}
    )
    assert answer.status_code == 404


def test_the_operator_needs_a_second_factor_too() -> None:
    bank = make_bank()
    person = make_person("weak@portal.example", is_operator=True, second_factor=False)
    answer = console_browser(person).post(
        page_of("change_bank", bank.slug), {"status": "suspended"}
    )
    assert answer.status_code == 302
    bank.refresh_from_db()
    assert bank.status == "admitted"


def test_an_owner_suspends_no_bank() -> None:
    bank = make_bank()
    where = page_of("change_bank", bank.slug)
    assert browser_of(bank).post(where, {"status": "suspended"}).status_code == 404
    bank.refresh_from_db()
    assert bank.status == "admitted"


def test_what_was_typed_stays_when_an_invitation_is_refused() -> None:
    bank = make_bank()
    said = {"email": "not an address", "display_name": "Nadia Ferro", "role": "king"}
    answer = browser_of(bank).post(page_of("staff", bank.slug), said)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert 'value="not an address"' in page
    assert 'value="Nadia Ferro"' in page
    assert mail.outbox == []


def test_who_works_here_is_not_invited_into_another_role() -> None:
    bank = make_bank()
    owner = make_staff(bank)
    said = {"email": owner.person.email.upper(), "display_name": "Me", "role": "agent"}
    answer = console_browser(owner.person).post(page_of("staff", bank.slug), said)
    assert answer.status_code == 400
    assert "works here already" in answer.content.decode()
    owner.refresh_from_db()
    assert owner.role == "owner"


def test_who_has_not_come_yet_can_be_invited_again() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    said = {"email": "slow@bank.example", "display_name": "Slow", "role": "agent"}
    for role in ("agent", "auditor"):
        assert browser.post(page_of("staff", bank.slug), said | {"role": role}).status_code == 302
    assert len(mail.outbox) == 2
    assert Staff.objects.get(person__email="slow@bank.example").role == "auditor"


def test_a_mail_server_that_is_away_is_said(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 1  # nobody listens there
    bank = make_bank()
    said = {"email": "far@bank.example", "display_name": "Far", "role": "agent"}
    answer = browser_of(bank).post(page_of("staff", bank.slug), said, follow=True)
    assert answer.status_code == 200
    assert "the mail was not sent" in answer.content.decode()


def test_roles_change_and_work_ends() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    agent = make_staff(bank, Staff.Role.AGENT)
    their_browser = console_browser(agent.person)
    where = page_of("member", bank.slug, agent.id)
    browser.post(where, {"role": "auditor"})
    assert their_browser.get(page_of("disclosures", bank.slug)).status_code == 200
    browser.post(where, {"role": "auditor", "leave": "on"})
    assert their_browser.get(page_of("disclosures", bank.slug)).status_code == 404
    assert agent.person.email not in browser.get(page_of("staff", bank.slug)).content.decode()


@pytest.mark.parametrize("change", [{"role": "agent"}, {"leave": "on"}])
def test_a_bank_keeps_its_last_owner(change: dict[str, str]) -> None:
    bank = make_bank()
    owner = make_staff(bank)
    browser = console_browser(owner.person)
    answer = browser.post(page_of("member", bank.slug, owner.id), change, follow=True)
    assert "keeps at least one owner" in answer.content.decode()
    owner.refresh_from_db()
    assert (owner.role, owner.is_active) == ("owner", True)


def test_staff_of_another_bank_cannot_be_changed_from_here() -> None:
    bank, other = make_bank(), make_bank()
    theirs = make_staff(other)
    make_staff(other)
    answer = browser_of(bank).post(page_of("member", bank.slug, theirs.id), {"leave": "on"})
    assert answer.status_code == 404
    theirs.refresh_from_db()
    assert theirs.is_active


def test_nav_shows_what_the_role_reaches() -> None:
    bank = make_bank()
    page = browser_of(bank, Staff.Role.AGENT).get(page_of("overview", bank.slug)).content.decode()
    assert page_of("customers", bank.slug) in page
    for name in ("feeds", "disclosures", "staff", "integration"):
        assert page_of(name, bank.slug) not in page
