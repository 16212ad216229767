"""One bank never sees another's rows, whatever the code above the database does."""

from typing import Any

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from partners.banks.models import Customer
from portal.tenancy.blocks import serving, serving_customer
from portal.tenancy.models import RowReach, TenantModel
from portal.tenancy.registry import GLOBAL_TABLES
from tests.factories.any_row import make_row, tenant_models
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db
EVERY_TABLE = pytest.mark.parametrize("model", tenant_models(), ids=lambda each: each._meta.label)


def rows_of(sql: str, parameters: list[Any] | None = None) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def written_by(sql: str, parameters: list[Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.rowcount


def test_every_table_is_a_tenants_or_says_why_not() -> None:
    tables = {
        name for (name,) in rows_of("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    }
    tenants = {each._meta.db_table for each in tenant_models()}

    assert tables - tenants - set(GLOBAL_TABLES) == set()
    assert set(GLOBAL_TABLES) & tenants == set()
    assert set(GLOBAL_TABLES) - tables == set()


def test_every_column_that_names_a_bank_is_under_a_forced_policy() -> None:
    naming = rows_of(
        """SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
                  EXISTS (SELECT 1 FROM pg_policy p WHERE p.polrelid = c.oid AND p.polpermissive
                          AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL)
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'bank_id'
           WHERE c.relkind = 'r' AND NOT a.attisdropped"""
    )
    unguarded = {
        name for name, enabled, forced, policy in naming if not (enabled and forced and policy)
    }

    assert unguarded == {"partners_staff"}
    assert "partners_staff" in GLOBAL_TABLES


def test_there_is_one_permissive_policy_for_us_on_each_table() -> None:
    # Two would be ORed, and restrict nothing.
    counted = rows_of(
        """SELECT polrelid::regclass::text FROM pg_policy
           WHERE polpermissive AND (SELECT oid FROM pg_roles WHERE rolname = current_user) = ANY(polroles)
           GROUP BY polrelid HAVING count(*) > 1"""
    )

    assert counted == []


@EVERY_TABLE
def test_a_table_restricts_what_its_model_says(model: type[TenantModel]) -> None:
    restrictive = rows_of(
        "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy"
        " WHERE polrelid = %s::regclass AND NOT polpermissive",
        [model._meta.db_table],
    )

    column = {
        RowReach.BANK_ALONE: "OR false)",
        RowReach.ADDED: "OR false)",
        RowReach.CUSTOMER_AND_ACCOUNT: "(account_id = ANY",
        RowReach.CUSTOMER: "(customer_id = ",
        RowReach.ACCOUNT: "(account_id = ANY",
        RowReach.PSEUDONYM: "(pseudonym = ",
        RowReach.CUSTOMER_ITSELF: "(id = ",
        RowReach.ACCOUNT_ITSELF: "(id = ANY",
    }
    if model.row_reach == RowReach.BANK:
        assert restrictive == []
    else:
        assert [column[model.row_reach] in text for (text,) in restrictive] == [True]


@EVERY_TABLE
def test_keys_carry_the_bank(model: type[TenantModel]) -> None:
    keys = rows_of(
        """SELECT contype, pg_get_constraintdef(oid), condeferrable FROM pg_constraint
           WHERE conrelid = %s::regclass AND contype IN ('p', 'u', 'f')""",
        [model._meta.db_table],
    )

    for kind, definition, deferrable in keys:
        registry = any(f"REFERENCES {name}(" in definition for name in GLOBAL_TABLES)
        assert not deferrable, definition
        assert "bank_id" in definition or (kind == "f" and registry), definition
        assert "SET NULL" not in definition


@EVERY_TABLE
def test_another_bank_sees_changes_and_deletes_nothing(model: type[TenantModel]) -> None:
    mine, other = make_bank(), make_bank()
    table = model._meta.db_table
    with serving(mine.id):
        row = make_row(model)
        assert model._base_manager.count() == 1

    with serving(other.id):
        assert model._base_manager.count() == 0
        assert rows_of(f'SELECT id FROM "{table}"') == []  # noqa: S608  # our own table
        assert model._base_manager.filter(pk=row.pk).first() is None
        for statement in (
            f'UPDATE "{table}" SET id = id WHERE id = %s',  # noqa: S608  # our own table
            f'DELETE FROM "{table}" WHERE id = %s',  # noqa: S608  # our own table
        ):
            assert touched(statement, row.pk) == 0

    with serving(mine.id):
        assert model._base_manager.count() == 1


def touched(statement: str, row_id: Any) -> int:
    """How many rows a statement changed; none where the role may not even try."""
    try:
        with transaction.atomic():
            return written_by(statement, [row_id])
    except DatabaseError as refused:
        assert "permission denied" in str(refused)  # noqa: PT017  # which refusal it is
        return 0


@EVERY_TABLE
def test_a_row_cannot_be_given_to_another_bank_nor_taken_along(model: type[TenantModel]) -> None:
    mine, other = make_bank(), make_bank()
    table = model._meta.db_table
    with serving(mine.id):
        row = make_row(model)

    with serving(mine.id), pytest.raises(DatabaseError), transaction.atomic():
        written_by(f'UPDATE "{table}" SET bank_id = %s WHERE id = %s', [other.id, row.pk])  # noqa: S608

    with serving(other.id), pytest.raises(DatabaseError), transaction.atomic():
        model._base_manager.filter(pk=row.pk)
        make_row(model, bank=mine)


@EVERY_TABLE
def test_a_row_cannot_point_to_another_banks_row(model: type[TenantModel]) -> None:
    targets = [
        field
        for field in model._meta.local_concrete_fields
        if field.remote_field
        and field.name != "bank"
        and issubclass(field.remote_field.model, TenantModel)
    ]
    for field in targets:
        mine, other = make_bank(), make_bank()
        with serving(other.id):
            theirs = make_row(field.remote_field.model)
        with (
            serving(mine.id),
            pytest.raises(DatabaseError, match="foreign key"),
            transaction.atomic(),
        ):
            make_row(model, **{field.name: theirs})


@EVERY_TABLE
def test_another_customer_sees_and_changes_nothing(model: type[TenantModel]) -> None:
    bank = make_bank()
    with serving(bank.id):
        made: dict[str, Any] = {}
        row = make_row(model, made=made)
        stranger = Customer.objects.create(external_id="stranger", display_name="Stranger")
    if model.row_reach == RowReach.BANK:
        return

    with serving_customer(bank.id, stranger.id):
        assert not model._base_manager.filter(pk=row.pk).exists()
        statement = f'DELETE FROM "{model._meta.db_table}" WHERE id = %s'  # noqa: S608  # our own table
        assert touched(statement, row.pk) == 0


@EVERY_TABLE
def test_outside_of_a_block_there_is_nothing(model: type[TenantModel]) -> None:
    bank = make_bank()
    with serving(bank.id):
        make_row(model)

    assert model._base_manager.count() == 0


def test_the_loop_sees_every_model() -> None:
    with_bank = {
        each._meta.label
        for each in apps.get_models()
        if any(field.name == "bank" for field in each._meta.local_fields)
    }

    assert with_bank - {each._meta.label for each in tenant_models()} == {"partners.Staff"}
