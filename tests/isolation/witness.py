"""What every table holds, looked at before and after: whatever a call wrote shows as a change."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction

from portal.tenancy.blocks import serving
from portal.tenancy.models import TenantModel
from tests.factories.any_row import tenant_models

_DIGEST = "coalesce(md5(string_agg(md5(t::text), '' ORDER BY t::text)), '')"

Row = dict[str, Any]
Place = tuple[str, str]  # a bank's id, or the empty string, and a table


@dataclass(frozen=True)
class Change:
    """One row that came, went, or is another now."""

    table: str
    bank_id: str
    before: Row | None
    after: Row | None

    @property
    def text(self) -> str:
        """Both sides as JSON: what the change speaks of."""
        return json.dumps([self.before, self.after])

    @property
    def row(self) -> Row:
        return self.after or self.before or {}

    def __str__(self) -> str:
        kind = "new" if self.before is None else "gone" if self.after is None else "changed"
        return f"{self.table}: {kind} {self.row}"


@dataclass(frozen=True)
class Look:
    """The count and the digest of each table at one moment, and the rows behind them."""

    digests: Mapping[Place, tuple[int, str]]
    rows: Mapping[Place, Mapping[str, Row]]


class Witness:
    """Sees what the runtime role sees of each of its banks, and the tables that belong to none."""

    def __init__(self, bank_ids: Iterable[UUID]) -> None:
        self._scopes = (*map(str, bank_ids), "")
        self._last = Look({}, {})
        self._touched = 0
        self._look()

    def changes(self) -> list[Change]:
        """Every row that is not as it was when it was last asked."""
        # The server counts what this transaction wrote, undone or not: none more is no change.
        touched = _rows_touched()
        if connection.in_atomic_block and touched == self._touched:
            return []
        self._touched = touched
        before, after = self._last, self._look()
        return [
            change
            for place, digest in after.digests.items()
            if before.digests[place] != digest
            for change in _differences(place, before.rows[place], after.rows[place])
        ]

    def _look(self) -> Look:
        known = self._last
        digests = {place: found for bank in self._scopes for place, found in _digests(bank)}
        rows = {
            place: known.rows[place] if known.digests.get(place) == found else _rows(place)
            for place, found in digests.items()
        }
        self._last = Look(digests, rows)
        return self._last


def _rows_touched() -> int:
    counted = "sum(n_tup_ins + n_tup_upd + n_tup_del)"
    ((touched,),) = run(f"SELECT {counted} FROM pg_stat_xact_user_tables")  # noqa: S608  # our own
    return int(touched or 0)


def _differences(
    place: Place, before: Mapping[str, Row], after: Mapping[str, Row]
) -> Iterator[Change]:
    bank_id, table = place
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            yield Change(table, bank_id, before.get(key), after.get(key))


@lru_cache(maxsize=1)
def _tenant_tables() -> tuple[str, ...]:
    return tuple(each._meta.db_table for each in tenant_models())


@lru_cache(maxsize=1)
def _global_tables() -> tuple[str, ...]:
    ours: list[type[models.Model]] = [
        each for each in apps.get_models() if not issubclass(each, TenantModel)
    ]
    return tuple(sorted(each._meta.db_table for each in ours if each._meta.managed))


def _digests(bank_id: str) -> Iterator[tuple[Place, tuple[int, str]]]:
    tables = _tenant_tables() if bank_id else _global_tables()
    counted = " UNION ALL ".join(
        f"SELECT '{each}', count(*), {_DIGEST} FROM {each} t"  # noqa: S608  # our own tables
        for each in tables
    )
    with _block_of(bank_id):
        found = run(counted)
    for table, count, digest in found:
        yield (bank_id, table), (count, digest)


def _rows(place: Place) -> Mapping[str, Row]:
    bank_id, table = place
    with _block_of(bank_id):
        read = every_row(table)
    return {str(each.get("id") or each["session_key"]): each for each in read}


def _block_of(bank_id: str) -> AbstractContextManager[object]:
    return serving(UUID(bank_id)) if bank_id else nullcontext()


def every_row(table: str) -> list[Row]:
    """All that the open block sees of a table."""
    read = run(f"SELECT to_json(t)::text FROM {table} t")  # noqa: S608  # our own tables
    return [json.loads(text) for (text,) in read]


def run(statement: str, values: Iterable[Any] | None = None) -> list[tuple[Any, ...]]:
    """Raw SQL as the runtime role, in whatever block is open."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(values) if values is not None else None)
        return cursor.fetchall() if cursor.description else []


@contextmanager
def undone() -> Iterator[None]:
    """Whatever is written within is rolled back after it."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
