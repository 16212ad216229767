from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import pytest
from django.db import connection

from partners.banks.models import Customer
from portal.rest.idempotency import (
    KEPT,
    Done,
    IdempotencyScope,
    KeyInFlight,
    KeyReused,
    once,
)
from portal.rest.models import IdempotencyRecord
from portal.tenancy.blocks import serving
from tests.factories.partners import make_bank

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
SCOPE = IdempotencyScope("customer:1", "POST", "/api/v1/links", "key-00000001")


def act() -> Done:
    Customer.objects.create(external_id=str(Customer.objects.count()), display_name="Ada")
    return Done(201, {"customers": Customer.objects.count()})


@pytest.mark.django_db
def test_a_repeat_gives_the_stored_answer_and_does_nothing() -> None:
    bank = make_bank()
    with serving(bank.id):
        first = once(SCOPE, {"a": 1}, at=AT, act=act)

    with serving(bank.id):
        again = once(SCOPE, {"a": 1}, at=AT, act=act)

        assert again == Done(201, first.result, replayed=True)
        assert Customer.objects.count() == 1


@pytest.mark.django_db
def test_another_body_under_the_same_key_is_refused() -> None:
    bank = make_bank()
    with serving(bank.id):
        once(SCOPE, {"a": 1}, at=AT, act=act)

    with serving(bank.id), pytest.raises(KeyReused):
        once(SCOPE, {"a": 2}, at=AT, act=act)


@pytest.mark.django_db
def test_a_key_is_forgotten_after_a_day() -> None:
    bank = make_bank()
    with serving(bank.id):
        once(SCOPE, {"a": 1}, at=AT, act=act)
        once(SCOPE, {"a": 1}, at=AT + KEPT + timedelta(seconds=1), act=act)

        assert Customer.objects.count() == 2


@pytest.mark.django_db
def test_a_refusal_leaves_no_record() -> None:
    bank = make_bank()

    def refuse() -> Done:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), serving(bank.id):
        once(SCOPE, {}, at=AT, act=refuse)

    with serving(bank.id):
        assert IdempotencyRecord.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_a_second_caller_is_told_at_once_that_the_first_is_at_it() -> None:
    bank = make_bank()
    begun, finish = Event(), Event()

    def slow() -> Done:
        begun.set()
        finish.wait(10)
        return Done(201, {})

    def first() -> None:
        with serving(bank.id):
            once(SCOPE, {}, at=AT, act=slow)
        connection.close()

    caller = Thread(target=first)
    caller.start()
    begun.wait(10)
    with pytest.raises(KeyInFlight), serving(bank.id):
        once(SCOPE, {}, at=AT, act=act)
    finish.set()
    caller.join(10)
    assert not caller.is_alive()
