"""What a customer's block and a consent's block see and write by raw SQL, as the runtime role.

Over every table with a column that names a customer, an account, a consent or a pseudonym: found in the
catalogue, so that a table that is added is held to it too.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, transaction

from accounts.consent.models import Consent
from portal.tenancy.blocks import Served, serving, serving_consent, serving_customer_alone
from portal.tenancy.ids import new_id
from portal.tenancy.models import RowReach
from tests.factories.accounts import make_link
from tests.factories.any_row import tenant_models
from tests.isolation.cast import Home
from tests.isolation.witness import every_row, run
from tests.isolation.world import World

pytestmark = pytest.mark.django_db

NAMING = ("customer_id", "account_id", "consent_id", "pseudonym")
TABLES = {each._meta.db_table: each for each in tenant_models()}
# Both holders of a joint account see what either asked of the bank about it: the alert's card says so. And
# that one of them ended what a program gets of it: the gate holds it against both.
OF_THE_ACCOUNT = {"partners_instruction", "accounts_objection"}
# Tables that name nobody in a column, and are seen by whoever serves the bank: with the reason.
SEEN_BY_ALL = {
    "partners_feed": "what the bank shares at all: the gate reads it",
    "partners_alertrule": "what the bank raises at all: the gate reads it",
    "portal_idempotencyrecord": "found by a digest that only its own caller can make; ids alone",
    "portal_outboxkey": "counters of ordering keys: ids alone",
    "accounts_tile": "hashes alone",
    "accounts_checkpoint": "published to everybody",
}


def naming_columns(table: str) -> list[str]:
    columns = {each.column for each in TABLES[table]._meta.local_concrete_fields}
    return [each for each in NAMING if each in columns]


BEHIND = sorted(
    table
    for table, model in TABLES.items()
    if model.row_reach in {RowReach.BANK_ALONE, RowReach.ADDED}
)
NAMED = sorted(
    each
    for each in set(TABLES) - set(BEHIND)
    if naming_columns(each) or each == "partners_account"
)
EACH = pytest.mark.parametrize("table", NAMED)


def allowed_of(
    home: Home, *, accounts: Sequence[UUID], consents: Sequence[UUID]
) -> dict[str, set[str | None]]:
    """What each naming column may say within a block."""
    return {
        "customer_id": {str(home.customer.id)},
        "pseudonym": {str(home.customer.pseudonym)},
        "account_id": set(map(str, accounts)),
        # A refusal may name no consent; what names none names nobody's.
        "consent_id": {None, *map(str, consents)},
    }


def strange_rows(table: str, allowed: Mapping[str, set[str | None]]) -> list[dict[str, Any]]:
    """Rows that the open block sees and that name somebody else."""
    itself = {"partners_account": {"id": "account_id"}, "partners_customer": {"id": "customer_id"}}
    columns = itself.get(table) or {name: name for name in naming_columns(table)}
    if table in OF_THE_ACCOUNT:
        columns = {"account_id": "account_id"}
    return [
        row
        for row in every_row(table)
        if any(row[column] not in allowed[of] for column, of in columns.items())
    ]


def consents_of(home: Home) -> list[UUID]:
    with serving(home.bank_id):
        return list(Consent.objects.filter(customer=home.customer).values_list("id", flat=True))


def narrow(home: Home) -> AbstractContextManager[Served]:
    return serving_consent(home.bank_id, home.consent.id)


def alone(home: Home) -> AbstractContextManager[Served]:
    return serving_customer_alone(home.bank_id, home.customer.id)


BLOCKS = pytest.mark.parametrize(
    "block", [Home.serving, alone, narrow], ids=["customer", "customer alone", "consent"]
)


def test_what_names_nobody_is_listed() -> None:
    seen = {table for table, model in TABLES.items() if model.row_reach == RowReach.BANK}

    assert seen == set(SEEN_BY_ALL)


@BLOCKS
@pytest.mark.parametrize("table", BEHIND)
def test_what_is_the_banks_alone_is_seen_by_nobody_else(
    world: World, table: str, block: Any
) -> None:
    with serving(world.house.bank.id):
        rows = every_row(table)
    assert rows
    with block(world.victim):
        assert every_row(table) == []
        assert touched(f"UPDATE {table} SET id = id WHERE id = %s", rows[0]["id"]) == 0  # noqa: S608
        assert touched(f"DELETE FROM {table} WHERE id = %s", rows[0]["id"]) == 0  # noqa: S608


@EACH
def test_a_customers_block_sees_their_own_and_no_others(world: World, table: str) -> None:
    home = world.victim
    allowed = allowed_of(
        home, accounts=[home.account.id, home.kept.id], consents=consents_of(home)
    )
    with home.serving():
        assert every_row(table)
        assert strange_rows(table, allowed) == []


@EACH
def test_a_customers_block_without_accounts_sees_no_more(world: World, table: str) -> None:
    home = world.victim
    linked = [home.account.id, home.kept.id]
    with alone(home):
        rows = strange_rows(table, allowed_of(home, accounts=linked, consents=consents_of(home)))
        assert rows == []
        if TABLES[table].row_reach in {RowReach.ACCOUNT, RowReach.ACCOUNT_ITSELF}:
            assert every_row(table) == []


@EACH
def test_a_joint_account_shows_the_account_and_nothing_of_the_other_holder(
    world: World, table: str
) -> None:
    home, other = world.victim, world.neighbour
    make_link(other.customer, home.account)
    mine = [home.account.id, other.account.id, other.kept.id]
    allowed = allowed_of(other, accounts=mine, consents=consents_of(other))
    with other.serving():
        assert strange_rows(table, allowed) == []


@EACH
def test_a_consents_block_sees_the_accounts_that_it_names_alone(world: World, table: str) -> None:
    home = world.victim
    allowed = allowed_of(home, accounts=[home.account.id], consents=consents_of(home))
    with narrow(home):
        assert every_row(table)
        assert strange_rows(table, allowed) == []


@EACH
@BLOCKS
def test_no_row_of_anothers_is_changed_deleted_or_made(
    world: World, table: str, block: Any
) -> None:
    home, other = world.victim, world.neighbour
    with other.serving():
        theirs = every_row(table)
    assert theirs
    with block(home):
        mine = {row["id"] for row in every_row(table)}
        for row in theirs:
            assert row["id"] not in mine
            assert touched(f"UPDATE {table} SET id = id WHERE id = %s", row["id"]) == 0  # noqa: S608
            assert touched(f"DELETE FROM {table} WHERE id = %s", row["id"]) == 0  # noqa: S608
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            insert(table, theirs[0] | {"id": str(new_id())})


@EACH
def test_a_row_of_ones_own_cannot_be_given_away(world: World, table: str) -> None:
    home, other = world.victim, world.neighbour
    to = {
        "customer_id": other.customer.id,
        "account_id": other.account.id,
        "pseudonym": other.customer.pseudonym,
    }
    for column in set(naming_columns(table)) & set(to):
        if table in OF_THE_ACCOUNT and column == "customer_id":
            continue
        statement = f"UPDATE {table} SET {column} = %s WHERE id = %s"  # noqa: S608  # our own tables
        with home.serving():
            for row in every_row(table):
                with pytest.raises(DatabaseError) as refused, transaction.atomic():
                    run(statement, [to[column], row["id"]])
                assert is_refusal(refused.value)


def is_refusal(problem: BaseException) -> bool:
    """A pseudonym is its customer's alone by a unique key, before any policy."""
    known = ("row-level security", "permission denied", "customer_pseudonym")
    return any(each in str(problem) for each in known)


def touched(statement: str, row_id: str) -> int:
    """How many rows it changed; none where the role may not even try."""
    try:
        with transaction.atomic():
            return len(run(f"{statement} RETURNING id", [row_id]))
    except DatabaseError as refused:
        assert "permission denied" in str(refused)  # noqa: PT017  # which refusal it is
        return 0


def insert(table: str, row: Mapping[str, Any]) -> None:
    statement = f"INSERT INTO {table} SELECT * FROM json_populate_record(NULL::{table}, %s)"  # noqa: S608
    run(statement, [json.dumps(dict(row))])
