"""What a day had, as the sealer adds it up: judged by counting the records one by one."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connections
from django.utils import timezone

from accounts.disclosure.actions import Occasion, record_look, record_refusal, record_release
from accounts.disclosure.models import Disclosure, DisclosureCount, Tally
from accounts.disclosure.sealing import seal_due
from partners.banks.models import Customer
from portal.tenancy.blocks import serving
from tests.factories.partners import make_bank, make_customer

pytestmark = pytest.mark.django_db
KIND = ("day", "recipient", "purpose", "feed", "decision", "reason")
LATE = datetime(2026, 3, 14, 23, 30, tzinfo=UTC)  # the 15th in Rome


def occasion(customer: Customer, at: datetime, **fields: Any) -> Occasion:
    given = {"recipient": "chat", "door": "rest", "feed": "balances", "purpose": "see_in_chat"}
    return Occasion(at=at, pseudonym=customer.pseudonym, **(given | fields))


def seal(bank_id: UUID, *, later: timedelta = timedelta()) -> None:
    while seal_due(bank_id=bank_id, clock=lambda: timezone.now() + later, at_most=3):
        pass


def tallies(bank_id: UUID) -> dict[tuple[Any, ...], tuple[int, int, int]]:
    with serving(bank_id):
        rows = Tally.objects.values_list(*KIND, "records", "times", "row_count")
        return {row[:6]: row[6:] for row in rows}


def test_a_day_is_the_banks_own_and_every_record_is_added_once() -> None:
    customer = make_customer(make_bank(time_zone="Europe/Rome"))
    with serving(customer.bank_id):
        for step in range(7):
            at = LATE - timedelta(hours=step % 2)
            record_release(occasion(customer, at), rows={uuid4(): {uuid4(): step}})
        record_release(
            occasion(customer, LATE, recipient="client:1"), rows={uuid4(): {uuid4(): 2}}
        )
    seal(customer.bank_id)
    seal(customer.bank_id)

    found = tallies(customer.bank_id)

    kind = ("see_in_chat", "balances", "released", "")
    assert found == {
        (LATE.date() + timedelta(days=1), "chat", *kind): (4, 4, 0 + 2 + 4 + 6),
        (LATE.date(), "chat", *kind): (3, 3, 1 + 3 + 5),
        (LATE.date() + timedelta(days=1), "client:1", *kind): (1, 1, 2),
    }
    with serving(customer.bank_id):
        assert Tally.objects.get(recipient="client:1").last_at == LATE


def test_what_was_counted_is_added_when_the_count_is_closed() -> None:
    customer = make_customer(make_bank())
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(days=2)
    consent_id, account_id = uuid4(), uuid4()
    with serving(customer.bank_id):
        for step in range(5):
            record_refusal(
                occasion(customer, at + timedelta(seconds=step)),
                reason="no_consent",
                consent_id=None,
                account_ids=[],
            )
        for _ in range(3):
            record_look(
                occasion(customer, at, recipient="portal"),
                consent_id=consent_id,
                account_id=account_id,
            )
    seal(customer.bank_id)

    found = tallies(customer.bank_id)

    with serving(customer.bank_id):
        assert DisclosureCount.objects.filter(closed_at=None).count() == 0
        assert Disclosure.objects.count() == 2
    assert Counter(records for records, _times, _rows in found.values()) == {1: 2}
    assert sorted(times for _records, times, _rows in found.values()) == [3, 5]


def test_a_count_that_is_open_adds_nothing_yet() -> None:
    customer = make_customer(make_bank())
    with serving(customer.bank_id):
        for _ in range(4):
            record_refusal(
                occasion(customer, timezone.now().replace(second=1)),
                reason="no_consent",
                consent_id=None,
                account_ids=[],
            )
    seal(customer.bank_id)
    assert [each[1] for each in tallies(customer.bank_id).values()] == [1]

    seal(customer.bank_id, later=timedelta(minutes=10))

    assert [each[1] for each in tallies(customer.bank_id).values()] == [4]


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_was_sealed_before_there_were_tallies_is_added_by_the_migration() -> None:
    customer = make_customer(make_bank(time_zone="Pacific/Kiritimati"))
    at = timezone.now().replace(second=0, microsecond=0) - timedelta(days=2)
    with serving(customer.bank_id):
        for step in range(3):
            refused = occasion(customer, at + timedelta(seconds=step))
            record_refusal(refused, reason="no_consent", consent_id=None, account_ids=[])
        record_release(occasion(customer, at), rows={uuid4(): {uuid4(): 7}})
    seal(customer.bank_id)
    before = tallies(customer.bank_id)
    with serving(customer.bank_id):
        Tally.objects.all().delete()

    migration = import_module("accounts.migrations.0018_tallies")
    owner = connections["owner"]
    with owner.schema_editor(atomic=True) as editor:
        migration.tally_what_is_sealed(None, editor)

    assert before != {}
    assert tallies(customer.bank_id) == before
