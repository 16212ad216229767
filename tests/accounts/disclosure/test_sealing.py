"""Sealing, judged by the tables alone and by the naive tree: nothing is skipped, nothing is sealed twice."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from accounts.disclosure import proofs, sealing
from accounts.disclosure.actions import Occasion, record_look, record_refusal, record_release
from accounts.disclosure.models import (
    Checkpoint,
    Disclosure,
    DisclosureCount,
    Leaf,
    Tile,
    Unsealed,
)
from accounts.disclosure.rules import content_of
from accounts.disclosure.sealing import (
    banks_with_unsealed,
    fields_of_count,
    fields_of_disclosure,
    seal_due,
)
from accounts.management.commands.sealer import seal_everything_due
from partners.banks.models import Customer
from portal.environment import ROOT
from portal.tenancy.blocks import serving
from tests.accounts.disclosure import naive
from tests.factories.partners import make_bank, make_customer
from tests.settings import SERVERS


def occasion(customer: Customer) -> Occasion:
    return Occasion(
        at=timezone.now(),
        recipient="chat",
        door="rest",
        feed="balances",
        pseudonym=customer.pseudonym,
    )


def release(customer: Customer, times: int = 1) -> None:
    with serving(customer.bank_id):
        for number in range(times):
            record_release(occasion(customer), rows={uuid4(): {uuid4(): number}})


def seal_all(bank_id: UUID, at_most: int = 1_000) -> int:
    sealed = 0
    while batch := seal_due(bank_id=bank_id, clock=timezone.now, at_most=at_most):
        sealed += batch
    return sealed


def contents() -> list[bytes]:
    """What stands at each place, read again from the records; in the open block."""
    shown = {each.id: each for each in Disclosure.objects.all()}
    counts = {each.id: each for each in DisclosureCount.objects.all()}
    leaves = list(Leaf.objects.order_by("position"))
    assert [each.position for each in leaves] == list(range(len(leaves)))
    return [
        content_of(
            each.kind,
            fields_of_disclosure(shown[each.id])
            if each.id in shown
            else fields_of_count(counts[each.id]),
        )
        for each in leaves
    ]


def require_whole(bank_id: UUID, *, records: int) -> None:
    """Every record is one leaf, and every checkpoint is the naive root of what stands before it."""
    with serving(bank_id):
        entries = contents()
        checkpoints = list(Checkpoint.objects.order_by("size"))
        assert not Unsealed.objects.filter(due_at__lte=timezone.now()).exists()
        assert Disclosure.objects.count() == records
        assert len(set(Leaf.objects.values_list("id", flat=True))) == len(entries)
    assert checkpoints[-1].size == len(entries)
    for each in checkpoints:
        assert bytes(each.root) == naive.mth(entries[: each.size])


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_is_written_down_is_sealed_in_its_order_and_signed() -> None:
    customer = make_customer(make_bank())
    release(customer, times=5)

    assert banks_with_unsealed(at=timezone.now()) == [customer.bank_id]
    assert seal_all(customer.bank_id, at_most=2) == 5

    require_whole(customer.bank_id, records=5)
    with serving(customer.bank_id):
        in_time = Disclosure.objects.order_by("at", "id").values_list("id", flat=True)
        assert list(Leaf.objects.order_by("position").values_list("id", flat=True)) == list(
            in_time
        )
        assert [each.size for each in Checkpoint.objects.order_by("size")] == [2, 4, 5]
    assert banks_with_unsealed(at=timezone.now()) == []
    assert seal_everything_due() == 0


@pytest.mark.django_db
@pytest.mark.slow
def test_tiles_are_kept_when_they_are_full(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sealing, proofs):
        monkeypatch.setattr(module, "TILE_BITS", 2)
        monkeypatch.setattr(module, "TILE", 4)
    customer = make_customer(make_bank())
    release(customer, times=70)

    for at_most in (3, 1, 9, 40):
        seal_due(bank_id=customer.bank_id, clock=timezone.now, at_most=at_most)
    seal_all(customer.bank_id)

    require_whole(customer.bank_id, records=70)
    with serving(customer.bank_id):
        entries = contents()
        tiles = list(Tile.objects.order_by("level", "position"))
    assert [(each.level, each.position) for each in tiles] == [
        *((0, position) for position in range(17)),
        *((1, position) for position in range(4)),
        (2, 0),
    ]
    with serving(customer.bank_id):
        for size in (1, 4, 63, 64, 65, 70):
            made = proofs.inclusion_proofs(range(size), size)
            assert made == [naive.path(each, entries[:size]) for each in range(size)]
            grown = [proofs.consistency_proof(each, size) for each in range(1, size + 1)]
            assert grown == [naive.proof(each, entries[:size]) for each in range(1, size + 1)]
    for each in tiles:
        width = 4 ** (each.level + 1)
        start = each.position * width
        assert bytes(each.root) == naive.mth(entries[start : start + width])


@pytest.mark.django_db
def test_a_count_is_sealed_when_it_is_closed_and_what_comes_later_stands_alone() -> None:
    customer = make_customer(make_bank())
    past = timezone.now() - timedelta(minutes=30)
    told = replace(occasion(customer), at=past)
    with serving(customer.bank_id):
        for _ in range(3):
            record_refusal(told, reason="no_consent", consent_id=None, account_ids=())

    assert seal_all(customer.bank_id) == 2

    with serving(customer.bank_id):
        record_refusal(told, reason="no_consent", consent_id=None, account_ids=())
        assert list(DisclosureCount.objects.values_list("count", flat=True)) == [3]
        kinds = sorted(Leaf.objects.values_list("kind", flat=True))
    assert kinds == ["count/1", "disclosure/1"]
    assert seal_all(customer.bank_id) == 1
    require_whole(customer.bank_id, records=2)


@pytest.mark.django_db
def test_a_count_that_still_counts_is_no_leaf_yet() -> None:
    customer = make_customer(make_bank())
    with serving(customer.bank_id):
        record_look(occasion(customer), consent_id=uuid4(), account_id=uuid4())
        record_refusal(occasion(customer), reason="no_consent", consent_id=None, account_ids=())

    assert seal_all(customer.bank_id) == 2

    with serving(customer.bank_id):
        assert list(Leaf.objects.values_list("kind", flat=True).distinct()) == ["disclosure/1"]
        assert Unsealed.objects.count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write",
    [
        "UPDATE accounts_disclosure SET reason = 'x'",
        "DELETE FROM accounts_disclosure",
        "UPDATE accounts_leaf SET position = position + 1",
        "DELETE FROM accounts_leaf",
        "UPDATE accounts_tile SET level = 9",
        "DELETE FROM accounts_tile",
        "UPDATE accounts_checkpoint SET size = 0",
        "DELETE FROM accounts_checkpoint",
        "DELETE FROM accounts_unsealed",
        "UPDATE accounts_unsealed SET due_at = NULL",
        "DELETE FROM accounts_disclosurecount",
        "UPDATE accounts_disclosurecount SET disclosure_id = id",
        "UPDATE accounts_disclosurecount SET count = 0",
        "UPDATE accounts_disclosurecount SET count = count + 1 WHERE closed_at IS NOT NULL",
    ],
)
def test_the_runtime_role_changes_nothing_of_the_log(write: str) -> None:
    customer = make_customer(make_bank())
    past = replace(occasion(customer), at=timezone.now() - timedelta(minutes=30))
    with serving(customer.bank_id):
        record_refusal(past, reason="no_consent", consent_id=None, account_ids=())
    seal_all(customer.bank_id)
    release(customer)
    with (
        serving(customer.bank_id),
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(write)


# --- several at once -------------------------------------------------------------------------------


def in_threads(calls: Sequence[object]) -> list[object]:
    def called(call: object) -> object:
        try:
            return call()  # type: ignore[operator]  # each is a call
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(called, calls))


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.slow
def test_many_writers_and_two_sealers_leave_no_gap_and_skip_nothing() -> None:
    customer = make_customer(make_bank())
    writers, each_writes = 8, 25
    left = [writers]

    def write() -> None:
        try:
            for number in range(each_writes):
                with serving(customer.bank_id):
                    record_release(occasion(customer), rows={uuid4(): {uuid4(): number}})
                    # Written early and committed late, while others are sealed.
                    time.sleep(0.01 * (number % 3))
        finally:
            left[0] -= 1

    def seal() -> None:
        while left[0]:
            seal_due(bank_id=customer.bank_id, clock=timezone.now, at_most=7)

    in_threads([*[write] * writers, seal, seal])
    seal_all(customer.bank_id)

    require_whole(customer.bank_id, records=writers * each_writes)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_record_that_is_committed_late_is_sealed_late() -> None:
    customer = make_customer(make_bank())

    def seal_meanwhile() -> None:
        release(customer)
        assert seal_all(customer.bank_id) == 1

    with serving(customer.bank_id):
        early = record_release(occasion(customer), rows={uuid4(): {uuid4(): 1}})
        in_threads([seal_meanwhile])

    assert seal_all(customer.bank_id) == 1
    with serving(customer.bank_id):
        assert Leaf.objects.get(pk=early).position == 1
    require_whole(customer.bank_id, records=2)


@pytest.mark.django_db(transaction=True, databases="__all__")
@pytest.mark.slow
def test_a_sealer_that_is_killed_leaves_nothing_half_done() -> None:
    customer = make_customer(make_bank())
    release(customer, times=400)
    program = (
        "import django, sys; django.setup()\n"
        "from uuid import UUID\n"
        "from django.utils import timezone\n"
        "from accounts.disclosure.sealing import seal_due\n"
        "print('ready', flush=True)\n"
        # A few at each word from us, so that it is never through before it is killed.
        "while sys.stdin.buffer.read(1):\n"
        f"    seal_due(bank_id=UUID('{customer.bank_id}'), clock=timezone.now, at_most=5)\n"
        "    print('sealed', flush=True)\n"
    )
    name = settings.DATABASES["default"]["NAME"]
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": SERVERS.database(name).runtime,
    }
    for before in (0, 3, 9):
        process = subprocess.Popen(  # our own
            [sys.executable, "-c", program],
            cwd=ROOT,
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.stdin.write(b"." * (before + 10))
        process.stdin.flush()
        for _ in range(before):
            assert process.stdout.readline() == b"sealed\n"
        # In the midst of the next, or between two.
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        process.stdin.close()
        process.stdout.close()

    seal_all(customer.bank_id)
    require_whole(customer.bank_id, records=400)
