"""Who is read next, where more of one bank is due than there are slots for."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from partners.banks.models import Bank
from partners.feeds.cursors import Claim, claim_due, hint_accounts
from partners.feeds.models import FeedCursor
from partners.sync.actions import end_turn
from partners.sync.models import SyncRun
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE
from tests.factories.accounts import make_connection
from tests.factories.partners import make_account, make_bank, make_customer

pytestmark = pytest.mark.django_db

TURN = timedelta(seconds=2)


@pytest.fixture
def bank() -> Bank:
    return make_bank()


def due(bank: Bank, at: datetime, *, is_long: bool = False) -> UUID:
    """The payments of a customer of their own; a long reading has had a turn already, and is not at its end."""
    account = make_account(bank)
    connection = make_connection(make_customer(bank))
    with serving(bank.id):
        row = FeedCursor(connection=connection, account=account, kind="transactions", due_at=at)
        if is_long:
            row.cursor = "the next page"
            row.run = SyncRun.objects.create(
                connection=connection, account=account, kind=row.kind, started_at=at
            )
        row.save()
    return row.id


def claimed(bank: Bank, at: datetime) -> Claim | None:
    with serving(bank.id):
        return claim_due(at=at, lease=LEASE)


def ended(bank: Bank, claim: Claim | None, at: datetime) -> None:
    assert claim is not None
    with serving(bank.id):
        end_turn(claim, at=at)


def of(*claims: Claim | None) -> list[UUID | None]:
    return [claim and claim.cursor_id for claim in claims]


def test_whoever_had_a_turn_stands_behind_all_that_are_due_by_then(bank: Bank) -> None:
    now = timezone.now()
    long = due(bank, now - timedelta(hours=1), is_long=True)
    other = due(bank, now - timedelta(minutes=1))

    turns = [claimed(bank, now)]
    ended(bank, turns[0], now + TURN)
    turns.append(claimed(bank, now + TURN))
    turns.append(claimed(bank, now + TURN))

    assert of(*turns) == [long, other, long]


def test_two_long_ones_take_turns_in_one_slot_and_what_is_new_is_read_beside_them(
    bank: Bank,
) -> None:
    now = timezone.now()
    first = due(bank, now - timedelta(hours=2), is_long=True)
    second = due(bank, now - timedelta(hours=1), is_long=True)
    news = due(bank, now + timedelta(hours=1))

    turn = claimed(bank, now)
    assert of(turn, claimed(bank, now)) == [first, None]
    with serving(bank.id):
        account_id = FeedCursor.objects.get(pk=news).account_id
        hint_accounts(account_ids=[account_id], at=now, trace="a payment")
    assert of(claimed(bank, now), claimed(bank, now)) == [news, None]

    ended(bank, turn, now + TURN)
    turn = claimed(bank, now + TURN)
    ended(bank, turn, now + 2 * TURN)
    assert of(turn, claimed(bank, now + 2 * TURN)) == [second, first]


def test_the_one_slot_of_a_bank_in_trouble_is_a_long_ones_too(bank: Bank) -> None:
    now = timezone.now()
    long = due(bank, now - timedelta(hours=1), is_long=True)
    due(bank, now)
    with serving(bank.id):
        FeedCursor.objects.filter(pk=long).update(last_problem="unavailable", ran_at=now)

    assert of(claimed(bank, now), claimed(bank, now)) == [long, None]
