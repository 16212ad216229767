import pytest
from django.db import ProgrammingError, connection, transaction
from django.test.utils import CaptureQueriesContext

from partners.banks.models import Customer
from portal.tenancy.blocks import NoBankServed, serving
from portal.tenancy.prepared import ask_prepared
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db

NAMES = "SELECT display_name FROM partners_customer WHERE external_id = %s"


def test_a_statement_is_planned_once_and_told_what_differs() -> None:
    bank = make_bank()
    with serving(bank.id):
        Customer.objects.create(external_id="c1", display_name="Ada")
        Customer.objects.create(external_id="c2", display_name="Bo")

        assert ask_prepared(NAMES, ["c1"]) == [("Ada",)]
        assert ask_prepared(NAMES, ["c2"]) == [("Bo",)]
        with connection.cursor() as cursor:
            cursor.execute("SELECT statement FROM pg_prepared_statements")
            kept = [each for (each,) in cursor.fetchall() if "display_name" in each]

    assert kept == [NAMES.replace("%s", "$1")]


def test_what_was_planned_for_one_bank_shows_another_its_own_rows() -> None:
    for name in ("Ada", "Bo"):
        with serving(make_bank().id):
            Customer.objects.create(external_id="c1", display_name=name)

            assert ask_prepared(NAMES, ["c1"]) == [(name,)]


def test_outside_of_a_block_nothing_is_asked() -> None:
    with pytest.raises(NoBankServed):
        ask_prepared(NAMES, ["c1"])


def test_it_is_counted_where_queries_are_counted_and_fails_as_they_fail() -> None:
    with serving(make_bank().id):
        with CaptureQueriesContext(connection) as asked:
            ask_prepared(NAMES, ["c1"])
        with pytest.raises(ProgrammingError), transaction.atomic():
            ask_prepared("SELECT nothing FROM partners_customer WHERE id = %s", [None])

    assert len(asked) == 1
