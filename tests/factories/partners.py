"""Banks, their customers and what they hold; nothing is made that is not asked for."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any

from partners.banks.models import Bank, Customer, Staff
from partners.feeds.unreadable import Row, Unreadable
from partners.ledger.models import Account
from portal.tenancy.blocks import serving
from tests.factories.people import make_person

_numbers = count(1)


def make_bank(**fields: object) -> Bank:
    """An admitted bank with invented names."""
    number = next(_numbers)
    defaults: dict[str, object] = {
        "slug": f"bank-{number}",
        "name": f"Bank {number}",
        "country": "IT",
        "currency": "EUR",
        "time_zone": "Europe/Rome",
        "website": f"https://bank-{number}.example",
        "issuer": f"https://bank-{number}.example",
        "jwks_url": f"https://bank-{number}.example/jwks.json",
    }
    return Bank.objects.create(**(defaults | fields))


def make_customer(bank: Bank, **fields: object) -> Customer:
    """A customer of the bank; opens a block of its own."""
    number = next(_numbers)
    defaults: dict[str, object] = {
        "external_id": f"customer-{number}",
        "display_name": f"Customer {number}",
    }
    with serving(bank.id):
        return Customer.objects.create(**(defaults | fields))


def make_account(bank: Bank, **fields: object) -> Account:
    """An account at the bank, in its currency; opens a block of its own."""
    number = next(_numbers)
    defaults: dict[str, object] = {
        "external_id": f"account-{number}",
        "kind": "current",
        "name": f"Account {number}",
        "currency": bank.currency,
    }
    with serving(bank.id):
        return Account.objects.create(**(defaults | fields))


def make_staff(bank: Bank, role: str = Staff.Role.OWNER, *, second_factor: bool = True) -> Staff:
    """A member of staff who can sign in with PASSWORD, and with SECOND_FACTOR where asked."""
    number = next(_numbers)
    person = make_person(f"staff-{number}@bank.example", second_factor=second_factor)
    return Staff.objects.create(bank=bank, person=person, role=role)


def unreadable(*fields: str, at: datetime) -> dict[str, Any]:
    """What a feed's place keeps of a row that could not be read for each of these fields."""
    first, last = at.date() - timedelta(days=10), at.date()
    rows = [Row(f"row-{n}", each, "missing", first, last, at) for n, each in enumerate(fields)]
    kept = Unreadable().told(rows, in_full=True)
    return {"unreadable": kept.as_json(), "unreadable_rows": kept.count}
