"""People who sign in."""

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP

from accounts.people.models import Person

PASSWORD = "quiet-harbour-72-lanterns"  # stray: allowed
SECOND_FACTOR = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def make_person(email: str, *, second_factor: bool = True, **fields: object) -> Person:
    """A person with PASSWORD, a proven address and, where asked, SECOND_FACTOR."""
    person = Person.objects.create_user(email, PASSWORD, **fields)
    EmailAddress.objects.create(user=person, email=email, verified=True, primary=True)
    if second_factor:
        TOTP.activate(person, SECOND_FACTOR)
    return person
