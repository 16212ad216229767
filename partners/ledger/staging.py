"""What the ledger holds of a page's rows, and writing those that are new or have changed.

Rows that are written are copied into a temporary table first: COPY into a table with row policies is refused,
and a temporary one has none. It lives as long as the connection and is empty between transactions (to make it anew
each time would write to the catalog); it is named where it is: no temporary table stands for one that is not
(`portal/checks.py`).
"""

import csv
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from io import StringIO
from typing import Any, NamedTuple, Self
from uuid import UUID

import orjson
from django.db import connection

from partners.ledger.at_work import AtWork
from partners.ledger.rules import EntryRow, Known
from portal.tenancy.blocks import current_bank_id

_TYPES = {
    "is_new": "boolean",
    "id": "uuid",
    "occurrence": "smallint",
    "change_seq": "bigint",
    "digest": "uuid",
    "fingerprint": "uuid",
    "original_amount_minor": "bigint",
    "amount_minor": "bigint",
    "booked_on": "date",
    "value_on": "date",
    "booked_at": "timestamptz",
    "fraud_suspected": "boolean",
}
COLUMNS = EntryRow._fields


def _type(column: str) -> str:
    return _TYPES.get(column, "text")


_KNOWN = f"e.id, e.occurrence, e.fingerprint, {', '.join(f'e.{name}' for name in COLUMNS)}"

# Of whatever it knows of the table, the planner takes an account for small, and would read all of it instead of looking ids
# up. Only one index has the ids in their order, and who may not sort has to go by it.
_DIGESTS = """
    SET LOCAL enable_sort = off;
    SELECT json_object_agg(external_id, digest) FROM (
      SELECT external_id, encode(uuid_send(digest), 'hex') AS digest FROM partners_entry
      WHERE bank_id = %(bank)s AND account_id = %(account)s AND source = %(source)s
        AND external_id = ANY((SELECT string_to_array(%(ids)s, E'\\n'))::text[])
      ORDER BY bank_id, account_id, external_id, source) AS found;
    SET LOCAL enable_sort TO DEFAULT
"""
_NAMED = f"""
    SELECT e.external_id, {_KNOWN} FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s AND e.external_id = ANY(%(ids)s)
      AND e.source = %(source)s
"""  # noqa: S608  # our own column names
_SEEN = """
    UPDATE partners_entry e SET digest = n.digest
    FROM unnest(%(ids)s::uuid[], %(digests)s::uuid[]) AS n (id, digest)
    WHERE e.bank_id = %(bank)s AND e.id = ANY(%(ids)s) AND e.id = n.id
"""
_HAS_ALIASES = """
    SELECT EXISTS (SELECT FROM partners_entryalias
      WHERE bank_id = %(bank)s AND account_id = %(account)s)
"""
_BY_ALIAS = f"""
    SELECT a.external_id, {_KNOWN} FROM partners_entryalias a
    JOIN partners_entry e ON e.bank_id = a.bank_id AND e.id = a.entry_id
    WHERE a.bank_id = %(bank)s AND a.account_id = %(account)s AND a.external_id = ANY(%(ids)s)
      AND a.source = %(source)s AND NOT (e.source = %(source)s AND e.external_id = ANY(%(listed)s))
"""  # noqa: S608  # our own column names
_VANISHED = f"""
    SELECT e.external_id, {_KNOWN} FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s
      AND e.booked_on >= %(since)s
      AND e.source = %(source)s AND (e.fingerprint = ANY(%(prints)s::uuid[]) OR e.status = 'pending')
      AND NOT (e.external_id = ANY(%(listed)s))
    ORDER BY e.occurrence, e.id
"""  # noqa: S608  # our own column names
# Each end of the index by itself: of min and max the planner reads the whole account.
_DAYS = """
    SELECT (
        SELECT booked_on FROM partners_entry
        WHERE bank_id = %(bank)s AND account_id = %(account)s ORDER BY booked_on, id LIMIT 1
      ), (
        SELECT booked_on FROM partners_entry
        WHERE bank_id = %(bank)s AND account_id = %(account)s
        ORDER BY booked_on DESC, id DESC LIMIT 1)
"""
# With the number that an entry has until now: of many, the first and the last ones are kept.
SEQS_BEFORE = """
    partners_entry.seqs_before[:1]
    || partners_entry.seqs_before[greatest(2, cardinality(partners_entry.seqs_before) - 13):]
    || CASE partners_entry.status WHEN 'removed' THEN -partners_entry.change_seq
       ELSE partners_entry.change_seq END
"""
_OCCURRENCES = """
    SELECT fingerprint, max(occurrence) FROM partners_entry
    WHERE bank_id = %(bank)s AND account_id = %(account)s AND booked_on = ANY(%(days)s)
      AND fingerprint = ANY(%(prints)s::uuid[])
    GROUP BY fingerprint
"""
# What is written beside the row itself.
_WRITTEN = ("id", "occurrence", "change_seq", "digest", "fingerprint", *COLUMNS)
_STAGED = ("is_new", *_WRITTEN)
# What no two rows of a part have in common.
_OWN = frozenset({"id", "change_seq", "external_id"})
_TYPED = ", ".join(f"{name} {_type(name)}" for name in _STAGED)
_CHANGED = f"""
    CREATE TEMP TABLE IF NOT EXISTS pg_temp.ledger_changed ({_TYPED}) ON COMMIT DELETE ROWS;
    DELETE FROM pg_temp.ledger_changed
"""  # noqa: S608  # our own column names
# As a table of text, which can be made while the database is still at the part before. What is empty is NULL,
# and an empty text where a column is one.
_COPY = "COPY pg_temp.ledger_changed ({names}) FROM STDIN (FORMAT csv, FORCE_NOT_NULL ({texts}))"
_UPDATE = f"""
    UPDATE partners_entry
    SET changed_at = %(at)s, seqs_before = {SEQS_BEFORE}, {{set}}
    FROM pg_temp.ledger_changed c
    WHERE partners_entry.bank_id = %(bank)s AND partners_entry.id = ANY(%(ids)s)
      AND partners_entry.id = c.id AND NOT {{is_new}}
"""  # noqa: S608  # our own column names
_INSERT = f"""
    INSERT INTO partners_entry (bank_id, account_id, created_at, changed_at, {", ".join(_WRITTEN)})
    SELECT %(bank)s, %(account)s, %(at)s, %(at)s, {{values}}
    FROM pg_temp.ledger_changed c WHERE {{is_new}}
"""  # noqa: S608  # our own column names
# An id that names an entry now is no more one that it had.
_NO_ALIAS = """
    DELETE FROM partners_entryalias a USING pg_temp.ledger_changed c
    WHERE a.bank_id = %(bank)s AND a.account_id = %(account)s AND a.external_id = c.external_id
      AND a.source = {source}
"""
_REMOVE = f"""
    UPDATE partners_entry SET status = 'removed', merged_into = %(into)s, seqs_before = {SEQS_BEFORE},
      change_seq = %(seq)s, changed_at = %(at)s, removed_for = %(why)s
    WHERE bank_id = %(bank)s AND id = %(id)s
"""  # noqa: S608  # our own column names
_GONE = """
    SELECT e.id, e.booked_on FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s AND e.status = 'pending'
      AND (e.booked_on >= %(since)s OR e.booked_on < %(overdue)s) AND starts_with(e.source, 'live:')
      AND NOT (e.source = %(source)s AND e.external_id = ANY(%(listed)s))
      AND NOT EXISTS (
        SELECT 1 FROM partners_entryalias a
        WHERE a.bank_id = e.bank_id AND a.entry_id = e.id AND a.source = %(source)s
          AND a.external_id = ANY(%(listed)s))
    ORDER BY e.id
"""
_SAID = """
    SELECT external_id, said FROM partners_entryalias
    WHERE bank_id = %(bank)s AND account_id = %(account)s AND external_id = ANY(%(ids)s)
      AND source = %(source)s AND said <> '{}'
"""
# What one source has told of these days: as it is shown, and otherwise.
_TOLD_BY = """
    SELECT e.id, e.external_id, e.fingerprint, e.bank_references FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s AND e.booked_on = ANY(%(days)s)
      AND e.fingerprint = ANY(%(prints)s::uuid[]) AND e.source = %(source)s AND e.merged_into IS NULL
    ORDER BY e.occurrence, e.id
"""
_TOLD_BY_OTHERWISE = """
    SELECT a.entry_id, a.external_id, a.said FROM partners_entryalias a
    JOIN partners_entry e ON e.bank_id = a.bank_id AND e.id = a.entry_id
    WHERE a.bank_id = %(bank)s AND a.account_id = %(account)s AND a.source = %(source)s
      AND a.said <> '{}' AND e.booked_on BETWEEN %(first)s AND %(last)s
    ORDER BY e.occurrence, e.id, a.id
"""
_PAYMENTS_OF = """
    SELECT booked_on, count(*) FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s AND e.booked_on = ANY(%(days)s)
      AND e.merged_into IS NULL AND (e.source = %(source)s OR EXISTS (
        SELECT FROM partners_entryalias a
        WHERE a.bank_id = e.bank_id AND a.entry_id = e.id AND a.source = %(source)s AND a.said <> '{}'))
    GROUP BY booked_on
"""
_IDS_OF = """
    SELECT external_id, id FROM partners_entry
    WHERE bank_id = %(bank)s AND account_id = %(account)s AND external_id = ANY(%(ids)s)
      AND source = %(source)s
    UNION ALL
    SELECT external_id, entry_id FROM partners_entryalias
    WHERE bank_id = %(bank)s AND account_id = %(account)s AND external_id = ANY(%(ids)s)
      AND source = %(source)s
"""
# So many of the nearest entries before and after: a reference that is counted anew is found soon, and an account may be long.
_STAND_ELSEWHERE = """
    WITH near AS (
      (SELECT id, source, bank_references, fingerprint FROM partners_entry
       WHERE bank_id = %(bank)s AND account_id = %(account)s AND booked_on <= %(day)s
       ORDER BY booked_on DESC, id DESC LIMIT 5000)
      UNION ALL
      (SELECT id, source, bank_references, fingerprint FROM partners_entry
       WHERE bank_id = %(bank)s AND account_id = %(account)s AND booked_on > %(day)s
       ORDER BY booked_on, id LIMIT 5000)
    ), told AS (
      SELECT * FROM unnest(%(references)s::text[], %(prints)s::uuid[], %(amounts)s::bigint[])
        AS n (bank_references, fingerprint, amount_minor)
    )
    SELECT EXISTS (
        SELECT FROM near JOIN told USING (bank_references)
        WHERE near.source = %(source)s AND near.fingerprint <> told.fingerprint)
      OR EXISTS (
        SELECT FROM near
        JOIN partners_entryalias a ON a.bank_id = %(bank)s AND a.entry_id = near.id
        JOIN told ON told.bank_references = a.said->>'bank_references'
        WHERE a.source = %(source)s AND a.said <> '{}'
          AND ((a.said->>'booked_on')::date <> %(day)s OR (a.said->>'amount_minor')::bigint <> told.amount_minor))
"""
# All that is told of these days and amounts, and these entries.
_TOLD = f"""
    SELECT e.id, {_KNOWN} FROM partners_entry e
    WHERE e.bank_id = %(bank)s AND e.account_id = %(account)s AND e.merged_into IS NULL
      AND (e.id = ANY(%(ids)s) OR (e.booked_on = ANY(%(days)s) AND e.amount_minor = ANY(%(amounts)s)))
    ORDER BY e.id
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
class Otherwise:
    """What another source says of an entry, or has said."""

    entry_id: UUID
    said: Mapping[str, Any]
    by_staff: bool = False


Key = tuple[str, str]


class ChangedRow(NamedTuple):
    """A row to be written: a new entry, or the new state of one."""

    is_new: bool
    id: UUID
    occurrence: int
    change_seq: int
    digest: str
    fingerprint: str
    row: EntryRow


@contextmanager
def looked_up(
    place: Place, external_ids: Sequence[str]
) -> Iterator[Callable[[], dict[str, str | None]]]:
    """Look ids up meanwhile: what the entries of these ids say, where it is known; those that are not there are left out."""
    with AtWork() as at_work:
        at_work.begin(_DIGESTS, place.of(ids="\n".join(external_ids)))

        def found() -> dict[str, str | None]:
            (told,) = [each.get_value(0, 0) for each in at_work.end() if each.ntuples]
            return orjson.loads(told) if told else {}

        yield found


def digests(place: Place, external_ids: Sequence[str]) -> dict[str, str | None]:
    """The same, at once."""
    with looked_up(place, external_ids) as found:
        return found()


def named(place: Place, external_ids: Sequence[str]) -> dict[str, Known]:
    """The entries of these ids."""
    return _known(_NAMED, place.of(ids=list(external_ids)))


def note_as_stored(place: Place, said: Mapping[UUID, str]) -> None:
    """Keep what entries say, so that it need not be looked at again; nothing of them has changed."""
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, place.of(ids=list(said), digests=list(said.values())))


def has_aliases(place: Place) -> bool:
    """Whether any entry of the account was ever called otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(_HAS_ALIASES, place.of())
        return bool(cursor.fetchone()[0])


def known_by_alias(
    place: Place, external_ids: Sequence[str], *, listed: Sequence[str]
) -> dict[str, Known]:
    """Entries that the bank once named by these ids, and lists under their present id no more."""
    return _known(_BY_ALIAS, place.of(ids=list(external_ids), listed=list(listed)))


def vanished(
    place: Place, *, fingerprints: Sequence[str], since: date, listed: Sequence[str]
) -> list[Known]:
    """Entries that could be rows under new ids: of the window, and not `listed` under their own."""
    parameters = place.of(prints=list(fingerprints), since=since, listed=list(listed))
    return list(_known(_VANISHED, parameters).values())


def days(place: Place) -> tuple[date, date] | None:
    """The first and the last day that the account has entries of; None where it has none."""
    with connection.cursor() as cursor:
        cursor.execute(_DAYS, place.of())
        first, last = cursor.fetchone()
        return (first, last) if first else None


def occurrences(
    place: Place, fingerprints: Sequence[str], *, days: Collection[date]
) -> dict[str, int]:
    """The highest occurrence stored for each fingerprint that has one; they are of these days."""
    with connection.cursor() as cursor:
        cursor.execute(_OCCURRENCES, place.of(prints=list(fingerprints), days=sorted(days)))
        return {fingerprint.hex: highest for fingerprint, highest in cursor.fetchall()}


class _Part:
    """Rows as they are staged: what all of them have in common is said once, with the statement that writes them."""

    def __init__(self, changed: Sequence[ChangedRow]) -> None:
        beside, rows = (
            zip(*(each[:-1] for each in changed), strict=True),
            [each.row for each in changed],
        )
        columns = dict(zip(_STAGED, (*beside, *zip(*rows, strict=True)), strict=True))
        shared = {
            name
            for name, told in columns.items()
            if name not in _OWN and told.count(told[0]) == len(told)
        }
        self.common = {f"all_{name}": columns[name][0] for name in shared}
        self._said = {
            name: f"%(all_{name})s::{_type(name)}" if name in shared else f"c.{name}"
            for name in _STAGED
        }
        own = {name: told for name, told in columns.items() if name not in shared}
        self.copying = _COPY.format(
            names=", ".join(own), texts=", ".join(name for name in own if _type(name) == "text")
        )
        own["id"] = [each.hex for each in own["id"]]
        lines = StringIO()
        csv.writer(lines, lineterminator="\n").writerows(zip(*own.values(), strict=True))
        self.lines = lines.getvalue()

    def put_into(self, statement: str) -> str:
        """The statement, with what it writes."""
        return statement.format(
            values=", ".join(self._said[name] for name in _WRITTEN),
            set=", ".join(f"{name} = {self._said[name]}" for name in _WRITTEN[1:]),
            is_new=self._said["is_new"],
            source=self._said["source"],
        )


class Writing:
    """Rows on their way into the ledger: while the database writes some, the next are decided.

    Nothing else may be asked of the connection between two parts; at the end the last one is waited for.
    """

    def __init__(self, place: Place, *, at: datetime, has_aliases: bool) -> None:
        self.place = place
        self.at = at
        self.has_aliases = has_aliases
        self._at_work = AtWork()

    def __enter__(self) -> Self:
        self._at_work.__enter__()
        return self

    def __exit__(self, kind: object, raised: object, trace: object) -> None:
        self._at_work.__exit__(kind, raised, trace)

    def send(self, changed: Sequence[ChangedRow]) -> None:
        """Update what changed, by id, and have what is new inserted. Raises what went wrong with the part before."""
        if not changed:
            return
        known = [each.id for each in changed if not each.is_new]
        part = _Part(changed)
        self._at_work.end()
        parameters = self.place.of(at=self.at, ids=known, **part.common)
        with connection.cursor() as cursor:
            cursor.execute(_CHANGED)
            with cursor.copy(part.copying) as copy:
                copy.write(part.lines)
            if self.has_aliases:
                cursor.execute(part.put_into(_NO_ALIAS), parameters)
            if known:
                cursor.execute(part.put_into(_UPDATE), parameters)
        if len(known) < len(changed):
            self._at_work.begin(part.put_into(_INSERT), parameters)


def remove(entry_id: UUID, *, seq: int, at: datetime, why: str, into: UUID | None = None) -> None:
    """Keep the entry as removed. `why`: an `Entry.Removal`; `into`: the entry that it turned out to be."""
    bank_id = current_bank_id()
    with connection.cursor() as cursor:
        cursor.execute(
            _REMOVE,
            {"bank": bank_id, "id": entry_id, "seq": seq, "at": at, "why": why, "into": into},
        )


def gone(
    place: Place, *, since: date, overdue_before: date | None, listed: Sequence[str]
) -> list[tuple[UUID, date]]:
    """Pending entries of the window, or of before that day, that the bank lists no more, and their days."""
    overdue = overdue_before or date.min
    with connection.cursor() as cursor:
        cursor.execute(_GONE, place.of(since=since, overdue=overdue, listed=list(listed)))
        return list(cursor.fetchall())


def told(
    place: Place, *, days: Sequence[date], amounts: Sequence[int], ids: Sequence[UUID]
) -> dict[UUID, Known]:
    """These entries, and all of these days and amounts; by id, the oldest first."""
    return _known(_TOLD, place.of(days=list(days), amounts=list(amounts), ids=list(ids)))


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


def told_by(
    place: Place, fingerprints: Sequence[str], *, days: Collection[date]
) -> list[tuple[UUID, str, str, str]]:
    """Entries of the source with these fingerprints, which are of these days: id, name, fingerprint and references."""
    with connection.cursor() as cursor:
        cursor.execute(_TOLD_BY, place.of(prints=list(fingerprints), days=sorted(days)))
        return [(row[0], row[1], row[2].hex, row[3]) for row in cursor.fetchall()]


def told_by_otherwise(
    place: Place, *, first: date, last: date
) -> list[tuple[UUID, str, Mapping[str, Any]]]:
    """What the source tells otherwise of entries between these days: of which, under which name, and what."""
    with connection.cursor() as cursor:
        cursor.execute(_TOLD_BY_OTHERWISE, place.of(first=first, last=last))
        return [(row[0], row[1], _loaded(row[2])) for row in cursor.fetchall()]


def payments_of(place: Place, days: Collection[date]) -> dict[date, int]:
    """How many entries of each of these days the source tells of."""
    with connection.cursor() as cursor:
        cursor.execute(_PAYMENTS_OF, place.of(days=sorted(days)))
        return dict(cursor.fetchall())


def ids_of(place: Place, external_ids: Sequence[str]) -> dict[str, UUID]:
    """The entries that the source tells of under these ids, now or otherwise."""
    with connection.cursor() as cursor:
        cursor.execute(_IDS_OF, place.of(ids=list(external_ids)))
        return dict(cursor.fetchall())


def stand_elsewhere(
    place: Place, references: Sequence[tuple[str, str, int]], *, day: date
) -> bool:
    """Whether one of these references of that day, each with a fingerprint and amount, stands near it at another payment."""
    written, prints, amounts = (list(each) for each in zip(*references, strict=True))
    told = {"references": written, "prints": prints, "amounts": amounts}
    with connection.cursor() as cursor:
        cursor.execute(_STAND_ELSEWHERE, place.of(day=day, **told))
        return bool(cursor.fetchone()[0])


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


def _known(statement: str, parameters: dict[str, Any]) -> dict[Any, Known]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {
            row[0]: Known(row[1], row[2], row[3].hex, EntryRow(*row[4:]))
            for row in cursor.fetchall()
        }
