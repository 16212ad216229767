"""What an account holds, as the bank last said it."""

from datetime import UTC, datetime, timedelta

import pytest

from partners.connectors.base import BalanceRecord
from partners.ledger.actions import held_account, record_balances
from partners.ledger.models import Account, Balance
from portal.tenancy.blocks import serving
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def account() -> Account:
    return make_account(make_bank())


def read(account: Account, amount: int, *, as_of: datetime, at: datetime) -> bool:
    """Whether it was taken."""
    said = BalanceRecord("x", "booked", amount, account.currency, as_of)
    with serving(account.bank_id):
        return bool(record_balances(held_account(account.id), records=[said], at=at))


def kept(account: Account) -> tuple[int, datetime]:
    with serving(account.bank_id):
        row = Balance.objects.get(account=account)
    return row.amount_minor, row.as_of


def test_an_older_balance_than_is_kept_is_passed_over(account: Account) -> None:
    assert read(account, 100, as_of=AT, at=AT)
    assert not read(account, 200, as_of=AT - HOUR, at=AT + HOUR)
    assert kept(account) == (100, AT)


def test_a_balance_of_a_day_to_come_stops_none_that_is_read_later(account: Account) -> None:
    assert read(account, 100, as_of=AT + 3650 * 24 * HOUR, at=AT)
    assert kept(account) == (100, AT)
    assert read(account, 200, as_of=AT + HOUR, at=AT + 2 * HOUR)
    assert kept(account) == (200, AT + HOUR)


def test_one_that_was_kept_as_of_a_day_to_come_is_as_old_as_its_reading(account: Account) -> None:
    read(account, 100, as_of=AT, at=AT)
    with serving(account.bank_id):
        Balance.objects.filter(account=account).update(as_of=AT + 3650 * 24 * HOUR)

    assert read(account, 200, as_of=AT + HOUR, at=AT + HOUR)
    assert kept(account) == (200, AT + HOUR)
