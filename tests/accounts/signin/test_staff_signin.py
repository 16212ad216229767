"""How people who work for a bank come in: by invitation, with a password and a second factor."""

import re
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth.hashers import identify_hasher
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from accounts.people.models import Person
from partners.banks.models import Staff
from portal.settings import PASSWORD_HASHERS
from tests.desk import CONSOLE, browser_of, console_browser, page_of
from tests.factories.partners import make_bank, make_staff
from tests.factories.people import PASSWORD, SECOND_FACTOR, make_person

pytestmark = pytest.mark.django_db

LOGIN = "/sign-in/login/"
RESET = "/sign-in/password/reset/"
FACTOR = "/sign-in/second-factor/authenticate/"
ACTIVATE = "/sign-in/second-factor/totp/activate/"
LINK = re.compile(rf"http://{re.escape(CONSOLE)}(/sign-in/password/reset/key/\S+)")


@pytest.fixture(autouse=True)
def _nobody_has_tried_yet() -> None:
    # Limits and spent codes are kept in Valkey, which outlives a test.
    cache.clear()


def code_now(secret: str = SECOND_FACTOR) -> str:
    counter = next(iter(yield_hotp_counters_from_time()))
    return format_hotp_value(hotp_value(secret, counter))


def sign_in(browser: Client, email: str, password: str = PASSWORD) -> str:
    """Where the browser is led after the password."""
    answer = browser.post(LOGIN, {"login": email, "password": password})
    return answer.get("Location", "")


def test_a_password_and_a_code_open_the_console() -> None:
    staff = make_staff(make_bank())
    browser = console_browser()
    assert sign_in(browser, staff.person.email) == FACTOR
    assert browser.get(page_of("overview", staff.bank.slug)).status_code == 302
    answer = browser.post(FACTOR, {"code": code_now()}, follow=True)
    assert answer.redirect_chain[-1][0] == page_of("overview", staff.bank.slug)
    assert answer.status_code == 200


def test_a_code_counts_once() -> None:
    staff = make_staff(make_bank())
    code = code_now()
    for expected in (302, 200):
        browser = console_browser()
        sign_in(browser, staff.person.email)
        assert browser.post(FACTOR, {"code": code}).status_code == expected


def test_a_wrong_code_opens_nothing() -> None:
    staff = make_staff(make_bank())
    browser = console_browser()
    sign_in(browser, staff.person.email)
    assert browser.post(FACTOR, {"code": "000000"}).status_code == 200
    assert browser.get("/").status_code == 302


def test_without_a_second_factor_the_way_leads_to_setting_one_up() -> None:
    staff = make_staff(make_bank(), second_factor=False)
    browser = console_browser()
    assert sign_in(browser, staff.person.email) == "/"
    assert browser.get("/")["Location"] == ACTIVATE
    page = browser.get(ACTIVATE)
    secret = page.context["form"].secret
    assert secret in page.content.decode()
    answer = browser.post(ACTIVATE, {"code": code_now(secret)}, follow=True)
    assert "recovery" in answer.content.decode().lower()
    assert browser.get(page_of("overview", staff.bank.slug)).status_code == 200


def test_recovery_codes_work_once_each() -> None:
    staff = make_staff(make_bank(), second_factor=False)
    browser = console_browser()
    sign_in(browser, staff.person.email)
    secret = browser.get(ACTIVATE).context["form"].secret
    browser.post(ACTIVATE, {"code": code_now(secret)})
    rescue = Authenticator.objects.get(user=staff.person, type="recovery_codes").wrap()
    code = rescue.get_unused_codes()[0]
    for expected in (302, 200):
        another = console_browser()
        sign_in(another, staff.person.email)
        assert another.post(FACTOR, {"code": code}).status_code == expected


def test_secrets_of_second_factors_are_sealed_at_rest() -> None:
    person = make_person("sealed@bank.example")
    stored = Authenticator.objects.get(user=person).data["secret"]
    assert SECOND_FACTOR not in stored
    assert stored.startswith("v1.")


def test_passwords_are_kept_by_argon2() -> None:
    person = make_person("argon@bank.example")
    assert identify_hasher(person.password).algorithm == "argon2"


def test_outside_of_tests_argon2_costs_what_django_advises() -> None:
    assert PASSWORD_HASHERS == ["django.contrib.auth.hashers.Argon2PasswordHasher"]


def test_nobody_signs_up_alone() -> None:
    browser = console_browser()
    assert "invitation" in browser.get("/sign-in/signup/").content.decode()
    answer = browser.post(
        "/sign-in/signup/",
        {"email": "new@bank.example", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert answer.status_code == 200
    assert not Person.objects.filter(email="new@bank.example").exists()


def test_a_refusal_does_not_say_whether_the_address_is_known() -> None:
    known = make_staff(make_bank()).person.email

    def refusal(email: str) -> str:
        page = console_browser().post(LOGIN, {"login": email, "password": "wrong-wrong"})
        assert page.status_code == 200
        return str(page.context["form"].errors)

    assert refusal(known) == refusal("nobody@bank.example")

    def reset(email: str) -> tuple[int, str]:
        answer = console_browser().post(RESET, {"email": email})
        return answer.status_code, answer["Location"]

    assert reset(known) == reset("nobody@bank.example")


def test_guessing_passwords_is_slowed_down() -> None:
    email = make_staff(make_bank()).person.email
    for _attempt in range(6):
        console_browser().post(LOGIN, {"login": email, "password": "wrong-wrong"})
    answer = console_browser().post(LOGIN, {"login": email, "password": PASSWORD})
    assert answer.status_code in {200, 429}
    assert "_auth_user_id" not in console_browser().session


def test_a_new_password_by_mail() -> None:
    staff = make_staff(make_bank())
    console_browser().post(RESET, {"email": staff.person.email})
    choose_password(console_browser(), str(mail.outbox[-1].body), "another-harbour-19")
    assert sign_in(console_browser(), staff.person.email, "another-harbour-19") == FACTOR
    assert sign_in(console_browser(), staff.person.email, PASSWORD) == ""


def choose_password(browser: Client, body: str, password: str) -> None:
    found = LINK.search(body)
    assert found is not None
    form = browser.get(found[1], follow=True)
    where = form.redirect_chain[-1][0]
    answer = browser.post(where, {"password1": password, "password2": password}, follow=True)
    assert answer.status_code == 200
    used = console_browser().get(found[1])
    assert used.context["token_fail"]


def test_an_invitation_leads_to_a_password_and_a_second_factor() -> None:
    bank = make_bank()
    owner = browser_of(bank)
    said = {"email": "Nadia@bank.example", "display_name": "Nadia Ferro", "role": "agent"}
    answer = owner.post(page_of("staff", bank.slug), said, follow=True)
    assert "Nadia Ferro" in answer.content.decode()
    assert "Invited" in answer.content.decode()
    invitation = mail.outbox[-1]
    assert invitation.to == ["nadia@bank.example"]
    assert bank.name in invitation.subject

    browser = console_browser()
    choose_password(browser, str(invitation.body), "orchard-lantern-55")
    assert sign_in(browser, "nadia@bank.example", "orchard-lantern-55") == "/"
    assert browser.get("/")["Location"] == ACTIVATE
    secret = browser.get(ACTIVATE).context["form"].secret
    browser.post(ACTIVATE, {"code": code_now(secret)})
    assert browser.get(page_of("customers", bank.slug)).status_code == 200
    assert browser.get(page_of("feeds", bank.slug)).status_code == 403


def test_who_works_elsewhere_is_told_and_keeps_the_password() -> None:
    person = make_staff(make_bank()).person
    bank = make_bank()
    said = {"email": person.email, "display_name": "Somebody", "role": "auditor"}
    browser_of(bank).post(page_of("staff", bank.slug), said)
    assert not LINK.search(str(mail.outbox[-1].body))
    assert Staff.objects.get(bank=bank, person=person).role == "auditor"
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


def test_sessions_are_listed_and_can_be_ended() -> None:
    staff = make_staff(make_bank())
    first, second = console_browser(), console_browser()
    for browser in (first, second):
        cache.clear()  # as if half a minute had gone by: a code counts once
        sign_in(browser, staff.person.email)
        browser.post(FACTOR, {"code": code_now()})
        assert browser.get(page_of("overview", staff.bank.slug)).status_code == 200
    page = first.get("/sign-in/sessions/")
    assert len(page.context["sessions"]) == 2
    first.post("/sign-in/sessions/")
    assert first.get(page_of("overview", staff.bank.slug)).status_code == 200
    assert second.get(page_of("overview", staff.bank.slug)).status_code == 302


def test_after_a_while_a_change_of_factors_asks_for_the_password_again() -> None:
    staff = make_staff(make_bank())
    browser = console_browser()
    sign_in(browser, staff.person.email)
    browser.post(FACTOR, {"code": code_now()})
    where = "/sign-in/second-factor/recovery-codes/generate/"
    assert browser.get(where).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=6)):
        answer = browser.get(where)
    assert answer.status_code == 302
    assert "reauthenticate" in answer["Location"]


def test_signing_out_closes_the_console() -> None:
    staff = make_staff(make_bank())
    browser = console_browser(staff.person)
    assert browser.get(page_of("overview", staff.bank.slug)).status_code == 200
    browser.post("/sign-in/logout/")
    assert browser.get(page_of("overview", staff.bank.slug)).status_code == 302


@pytest.mark.parametrize(
    "path",
    [
        "/sign-in/second-factor/",
        "/sign-in/sessions/",
        "/sign-in/password/change/",
        "/sign-in/email/",
        "/sign-in/logout/",
        "/sign-in/second-factor/recovery-codes/generate/",
    ],
)
def test_pages_about_oneself_stand_in_our_own_looks(path: str) -> None:
    answer = console_browser(make_staff(make_bank()).person).get(path, follow=True)
    assert answer.status_code == 200
    assert "design/tokens.css" in answer.content.decode()
