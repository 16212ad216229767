"""A statement is sent, and its answer taken later; whatever happens meanwhile, the connection is good for more."""

import pytest
from django.db import DatabaseError, DataError, connection, transaction

from partners.ledger.at_work import AtWork
from tests.races import Doing, superuser, wait_for_waiting

pytestmark = pytest.mark.django_db


def test_answers_come_in_the_order_of_the_statements() -> None:
    with AtWork() as at_work:
        at_work.begin("SELECT %(one)s; SELECT 2", {"one": "it's one"})
        first, second = at_work.end()

    assert (first.get_value(0, 0), second.get_value(0, 0)) == (b"it's one", b"2")


def test_nothing_sent_is_nothing_answered() -> None:
    with AtWork() as at_work:
        assert at_work.end() == []


def test_what_goes_wrong_is_heard_of_at_the_end() -> None:
    with (
        pytest.raises(DataError, match="division by zero"),
        transaction.atomic(),
        AtWork() as at_work,
    ):
        at_work.begin("SELECT 1; SELECT 1 / 0", {})

    assert still_works()


def test_a_failure_without_a_name_is_heard_of_too() -> None:
    """As of a server that went away, or with a code of its own: nothing of ours raises one."""
    with (
        pytest.raises(DatabaseError, match="went away"),
        transaction.atomic(),
        AtWork() as at_work,
    ):
        at_work.begin("DO $$ BEGIN RAISE 'went away' USING ERRCODE = 'ZZ999'; END $$", {})

    assert still_works()


def test_what_fails_meanwhile_is_what_is_heard_of() -> None:
    with pytest.raises(RuntimeError, match="meanwhile"), transaction.atomic(), AtWork() as at_work:
        at_work.begin("SELECT 1 / 0", {})
        raise RuntimeError("meanwhile")

    assert still_works()


def test_other_threads_go_on_while_it_waits() -> None:
    with superuser() as holder:
        holder.execute("SELECT pg_advisory_lock(71)")

        def let_go() -> None:
            wait_for_waiting(1)
            holder.execute("SELECT pg_advisory_unlock(71)")

        releasing = Doing(let_go)
        with transaction.atomic(), AtWork() as at_work:
            at_work.begin("SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock(71)", {})
            assert len(at_work.end()) == 2
        releasing.result()


def still_works() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT true")
        return bool(cursor.fetchone()[0])
