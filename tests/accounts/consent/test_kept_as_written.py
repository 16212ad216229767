"""What was allowed, and with which words, stays as it was written, whoever comes and tries."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_consent, make_household

# Nothing but an end, and every column of it: what of each table somebody might want to change.
CHANGES = {
    "accounts_purpose": "title = 'Anything'",
    "accounts_notice": "text = text || ' And for advertising.'",
    "accounts_consent": "expires_at = expires_at - interval '1 hour'",
    "accounts_consentresource": "code = 'receipts'",
    "accounts_consentevent": "by = 'nobody'",
}
KEPT = pytest.mark.parametrize("table", CHANGES)


@pytest.fixture
def consent(transactional_db: None) -> Consent:  # the owner has to see its row
    home = make_household()
    return make_consent(home.customer, [home.account], feeds=["balances"])


@pytest.fixture
def owner(consent: Consent) -> Iterator[psycopg.Connection[Any]]:
    """Whoever may do everything to the tables, serving the same bank."""
    url = settings.DATABASES["owner"]
    with psycopg.connect(
        host=url["HOST"],
        port=url["PORT"] or None,
        user=url["USER"],
        password=url["PASSWORD"],
        dbname=url["NAME"],
    ) as opened:
        opened.execute(f"SET LOCAL portal.bank_id = '{consent.bank_id}'")
        opened.execute("SET LOCAL portal.reach = 'bank'")
        yield opened
        opened.rollback()


@KEPT
@pytest.mark.parametrize("statement", ["UPDATE {table} SET {change}", "DELETE FROM {table}"])
def test_the_portal_itself_can_neither_change_nor_delete(
    consent: Consent, table: str, statement: str
) -> None:
    asked = statement.format(table=table, change=CHANGES[table])

    with (
        serving(consent.bank_id),
        pytest.raises(DatabaseError, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(asked)


@KEPT
def test_not_even_the_owner_of_the_tables_changes_a_row(
    owner: psycopg.Connection[Any], table: str
) -> None:
    with pytest.raises(psycopg.IntegrityError, match="stays as it was written"):
        owner.execute(f"UPDATE {table} SET {CHANGES[table]}")  # type: ignore[arg-type]  # our own words  # noqa: S608


@pytest.mark.parametrize(
    "change", ["ended_at = NULL, ended_why = ''", "ended_at = now()", "ended_why = 'superseded'"]
)
def test_an_end_is_written_once(consent: Consent, change: str) -> None:
    with serving(consent.bank_id):
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")

    with (
        serving(consent.bank_id),
        pytest.raises(DatabaseError, match="stays as it was written"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE accounts_consent SET {change}")  # noqa: S608  # our own words


def test_an_end_changes_nothing_else_on_its_way(owner: psycopg.Connection[Any]) -> None:
    more = "UPDATE accounts_consent SET ended_at = now(), ended_why = 'revoked', history_from = '1999-01-01'"

    with pytest.raises(psycopg.IntegrityError, match="stays as it was written"):
        owner.execute(more)


def test_what_was_allowed_goes_with_the_customer(consent: Consent) -> None:
    with serving(consent.bank_id), connection.cursor() as cursor:
        cursor.execute("DELETE FROM partners_customer WHERE id = %s", [consent.customer_id])

    with serving(consent.bank_id):
        assert not Consent.objects.exists()
