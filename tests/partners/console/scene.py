"""What the console's pages are tried with."""

from datetime import datetime
from itertools import count
from uuid import uuid4

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.disclosure.models import Disclosure
from partners.banks.models import Bank, Customer
from partners.connections.models import Connection
from partners.feeds.models import FeedCursor
from partners.ledger.models import Account
from portal.tenancy.blocks import serving

_numbers = count(1)


def make_disclosure(bank: Bank, **fields: object) -> Disclosure:
    """A release of balances to the chat; opens a block of its own."""
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


def statements(browser: Client, where: str) -> int:
    """How many statements a page takes."""
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(where).status_code == 200
    return len(captured)


def words_of(browser: Client, where: str) -> str:
    answer = browser.get(where)
    assert answer.status_code == 200
    return answer.content.decode()


def read_by(customer: Customer, account: Account, *, at: datetime, **fields: object) -> FeedCursor:
    """A feed of the account, read by the customer's own connection; opens a block of its own."""
    defaults: dict[str, object] = {"due_at": at, "fresh_as_of": at, "ran_at": at}
    defaults["kind"] = "balances"
    with serving(customer.bank_id):
        way = Connection.objects.get(customer=customer)
        return FeedCursor.objects.create(connection=way, account=account, **(defaults | fields))
