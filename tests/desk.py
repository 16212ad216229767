"""A browser in which a member of staff is signed in, at the console's own host."""

from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.people.models import Person
from partners.banks.models import Bank, Staff
from tests.factories.partners import make_staff

CONSOLE = f"console.{settings.PORTAL_AUTHORITY}"
URLS = "portal.urls.console"


def console_browser(person: Person | None = None) -> Client:
    """A browser at the console's host, signed in as that person, or as nobody."""
    browser = Client(headers={"host": CONSOLE})
    if person is not None:
        browser.force_login(person)
        # Each host has its own session cookie; Django's browser knows one name alone.
        browser.cookies["console_session"] = browser.cookies.pop(
            settings.SESSION_COOKIE_NAME
        ).value
    return browser


def browser_of(bank: Bank, role: str = Staff.Role.OWNER) -> Client:
    """A browser of a new member of that bank's staff."""
    return console_browser(make_staff(bank, role).person)


def page_of(name: str, *parts: object) -> str:
    """The address of a console page, such as `feeds`."""
    return reverse(f"console:{name}", args=parts, urlconf=URLS)
