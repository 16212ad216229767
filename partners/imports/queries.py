"""Which files were brought, and what became of them."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.db.models import Q, QuerySet

from partners.imports.models import StatementImport, StatementMapping
from portal.rest.problems import NotFound
from portal.tenancy.blocks import current_bank_id

_BANKS_WITH_WORK = """
    SELECT bank_id FROM partners_statementimport
    WHERE due_at <= %(at)s AND (lease_until IS NULL OR lease_until <= %(at)s)
    GROUP BY bank_id ORDER BY min(due_at)
"""


def banks_with_due_imports(*, at: datetime) -> list[UUID]:
    """The banks that have a file to read, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, {"at": at})
        return [row[0] for row in cursor.fetchall()]


def imports() -> "QuerySet[StatementImport]":
    """The served bank's."""
    return StatementImport.objects.filter(bank_id=current_bank_id())


def get_import(import_id: UUID) -> StatementImport:
    """Raises NotFound."""
    found = imports().filter(pk=import_id).first()
    if found is None:
        raise NotFound
    return found


def same_file(sha256: str) -> StatementImport | None:
    """The import that this file is already: one under way, or one by which all of it was kept that could be."""
    under_way = Q(finished_at__isnull=True)
    whole = Q(state=StatementImport.State.DONE, not_linked=0, too_old=0)
    same = imports().filter(under_way | whole, sha256=sha256)
    return same.order_by("-id").first()


def mapping_for(header: str) -> StatementMapping | None:
    """How tables with this header are read at the served bank."""
    return StatementMapping.objects.filter(bank_id=current_bank_id(), header_digest=header).first()


def still_wanted(among: Collection[UUID]) -> set[UUID]:
    """Of these imports those whose file is still to be read."""
    rows = StatementImport.objects.filter(pk__in=among, finished_at__isnull=True)
    return set(rows.values_list("id", flat=True))


def imports_among(import_ids: Collection[UUID]) -> "QuerySet[StatementImport]":
    """Those of these ids that there are at the served bank."""
    return imports().filter(pk__in=import_ids)
