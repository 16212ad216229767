"""Waking workers: a hint for each commit that needs one, and no more."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.db import transaction

from portal.outbox.pokes import valkey
from portal.tenancy.ids import new_id
from portal.wakeups import awake, wake_for_bank_after_commit

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "tests.nobody_runs_this"
QUEUE = "celery"


@pytest.fixture
def broker() -> Iterator[redis.Redis]:
    address = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://")
    with redis.Redis.from_url(address.replace("virtual_host=", "db=")) as client:
        client.delete(QUEUE)
        yield client
        client.delete(QUEUE)


def test_commits_before_the_task_begins_share_one_wake_up(broker: redis.Redis) -> None:
    bank_id = new_id()
    for _ in range(3):
        with transaction.atomic():
            wake_for_bank_after_commit(TASK, bank_id=bank_id)
    first = broker.llen(QUEUE)

    awake(TASK, bank_id=bank_id)
    with transaction.atomic():
        wake_for_bank_after_commit(TASK, bank_id=bank_id)

    assert (first, broker.llen(QUEUE)) == (1, 2)


def test_each_bank_has_wake_ups_of_its_own(broker: redis.Redis) -> None:
    for _ in range(2):
        with transaction.atomic():
            wake_for_bank_after_commit(TASK, bank_id=new_id())

    assert broker.llen(QUEUE) == 2


def test_what_is_rolled_back_wakes_nobody(broker: redis.Redis) -> None:
    with transaction.atomic():
        wake_for_bank_after_commit(TASK, bank_id=new_id())
        transaction.set_rollback(True)  # Django's own signature

    assert broker.llen(QUEUE) == 0


def test_a_wake_up_that_was_lost_is_not_believed_in_for_long(broker: redis.Redis) -> None:
    bank_id = new_id()
    with transaction.atomic():
        wake_for_bank_after_commit(TASK, bank_id=bank_id)

    kept = [name for name in valkey().scan_iter("*waking*") if str(bank_id).encode() in name]

    assert [0 < valkey().ttl(name) <= 5 for name in kept] == [True]
    assert broker.llen(QUEUE) == 1
