"""What is attacked, made in a started portal: `python -m tests.attacks.seed`, in its environment.

One customer who shares everything, a program that they let in, and another whose consent has ended.
Prints where to find them, as JSON.
"""

import json
import os
import sys
from datetime import datetime
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup()

from django.utils import timezone  # noqa: E402  # needs the settings

from accounts.clients.models import Client  # noqa: E402  # needs Django's tables
from accounts.consent.actions import revoke_consent  # noqa: E402  # needs Django's tables
from accounts.consent.references import consent_reference  # noqa: E402  # needs Django's tables
from partners.banks.models import Bank  # noqa: E402  # needs Django's tables
from partners.feeds.models import Feed, FeedKind  # noqa: E402  # needs Django's tables
from portal.local.demo import (  # noqa: E402  # needs Django's tables
    BANKS,
    DemoBank,
    allow_program,
    link_customer,
    sandbox,
)
from portal.tenancy.blocks import serving  # noqa: E402  # as above

# The second: the first has linked less already.
CUSTOMER = 1


def seed(at: datetime) -> dict[str, Any]:
    home = BANKS[0]
    bank = Bank.objects.get(slug=home.slug)
    with serving(bank.id):
        Feed.objects.update(enabled=True)
    with sandbox(home) as bank_itself:
        person = bank_itself.get("/_control/customers").json()["customers"][CUSTOMER]
    link_customer(home, person, at=at)
    return {
        "bank": {"slug": home.slug, "origin": home.origin, "port": home.port},
        "customer": {"login": person["login"], "password": person["password"]},
        "program": _program("attacked", home, person, at),
        "outsider": _ended(_program("outside", home, person, at), bank, at),
    }


def _program(name: str, home: DemoBank, person: dict[str, Any], at: datetime) -> dict[str, str]:
    """A program that may read everything, its secret, and its consent."""
    secret = os.urandom(24).hex()
    program = Client(
        client_id=name,
        name=name.title(),
        client_secret=secret,
        client_type=Client.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Client.GRANT_CLIENT_CREDENTIALS,
        feeds=[each.value for each in FeedKind],
    )
    program.save()
    consent = allow_program(home, person, program, at=at)
    reference = consent_reference(consent.bank_id, consent.id)
    return {"id": name, "secret": secret, "consent": reference, "consent_id": str(consent.id)}


def _ended(program: dict[str, str], bank: Bank, at: datetime) -> dict[str, str]:
    with serving(bank.id):
        revoke_consent(consent_id=program["consent_id"], at=at, by="customer")
    return program


if __name__ == "__main__":
    sys.stdout.write(json.dumps(seed(timezone.now())))
