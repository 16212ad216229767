"""The index in which Django finds the rooms' tables."""

from accounts.clients.models import AccessToken, Client, Grant, IDToken, RefreshToken
from accounts.consent.models import Consent, ConsentEvent, ConsentResource, Notice, Purpose
from accounts.disclosure.models import Disclosure, DisclosureCount
from accounts.linking.models import Link
from accounts.people.models import Person
from accounts.signin.models import WidgetAssertion, WidgetSession, WindowCode

__all__ = [
    "AccessToken",
    "Client",
    "Consent",
    "ConsentEvent",
    "ConsentResource",
    "Disclosure",
    "DisclosureCount",
    "Grant",
    "IDToken",
    "Link",
    "Notice",
    "Person",
    "Purpose",
    "RefreshToken",
    "WidgetAssertion",
    "WidgetSession",
    "WindowCode",
]
