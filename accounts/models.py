"""The index in which Django finds the rooms' tables."""

from accounts.clients.models import (
    AccessToken,
    Client,
    ConsentRequest,
    Grant,
    IDToken,
    RefreshToken,
)
from accounts.consent.models import Consent, ConsentEvent, ConsentResource, Notice, Purpose
from accounts.disclosure.models import (
    Checkpoint,
    Disclosure,
    DisclosureCount,
    Leaf,
    Tile,
    Unsealed,
)
from accounts.linking.models import Link
from accounts.people.models import Person
from accounts.signin.models import WidgetAssertion, WidgetSession, WindowCode

__all__ = [
    "AccessToken",
    "Checkpoint",
    "Client",
    "Consent",
    "ConsentEvent",
    "ConsentRequest",
    "ConsentResource",
    "Disclosure",
    "DisclosureCount",
    "Grant",
    "IDToken",
    "Leaf",
    "Link",
    "Notice",
    "Person",
    "Purpose",
    "RefreshToken",
    "Tile",
    "Unsealed",
    "WidgetAssertion",
    "WidgetSession",
    "WindowCode",
]
