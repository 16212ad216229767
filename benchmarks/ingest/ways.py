"""Four ways of keeping the same rows: ours, and three that anybody would think of."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import import_module
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from benchmarks.ingest.world import Target
from partners.connectors.base import TransactionRecord

PAGE = 10000
# How many the ORM puts into a statement.
BATCH = 1000
SOURCE = "live:uk_open_banking"
_LEASE = timedelta(hours=1)
# What (b) leaves as it was where there is such a row already.
_KEPT = frozenset({"external_id", "source", "change_seq", "created_at"})

T = TypeVar("T")

# Made ready before the clock starts; what it returns is timed.
Way = Callable[[Target, Sequence[TransactionRecord]], Callable[[], None]]


def portal(target: Target, rows: Sequence[TransactionRecord]) -> Callable[[], None]:
    """What a reading does with each page: merge, alerts, outbox, run and cursor, in a transaction that waits for the disk."""
    actions: Any = import_module("partners.sync.actions")
    blocks: Any = import_module("portal.tenancy.blocks")

    def run() -> None:
        begun = actions.Begun(datetime.now(UTC), None)
        for page in _pages(rows):
            read = actions.ReadPage(page, (), None, "more", 1)
            with blocks.serving(target.bank_id):
                begun, _ = actions.store_page(
                    target.claim, read, begun=begun, at=datetime.now(UTC), lease=_LEASE
                )

    return run


def _pages(rows: Sequence[T]) -> list[Sequence[T]]:
    return [rows[first : first + PAGE] for first in range(0, len(rows), PAGE)]


def copied(superuser_url: str) -> Way:
    """(a): COPY into the same table with all its indexes, past its row policies, and nothing else: the limit."""
    rules: Any = import_module("partners.ledger.rules")
    staging: Any = import_module("partners.ledger.staging")
    ids: Any = import_module("portal.tenancy.ids")
    columns = ", ".join(staging.COLUMNS)
    into = (
        "COPY partners_entry (bank_id, account_id, id, occurrence, change_seq, created_at, changed_at,"
        f" digest, fingerprint, {columns}) FROM STDIN"
    )

    def way(target: Target, rows: Sequence[TransactionRecord]) -> Callable[[], None]:
        at = datetime.now(UTC)
        told = rules.rows_of(rows, account_id=target.account_id, source=SOURCE)
        fingerprint = rules.fingerprints(target.account_id)
        owner = (target.bank_id, target.account_id)
        values = [
            (*owner, each, 1, number, at, at, rules.digest_of(row), fingerprint(row), *row)
            for number, (each, row) in enumerate(zip(ids.new_ids(len(told)), told, strict=True), 1)
        ]

        def run() -> None:
            with psycopg.connect(superuser_url) as connection:
                for page in _pages(values):
                    with connection.cursor().copy(into) as copy:
                        for row in page:
                            copy.write_row(row)
                    connection.commit()

        return run

    return way


def bulk_created(target: Target, rows: Sequence[TransactionRecord]) -> Callable[[], None]:
    """(b): `bulk_create(update_conflicts=True)` of the ORM, a thousand rows at a time."""
    blocks: Any = import_module("portal.tenancy.blocks")
    entry = _without_arrays()
    owner = {"bank_id": target.bank_id, "account_id": target.account_id}

    def run() -> None:
        for named in _named_pages(target.account_id, rows):
            with blocks.serving(target.bank_id):
                entry.objects.bulk_create(
                    [entry(**each, **owner) for each in named],
                    batch_size=BATCH,
                    update_conflicts=True,
                    unique_fields=["bank", "account", "external_id", "source"],
                    update_fields=[each for each in named[0] if each not in _KEPT],
                )

    return run


@cache
def _without_arrays() -> Any:
    """The ledger's table without its column of numbers: Django writes arrays in a way several times as slow."""
    fields: Any = import_module("django.contrib.postgres.fields")
    models: Any = import_module("django.db.models")
    entry = import_module("partners.ledger.models").Entry
    kept = {
        each.name: each.clone()
        for each in entry._meta.local_concrete_fields
        if not isinstance(each, fields.ArrayField)
    }
    named = {"managed": False, "db_table": entry._meta.db_table, "app_label": "partners"}
    made = {"__module__": __name__, "Meta": type("Meta", (), named)}
    return type("WithoutArrays", (models.Model,), made | kept)


def one_by_one(target: Target, rows: Sequence[TransactionRecord]) -> Callable[[], None]:
    """(c): `update_or_create` for each row, in a transaction for each thousand."""
    ledger: Any = import_module("partners.ledger.models")
    blocks: Any = import_module("portal.tenancy.blocks")

    def run() -> None:
        for named in _named_pages(target.account_id, rows):
            with blocks.serving(target.bank_id):
                for each in named:
                    said = {
                        k: v for k, v in each.items() if k not in {"external_id", "change_seq"}
                    }
                    ledger.Entry.objects.update_or_create(
                        account_id=target.account_id,
                        external_id=each["external_id"],
                        defaults=said,
                        create_defaults={**said, "change_seq": each["change_seq"]},
                    )

    return run


def _named_pages(
    account_id: UUID, rows: Sequence[TransactionRecord]
) -> Iterator[list[dict[str, Any]]]:
    """What the connector gave, as the table's columns by name: this much of the work is everybody's."""
    rules: Any = import_module("partners.ledger.rules")
    fingerprint = rules.fingerprints(account_id)
    numbers = count(1)
    at = datetime.now(UTC)
    for page in _pages(rows):
        yield [
            row._asdict()
            | {"fingerprint": fingerprint(row), "change_seq": next(numbers)}
            | {"created_at": at, "changed_at": at}
            for row in rules.rows_of(page, account_id=account_id, source=SOURCE)
        ]
