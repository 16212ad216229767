"""Records as they are written and sealed, at times that a test chooses."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import count
from uuid import uuid4

import psycopg
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.disclosure.models import Disclosure
from accounts.disclosure.sealing import seal_due
from partners.banks.models import Bank
from portal.tenancy.blocks import serving

_numbers = count(1)


def write(bank: Bank, **fields: object) -> Disclosure:
    """A release of balances to the chat, not sealed yet; opens a block of its own."""
    defaults: dict[str, object] = {
        "at": timezone.now(),
        "recipient": "chat",
        "purpose": "see_in_chat",
        "door": "rest",
        "feed": "balances",
        "account_ids": [str(uuid4())],
        "row_count": 2,
        "decision": "released",
        "request_id": f"request-{next(_numbers)}",
    }
    with serving(bank.id):
        return Disclosure.objects.create(**(defaults | fields))


def refuse(bank: Bank, **fields: object) -> Disclosure:
    return write(
        bank, **({"decision": "refused", "reason": "no_consent", "row_count": 0} | fields)
    )


def seal(
    bank: Bank, *, later: timedelta = timedelta(), clock: Callable[[], datetime] | None = None
) -> None:
    """Seal everything that is due, `later` than now: counts are due when they are closed."""
    while seal_due(bank_id=bank.id, clock=clock or (lambda: timezone.now() + later)):
        pass


def statements(browser: Client, where: str, **asked: str) -> int:
    """How many statements a page takes."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(where, asked).status_code == 200
    return len(captured)


@contextmanager
def as_owner(bank: Bank) -> Iterator[psycopg.Connection]:
    """Behind the portal's back: as whoever owns the tables."""
    url = settings.DATABASES["owner"]
    with psycopg.connect(
        host=url["HOST"],
        port=url["PORT"] or None,
        user=url["USER"],
        password=url["PASSWORD"],
        dbname=url["NAME"],
    ) as owner:
        owner.execute(f"SET portal.bank_id = '{bank.id}'")
        owner.execute("SET portal.reach = 'bank'")
        yield owner
