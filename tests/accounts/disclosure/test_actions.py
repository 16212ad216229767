from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.disclosure.actions import Occasion, record_look, record_refusal, record_release
from accounts.disclosure.models import Disclosure
from accounts.disclosure.queries import accesses_of, disclosures_of, times_of
from partners.banks.models import Customer
from portal.tenancy.blocks import serving
from tests.factories.partners import make_bank, make_customer

pytestmark = pytest.mark.django_db


def occasion(customer: Customer) -> Occasion:
    return Occasion(
        at=timezone.now(),
        recipient="chat",
        door="rest",
        feed="balances",
        pseudonym=customer.pseudonym,
    )


def test_a_release_under_two_consents_is_a_row_each() -> None:
    customer = make_customer(make_bank())
    one, other, account, second = sorted(uuid4() for _ in range(4))

    with serving(customer.bank_id):
        first_id = record_release(
            occasion(customer), rows={one: {account: 2, second: 1}, other: {account: 0}}
        )
        rows = {each.consent_id: each for each in disclosures_of(customer.pseudonym)}
        accesses = accesses_of([one, other, uuid4()])

    assert rows[one].id == first_id
    assert (rows[one].row_count, rows[other].row_count) == (3, 0)
    assert rows[one].account_ids == [str(account), str(second)]
    assert {each: access.times for each, access in accesses.items()} == {one: 1, other: 1}


def test_repeated_refusals_are_counted_on_one_row() -> None:
    customer = make_customer(make_bank())
    told = occasion(customer)

    with serving(customer.bank_id):
        for _ in range(3):
            record_refusal(told, reason="no_consent", consent_id=None, account_ids=())
        record_refusal(told, reason="consent_expired", consent_id=None, account_ids=())
        rows = list(disclosures_of(customer.pseudonym))
        times = times_of(rows)

    assert sorted((each.reason, times[each.id]) for each in rows) == [
        ("consent_expired", 1),
        ("no_consent", 3),
    ]


def test_looking_in_vain_is_one_row_a_day_for_each_account_however_often() -> None:
    customer = make_customer(make_bank())
    consent, one, other = (uuid4() for _ in range(3))
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)
    told = replace(occasion(customer), recipient="portal", door="sync")

    with serving(customer.bank_id):
        for minute in range(300):
            each = replace(told, at=noon + timedelta(minutes=minute))
            record_look(each, consent_id=consent, account_id=one)
        record_look(replace(told, at=noon), consent_id=consent, account_id=other)
        record_look(replace(told, at=noon + timedelta(days=1)), consent_id=consent, account_id=one)
        rows = list(disclosures_of(customer.pseudonym).order_by("at", "id"))
        times = times_of(rows)

    assert [(each.account_ids, times[each.id]) for each in rows] == [
        ([str(one)], 300),
        ([str(other)], 1),
        ([str(one)], 1),
    ]
    assert {(each.decision, each.row_count) for each in rows} == {("released", 0)}


@pytest.mark.parametrize(
    "write", ["UPDATE accounts_disclosure SET row_count = 0", "DELETE FROM accounts_disclosure"]
)
def test_nothing_that_was_written_down_can_be_changed(write: str) -> None:
    customer = make_customer(make_bank())
    with serving(customer.bank_id):
        record_release(occasion(customer), rows={uuid4(): {uuid4(): 1}})
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(write)

        assert Disclosure.objects.count() == 1
