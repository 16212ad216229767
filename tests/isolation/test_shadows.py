"""A temporary table has no row policies: one of a tenant table's name must stand for it nowhere."""

import pytest
from django.core.checks import Tags, run_checks
from django.db import connection
from psycopg import sql
from psycopg_pool import ConnectionPool

from partners.banks.models import Customer
from portal.local.testing import with_database
from portal.tenancy.blocks import serving
from portal.tenancy.models import TenantModel
from tests.factories.any_row import tenant_models
from tests.isolation.world import World
from tests.settings import SERVERS

pytestmark = pytest.mark.django_db(databases="__all__")


def shadow(model: type[TenantModel]) -> None:
    """What a statement could leave behind in a session: a table of that name, full, without policies."""
    table = sql.Identifier(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMP TABLE {} (LIKE public.{} INCLUDING DEFAULTS)").format(
                table, table
            )
        )


def rows_by_raw_sql(model: type[TenantModel]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(model._meta.db_table))
        )
        (count,) = cursor.fetchone()
    return int(count)


@pytest.mark.parametrize("model", tenant_models(), ids=lambda each: each._meta.label)
def test_a_temporary_table_of_that_name_shadows_nothing(
    world: World, model: type[TenantModel]
) -> None:
    with serving(world.house.bank.id):
        before = (model._default_manager.count(), rows_by_raw_sql(model))
        shadow(model)
        after = (model._default_manager.count(), rows_by_raw_sql(model))

    assert before[0] > 0
    assert after == before


def test_what_is_written_goes_where_the_policies_are(world: World) -> None:
    with serving(world.house.bank.id):
        shadow(Customer)
        made = Customer.objects.create(external_id="shadowed", display_name="Ombra")
    with serving(world.other_house.bank.id):
        seen = Customer.objects.filter(pk=made.pk).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_temp.partners_customer")
        kept = cursor.fetchone()

    assert not seen
    assert kept == (0,)


@pytest.mark.parametrize(
    "path", ["public", '"$user", public', "pg_temp, public", "public, pg_temp, other"]
)
def test_another_search_path_is_refused(path: str) -> None:
    said = run_checks(tags=[Tags.database], databases=["default", "owner", "system"])
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL search_path = {path}")
    refused = run_checks(tags=[Tags.database], databases=["default"])

    assert [each.id for each in said] == []
    assert [each.id for each in refused] == ["portal.E003"]
    assert refused[0].hint == "ALTER ROLE portal_runtime SET search_path = public, pg_temp"


def test_a_session_that_is_used_again_finds_our_tables_first() -> None:
    url = with_database(SERVERS.runtime_url, connection.settings_dict["NAME"])
    with ConnectionPool(url, min_size=1, max_size=1, open=True) as pool:
        with pool.connection() as session:
            session.execute("CREATE TEMP TABLE partners_customer (id int)")
            session.execute("INSERT INTO pg_temp.partners_customer VALUES (1)")
        with pool.connection() as session:
            found = session.execute(
                "SELECT 'partners_customer'::regclass = 'public.partners_customer'::regclass"
            ).fetchone()
            left = session.execute("SELECT count(*) FROM pg_temp.partners_customer").fetchone()

    assert found == (True,)
    assert left == (1,)
