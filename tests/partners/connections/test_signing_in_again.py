"""Who signs in at the bank again has what they had: one connection, the same accounts, no payment twice."""

import itertools
from typing import Any

import pytest
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.utils import timezone

from partners.connections.models import Connection
from partners.connectors.catalogue import CONNECTORS
from partners.feeds.models import FeedCursor
from partners.integrations.models import Integration
from partners.ledger.models import Account, AccountNumber, Entry
from partners.sync.pulling import pull_bank
from portal.tenancy.blocks import serving
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

# It tells no number of an account, so that one under a new id is another account.
WITHOUT_NUMBERS = {"cursor_sync"}


@pytest.mark.parametrize(
    ("dialect", "ended"),
    [*zip(sorted(CONNECTORS), itertools.cycle(["expired", "revoked"]), strict=False)],
)
def test_signing_in_again_repairs_the_connection_and_doubles_nothing(
    sandbox: SandboxBank, dialect: str, ended: str
) -> None:
    bank = know_bank(sandbox)
    person = sandbox.customers()[1]
    login, customer = person["login"], know_customer(bank, person)
    with serving(bank.id):
        Integration.objects.update(connector=dialect)

    def read() -> None:
        with serving(bank.id):
            FeedCursor.objects.exclude(kind="transactions").delete()
            FeedCursor.objects.update(due_at=timezone.now())
        pull_bank(bank_id=bank.id, clock=timezone.now)

    def known() -> tuple[Any, ...]:
        with serving(bank.id):
            return (
                set(Account.objects.values_list("id", "external_id")),
                set(Entry.objects.values_list("id", "status")),
                Connection.objects.get().id,
            )

    sandbox.do("POST", f"customers/{login}/cards", frozen=False)
    bought = sandbox.buy(login)
    link(sandbox, customer, login, accounts=[bought["AccountId"]])
    read()
    lapsing = {"account_id": bought["AccountId"], "transaction_id": bought["TransactionId"]}
    sandbox.do("POST", "lapse", **lapsing)
    read()
    before = known()
    with serving(bank.id):
        assert Entry.objects.get(external_id=bought["TransactionId"]).status == "removed"
        Connection.objects.update(status=ended)
        if dialect not in WITHOUT_NUMBERS:
            # As if the bank had called them otherwise until now.
            assert AccountNumber.objects.exists()
            Account.objects.update(external_id=Concat(Value("was-"), F("external_id")))

    link(sandbox, customer, login, accounts=[bought["AccountId"]])
    read()
    again = known()
    # And once more, while it holds.
    link(sandbox, customer, login, accounts=[bought["AccountId"]])
    read()

    assert again == before
    assert known() == before
    with serving(bank.id):
        assert Connection.objects.get().status == "active"
