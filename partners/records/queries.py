"""Which rows are a customer's: looked for in every table that `portal/personal_data.py` names."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.module_loading import import_string

from accounts.linking.models import Link
from accounts.linking.queries import live_links
from partners.connections.models import Connection
from partners.records.models import ErasureJob, LegalHold
from partners.records.rules import NotGiven, Table, name_of

_BANKS_WITH_WORK = """
    SELECT bank_id FROM partners_erasurejob
    WHERE due_at <= %(at)s AND (lease_until IS NULL OR lease_until <= %(at)s)
    GROUP BY bank_id ORDER BY min(due_at)
"""


@dataclass(frozen=True)
class Theirs:
    """What of a bank's rows is one customer's: they, the accounts of nobody else, their authorisations."""

    customer_id: UUID
    account_ids: tuple[UUID, ...]
    connection_ids: tuple[UUID, ...]


def tables() -> Sequence[Table]:
    """Every table of a bank, in the order in which rows can go."""
    found: Sequence[Table] = import_string(settings.PERSONAL_DATA)
    return found


def all_rows(table: Table) -> "QuerySet[Any]":
    """What the open block sees of a table."""
    return QuerySet(apps.get_model(table.label))


def banks_with_due_erasures(*, at: datetime) -> list[UUID]:
    """The banks that have somebody to erase, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, {"at": at})
        return [row[0] for row in cursor.fetchall()]


def theirs(customer_id: UUID) -> Theirs:
    """In the bank's block. An account goes with its last holder, unless it is held for another."""
    others = (
        live_links().filter(account_id=OuterRef("account_id")).exclude(customer_id=customer_id)
    )
    once = Link.objects.filter(account_id=OuterRef("account_id")).exclude(customer_id=customer_id)
    held = once.filter(customer_id__in=live_holds().values("customer_id"))
    mine = (
        Link.objects.filter(customer_id=customer_id).exclude(Exists(others)).exclude(Exists(held))
    )
    connections_ = Connection.objects.filter(customer_id=customer_id)
    return Theirs(
        customer_id,
        tuple(sorted(set(mine.values_list("account_id", flat=True)))),
        tuple(connections_.values_list("id", flat=True)),
    )


def rows_of(table: Table, whose: Theirs) -> "QuerySet[Any]":
    """The rows of a table that go with the customer."""
    rows = all_rows(table)
    if table.label == "partners.Customer":
        return rows.filter(pk=whose.customer_id)
    if table.label == "partners.Account":
        return rows.filter(pk__in=whose.account_ids)
    names = {each.name for each in rows.model._meta.get_fields()}
    mine = Q()
    if "customer" in names:
        mine |= Q(customer_id=whose.customer_id)
    if "account" in names:
        mine |= Q(account_id__in=whose.account_ids)
    if "connection" in names:
        mine |= Q(connection_id__in=whose.connection_ids)
    if not mine:
        raise LookupError(f"{table.label} says of no row whose it is")
    return rows.filter(mine)


def live_holds() -> "QuerySet[LegalHold]":
    return LegalHold.objects.filter(lifted_at__isnull=True)


def hold_on(customer_id: UUID) -> LegalHold | None:
    """What the bank has to keep of the customer, if it has to."""
    return live_holds().filter(customer_id=customer_id).first()


def erasure_of(customer_id: UUID) -> ErasureJob | None:
    """The erasure of a customer, where one was asked for."""
    return ErasureJob.objects.filter(customer_id=customer_id).first()


def how_many() -> dict[str, int]:
    """In the customer's block: how many rows each part of what they see as theirs has."""
    return {
        name_of(each.label): all_rows(each).count()
        for each in tables()
        if not isinstance(each.given, NotGiven)
    }
