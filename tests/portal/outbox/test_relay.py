from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from uuid import UUID

import pytest
from django.db import connections, transaction

from partners.banks.models import Bank, Customer
from portal.outbox import publishing
from portal.outbox.events import Delivered, Event, Subscription
from portal.outbox.models import OutboxDelivery, OutboxEvent
from portal.outbox.publishing import publish
from portal.outbox.relay import _CLAIM, banks_with_work, deliver_due, deliver_one
from portal.tenancy.blocks import NoBankServed, serving
from portal.tenancy.ids import new_id
from tests.factories.partners import make_bank

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HERE = "tests.portal.outbox.test_relay"


@dataclass(frozen=True)
class KettleBoiled(Event):
    name: ClassVar[str] = "KettleBoiled"
    kettle_id: UUID
    cups: tuple[UUID, ...]
    litres: int
    owner_id: UUID | None


heard: list[tuple[str, int]] = []
broken: set[int] = set()


def on_kettle_boiled(event: KettleBoiled, delivered: Delivered) -> None:
    """Keeps a row, so that what a failure leaves behind can be seen."""
    Customer.objects.create(external_id=str(event.litres), display_name=delivered.trace or "-")
    if event.litres in broken:
        raise ZeroDivisionError
    heard.append(("first", event.litres))


def second_listener(event: KettleBoiled, _delivered: Delivered) -> None:
    heard.append(("second", event.litres))


@pytest.fixture(autouse=True)
def _listeners(monkeypatch: pytest.MonkeyPatch) -> None:
    heard.clear()
    broken.clear()
    listed = (
        Subscription(KettleBoiled, "first", f"{HERE}.on_kettle_boiled"),
        Subscription(KettleBoiled, "second", f"{HERE}.second_listener"),
    )
    monkeypatch.setattr(publishing, "subscriptions", lambda: listed)
    monkeypatch.setattr("portal.outbox.relay.subscriptions", lambda: listed)


def boil(bank: Bank, litres: int, key: str = "kettle:1") -> None:
    with serving(bank.id):
        event = KettleBoiled(new_id(), (new_id(), new_id()), litres, None)
        publish(event, key=key, occurred_at=AT, trace="t")


def test_an_event_survives_its_way_through_json() -> None:
    event = KettleBoiled(new_id(), (new_id(),), 3, None)

    assert KettleBoiled.from_data(event.to_data()) == event


@pytest.mark.django_db
def test_publish_outside_a_block_is_refused() -> None:
    with pytest.raises(NoBankServed):
        publish(KettleBoiled(new_id(), (), 1, None), key="k", occurred_at=AT)


@pytest.mark.django_db
def test_each_listener_hears_each_event_once_and_in_order() -> None:
    bank = make_bank()
    for litres in (1, 2, 3):
        boil(bank, litres)

    handled = deliver_due(bank_id=bank.id, clock=lambda: AT)

    assert handled == 6
    assert [litres for who, litres in heard if who == "first"] == [1, 2, 3]
    assert [litres for who, litres in heard if who == "second"] == [1, 2, 3]
    assert deliver_due(bank_id=bank.id, clock=lambda: AT) == 0


@pytest.mark.django_db
def test_a_failing_event_blocks_its_key_for_that_listener_alone_and_leaves_no_row() -> None:
    bank = make_bank()
    broken.add(1)
    boil(bank, 1)
    boil(bank, 2)
    boil(bank, 3, key="kettle:2")

    deliver_due(bank_id=bank.id, clock=lambda: AT)

    assert ("first", 2) not in heard
    assert ("first", 3) in heard
    assert [litres for who, litres in heard if who == "second"] == [1, 2, 3]
    with serving(bank.id):
        assert list(Customer.objects.values_list("external_id", flat=True)) == ["3"]
        waiting = OutboxDelivery.objects.get(event__data__litres=1, listener="first")
        assert waiting.attempts == 1
        assert waiting.last_problem == "ZeroDivisionError"


@pytest.mark.django_db
def test_a_failed_delivery_is_tried_again_and_then_lets_the_next_one_pass() -> None:
    bank = make_bank()
    broken.add(1)
    boil(bank, 1)
    boil(bank, 2)
    deliver_due(bank_id=bank.id, clock=lambda: AT)
    broken.clear()

    deliver_due(bank_id=bank.id, clock=lambda: AT + timedelta(minutes=1))

    assert [litres for who, litres in heard if who == "first"] == [1, 2]


@pytest.mark.django_db
def test_a_rolled_back_fact_is_never_told() -> None:
    bank = make_bank()

    with pytest.raises(ZeroDivisionError), serving(bank.id):
        publish(KettleBoiled(new_id(), (), 1, None), key="k", occurred_at=AT)
        raise ZeroDivisionError

    assert deliver_one(bank_id=bank.id, at=AT) is False
    with serving(bank.id):
        assert OutboxEvent.objects.count() == 0


@pytest.mark.django_db(transaction=True, databases=["default", "system"])
def test_the_system_role_learns_which_banks_have_work_and_nothing_else() -> None:
    bank, idle = make_bank(), make_bank()
    boil(bank, 1)

    found = banks_with_work(at=AT)

    assert found == [bank.id]
    assert idle.id not in found
    with (
        connections["system"].cursor() as cursor,
        pytest.raises(Exception, match="permission denied"),
    ):
        cursor.execute("SELECT key FROM portal_outboxdelivery")


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_two_relays_never_let_an_event_overtake_an_earlier_one() -> None:
    bank = make_bank()
    boil(bank, 1)
    boil(bank, 2)

    with serving(bank.id):
        first = OutboxDelivery.objects.select_for_update().filter(listener="first").earliest("seq")
        assert first.seq == 1
        # The other relay, on its own connection, finds the head locked and the next one blocked.
        with connections["owner"].cursor() as other, transaction.atomic(using="owner"):
            other.execute(f"SET LOCAL portal.bank_id = '{bank.id}'")
            other.execute(
                _CLAIM.replace("ORDER BY", "AND d.listener = 'first' ORDER BY"), [bank.id, AT]
            )
            assert other.fetchall() == []
