import pytest
from django.db import connection

from partners.banks.models import Bank, Customer
from portal.tenancy.blocks import NoBankServed, OtherBankServed, current_bank_id, served, serving
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db


def test_we_are_the_runtime_role_and_bypass_nothing() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        row = cursor.fetchone()

    assert row == ("portal_runtime", False, False)


def test_outside_of_a_block_there_is_no_bank_and_no_row() -> None:
    bank = make_bank()
    with serving(bank.id):
        Customer.objects.create(external_id="c1", display_name="Ada")

    assert Customer.objects.count() == 0
    with pytest.raises(NoBankServed):
        current_bank_id()


def test_a_bank_sees_its_own_rows_alone() -> None:
    one, other = make_bank(), make_bank()
    with serving(one.id):
        Customer.objects.create(external_id="c1", display_name="Ada")

    with serving(other.id):
        seen = Customer.objects.count()

    with serving(one.id):
        assert Customer.objects.count() == 1
    assert seen == 0


def test_a_block_for_another_bank_inside_a_block_is_an_error() -> None:
    one, other = make_bank(), make_bank()

    with serving(one.id), pytest.raises(OtherBankServed), serving(other.id):
        pass


def test_leaving_a_nested_block_restores_the_outer_one() -> None:
    bank: Bank = make_bank()
    with serving(bank.id) as outer:
        with serving(bank.id):
            pass

        assert served() == outer
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('portal.bank_id')")
            assert cursor.fetchone() == (str(bank.id),)
