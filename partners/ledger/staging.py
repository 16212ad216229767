"""Rows on their way into the ledger: copied into temporary tables, compared and written by the database.

COPY into a table with row policies is refused, and a temporary table has none. The tables live as long as
the connection and are empty between transactions (to make them anew each time would write to the catalog);
they are named where they are: no temporary table stands for one that is not (`portal/checks.py`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from partners.ledger.rules import EntryRow, Known, normal_text
from portal.tenancy.blocks import current_bank_id

_TYPES = {
    "original_amount_minor": "bigint",
    "amount_minor": "bigint",
    "booked_on": "date",
    "value_on": "date",
    "booked_at": "timestamptz",
    "fraud_suspected": "boolean",
}
COLUMNS = tuple(each.name for each in fields(EntryRow))
_TYPED = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in COLUMNS)
_LIST = ", ".join(COLUMNS)
_COMPARED = tuple(name for name in COLUMNS if name not in {"source", "fingerprint"})
_STORED = ", ".join(f"e.{name}" for name in _COMPARED)
_SEEN = ", ".join(f"i.{name}" for name in _COMPARED)
_KNOWN = (
    "e.id, e.source, e.external_id, e.status, e.amount_minor, e.currency, e.booked_on, e.fingerprint,"
    " e.occurrence, e.merchant_name, e.description"
)

# One journey each; they take no parameters. A second page of one transaction finds them there.
_INCOMING = f"""
    CREATE TEMP TABLE IF NOT EXISTS pg_temp.ledger_incoming ({_TYPED})
      ON COMMIT DELETE ROWS;
    DELETE FROM pg_temp.ledger_incoming
"""  # noqa: S608  # our own column names
_CHANGED = """
    CREATE TEMP TABLE IF NOT EXISTS pg_temp.ledger_changed (source text, external_id text, id uuid,
      occurrence smallint, change_seq bigint) ON COMMIT DELETE ROWS;
    DELETE FROM pg_temp.ledger_changed
"""
# Fewer rows than this are looked up by their ids, whatever the planner thinks of a table it has not seen.
_ANALYSED_FROM = 500
_NOT_AS_STORED = f"""
    SELECT i.external_id, {_KNOWN} FROM pg_temp.ledger_incoming i
    LEFT JOIN partners_entry e ON e.bank_id = %(bank)s AND e.account_id = %(account)s
      AND e.external_id = i.external_id AND e.external_id = ANY(%(ids)s) AND e.source = i.source
    WHERE e.id IS NULL OR ({_STORED}) IS DISTINCT FROM ({_SEEN})
"""  # noqa: S608  # our own column names
_BY_ALIAS = f"""
    SELECT a.external_id, {_KNOWN} FROM partners_entryalias a
    JOIN partners_entry e ON e.bank_id = a.bank_id AND e.id = a.entry_id
    WHERE a.bank_id = %(bank)s AND a.account_id = %(account)s AND a.external_id = ANY(%(ids)s)
      AND a.source = %(source)s AND NOT EXISTS (
        SELECT 1 FROM pg_temp.ledger_incoming i
        WHERE i.external_id = e.external_id AND i.source = e.source)
"""  # noqa: S608  # our own column names
_VANISHED = f"""
    SELECT e.external_id, {_KNOWN} FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s
      AND e.booked_on >= %(since)s
      AND e.source = %(source)s AND (e.fingerprint = ANY(%(prints)s) OR e.status = 'pending')
      AND NOT EXISTS (SELECT 1 FROM pg_temp.ledger_incoming i WHERE i.external_id = e.external_id)
    ORDER BY e.occurrence, e.id
"""  # noqa: S608  # our own column names
_OCCURRENCES = """
    SELECT fingerprint, max(occurrence) FROM partners_entry
    WHERE bank_id = %(bank)s AND account_id = %(account)s AND fingerprint = ANY(%(prints)s)
    GROUP BY fingerprint
"""
# With the number that an entry has until now: of many, the first and the last ones are kept.
SEQS_BEFORE = """
    partners_entry.seqs_before[:1]
    || partners_entry.seqs_before[greatest(2, cardinality(partners_entry.seqs_before) - 13):]
    || CASE partners_entry.status WHEN 'removed' THEN -partners_entry.change_seq
       ELSE partners_entry.change_seq END
"""
_SET = ", ".join(f"{name} = EXCLUDED.{name}" for name in (*COLUMNS, "occurrence"))
_WRITE = f"""
    INSERT INTO partners_entry
      (bank_id, account_id, id, occurrence, change_seq, created_at, changed_at, {_LIST})
    SELECT %(bank)s, %(account)s, c.id, c.occurrence, c.change_seq, %(at)s, %(at)s,
      {", ".join(f"i.{name}" for name in COLUMNS)}
    FROM pg_temp.ledger_changed c JOIN pg_temp.ledger_incoming i USING (source, external_id)
    ORDER BY c.change_seq
    ON CONFLICT (bank_id, id) DO UPDATE
      SET {_SET}, seqs_before = {SEQS_BEFORE},
        change_seq = EXCLUDED.change_seq, changed_at = EXCLUDED.changed_at
"""  # noqa: S608  # our own column names
# An id that names an entry now is no more one that it had.
_NO_ALIAS = """
    DELETE FROM partners_entryalias a USING pg_temp.ledger_changed c
    WHERE a.bank_id = %(bank)s AND a.account_id = %(account)s AND a.external_id = c.external_id
      AND a.source = c.source
"""
_REMOVE = f"""
    UPDATE partners_entry SET status = 'removed', merged_into = %(into)s, seqs_before = {SEQS_BEFORE},
      change_seq = %(seq)s, changed_at = %(at)s
    WHERE bank_id = %(bank)s AND id = %(id)s
"""  # noqa: S608  # our own column names
_GONE = """
    SELECT e.id FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s AND e.status = 'pending'
      AND e.booked_on >= %(since)s AND starts_with(e.source, 'live:')
      AND NOT EXISTS (
        SELECT 1 FROM pg_temp.ledger_incoming i
        WHERE i.source = %(source)s AND i.source = e.source AND i.external_id = e.external_id)
      AND NOT EXISTS (
        SELECT 1 FROM partners_entryalias a JOIN pg_temp.ledger_incoming i USING (source, external_id)
        WHERE a.bank_id = e.bank_id AND a.entry_id = e.id AND i.source = %(source)s)
    ORDER BY e.id
"""
_SAID = """
    SELECT external_id, said FROM partners_entryalias
    WHERE bank_id = %(bank)s AND account_id = %(account)s AND external_id = ANY(%(ids)s)
      AND source = %(source)s AND said <> '{}'
"""
# All that is told of these days and amounts, and these entries.
_TOLD = f"""
    SELECT id, occurrence, {_LIST} FROM partners_entry
    WHERE bank_id = %(bank)s AND account_id = %(account)s AND merged_into IS NULL
      AND (id = ANY(%(ids)s) OR (booked_on = ANY(%(days)s) AND amount_minor = ANY(%(amounts)s)))
    ORDER BY id
"""  # noqa: S608  # our own column names
_OTHERWISE = """
    SELECT entry_id, source, external_id, said, by_staff FROM partners_entryalias
    WHERE bank_id = %(bank)s AND entry_id = ANY(%(ids)s)
"""
# A name that an entry gives up may be another's in the same statement.
_GIVE_UP = """
    UPDATE partners_entry SET source = 'none', external_id = id::text
    WHERE bank_id = %(bank)s AND id = ANY(%(ids)s)
"""
_FORGET = """
    DELETE FROM partners_entryalias a USING unnest(%(sources)s::text[], %(ids)s::text[]) AS n (source, external_id)
    WHERE a.bank_id = %(bank)s AND a.account_id = %(account)s AND a.external_id = n.external_id
      AND a.source = n.source
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose rows, and who tells of them: one account of one bank, and a source."""

    bank_id: UUID
    account_id: UUID
    source: str

    def of(self, **more: Any) -> dict[str, Any]:
        return {
            "bank": self.bank_id,
            "account": self.account_id,
            "source": self.source,
            **more,
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """An entry as it is stored, whole."""

    id: UUID
    occurrence: int
    row: EntryRow


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What another source says of an entry, or has said."""

    entry_id: UUID
    said: Mapping[str, Any]
    by_staff: bool = False


Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row to be written: a new entry or the new state of one."""

    id: UUID
    occurrence: int
    change_seq: int
    row: EntryRow


def stage(rows: Sequence[EntryRow]) -> None:
    """Copy the rows of one reading where the database can compare them."""
    with connection.cursor() as cursor:
        cursor.execute(_INCOMING)
    stage_more(rows)
    if len(rows) >= _ANALYSED_FROM:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE pg_temp.ledger_incoming (external_id)")


def stage_more(rows: Iterable[EntryRow]) -> None:
    """Copy rows to those that are there."""
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY pg_temp.ledger_incoming ({_LIST}) FROM STDIN") as copy,
    ):
        for row in rows:
            copy.write_row(_values(row))


# Not astuple, which copies each value deeply.
_values = attrgetter(*COLUMNS)


def not_as_stored(place: Place, external_ids: Sequence[str]) -> dict[str, Known | None]:
    """Staged ids that are new (None) or differ from the entry of that id; what is unchanged is left out."""
    return _known(_NOT_AS_STORED, place.of(ids=list(external_ids)))


def known_by_alias(place: Place, external_ids: Sequence[str]) -> dict[str, Known]:
    """Entries that the bank once named by these ids, and lists under their present id no more."""
    found = _known(_BY_ALIAS, place.of(ids=list(external_ids)))
    return {key: known for key, known in found.items() if known is not None}


def vanished(place: Place, *, fingerprints: Sequence[str], since: date) -> list[Known]:
    """Entries that could be staged rows under new ids: the window does not list their own."""
    found = _known(_VANISHED, place.of(prints=list(fingerprints), since=since))
    return [known for known in found.values() if known is not None]


def occurrences(place: Place, fingerprints: Sequence[str]) -> dict[str, int]:
    """The highest occurrence stored for each fingerprint that has one."""
    with connection.cursor() as cursor:
        cursor.execute(_OCCURRENCES, place.of(prints=list(fingerprints)))
        return dict(cursor.fetchall())


def write(place: Place, changed: Sequence[ChangedRow], *, at: datetime) -> None:
    """Insert what is new and update what changed, by id; the rows are staged."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED)
        with cursor.copy("COPY pg_temp.ledger_changed FROM STDIN") as copy:
            for each in changed:
                named = (each.row.source, each.row.external_id)
                copy.write_row((*named, each.id, each.occurrence, each.change_seq))
        cursor.execute(_NO_ALIAS, place.of())
        cursor.execute(_WRITE, place.of(at=at))


def remove(entry_id: UUID, *, seq: int, at: datetime, into: UUID | None = None) -> None:
    """Keep the entry as removed. `into`: the entry that it turned out to be."""
    with connection.cursor() as cursor:
        cursor.execute(
            _REMOVE,
            {"bank": current_bank_id(), "id": entry_id, "seq": seq, "at": at, "into": into},
        )


def gone(place: Place, *, since: date) -> list[UUID]:
    """Pending entries of the window that the bank lists no more."""
    with connection.cursor() as cursor:
        cursor.execute(_GONE, place.of(since=since))
        return [row[0] for row in cursor.fetchall()]


def told(
    place: Place, *, days: Sequence[date], amounts: Sequence[int], ids: Sequence[UUID]
) -> dict[UUID, Stored]:
    """These entries, and all of these days and amounts; by id, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_TOLD, place.of(days=list(days), amounts=list(amounts), ids=list(ids)))
        return {row[0]: Stored(row[0], row[1], EntryRow(*row[2:])) for row in cursor.fetchall()}


def told_otherwise(place: Place, entry_ids: Collection[UUID]) -> dict[Key, Otherwise]:
    """What these entries are called otherwise, and what is said of them under those names."""
    with connection.cursor() as cursor:
        cursor.execute(_OTHERWISE, place.of(ids=list(entry_ids)))
        return {
            (source, external_id): Otherwise(entry_id, _loaded(said), by_staff)
            for entry_id, source, external_id, said, by_staff in cursor.fetchall()
        }


def said_before(place: Place, external_ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What the source said under these ids, where the entry shows what another one says."""
    with connection.cursor() as cursor:
        cursor.execute(_SAID, place.of(ids=list(external_ids)))
        return {external_id: _loaded(said) for external_id, said in cursor.fetchall()}


def _loaded(said: str | Mapping[str, Any]) -> Mapping[str, Any]:
    # Django reads jsonb as text where it writes the statement itself.
    return orjson.loads(said) if isinstance(said, str) else said


def give_up_names(place: Place, entry_ids: Collection[UUID]) -> None:
    """Free the names of entries that get others."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, place.of(ids=list(entry_ids)))


def forget_otherwise(place: Place, keys: Collection[Key]) -> None:
    """Forget what was told under these names."""
    with connection.cursor() as cursor:
        named = {"sources": [each[0] for each in keys], "ids": [each[1] for each in keys]}
        cursor.execute(_FORGET, place.of(**named))


def _known(statement: str, parameters: dict[str, Any]) -> dict[str, Known | None]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {row[0]: _read(row[1:]) for row in cursor.fetchall()}


def _read(row: Sequence[Any]) -> Known | None:
    if row[0] is None:
        return None
    merchant_name, description = row[9], row[10]
    values = (*row[:9], normal_text(merchant_name or description))
    return Known(*values)
