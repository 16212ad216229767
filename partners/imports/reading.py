"""Reading a file that was brought: once through to see that it is whole, and only then again to store it.

Neither pass holds more than a batch of rows. The first writes nothing of what the file holds; the second writes
some thousand rows of one account at a time, with how far it has come in the same commit, so that a worker that dies
is followed by one that goes on there. A repeat changes nothing: rows are known by what they are.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, InterfaceError

from partners.imports import files
from partners.imports.actions import (
    Claim,
    ask_for_mapping,
    claim_import,
    finish,
    note_checked,
    note_format,
    note_progress,
    pause,
    put_off,
    refuse,
    use_mapping,
)
from partners.imports.models import StatementImport
from partners.imports.queries import get_import, mapping_for
from partners.imports.rules import Check, header_digest, mapping_of
from partners.imports.storing import Storing
from partners.statements.base import Malformed, Part, Source
from partners.statements.csv_mapping import GUESSED_FROM, Mapping, guess, head_of
from partners.statements.csv_rows import read_csv
from partners.statements.formats import CSV, HEAD_BYTES, READERS, format_of
from partners.statements.text import lines_of, pieces_of
from portal.secrets.sealing import SecretUnreadable
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE, LeaseLost, kept

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# So long one file may be stored before others have their turn.
_TURN = timedelta(seconds=45)
_TOLD_EVERY = 0.5


def read_due(*, bank_id: UUID, clock: Clock, at_most: int = 20) -> int:
    """Read the bank's files that are due, one by one; how many were looked at."""
    started = time.monotonic()
    for done in range(at_most):
        if time.monotonic() - started > _TURN.total_seconds():
            return done
        with serving(bank_id):
            claim = claim_import(at=clock(), lease=LEASE)
        if claim is None:
            return done
        read(bank_id=bank_id, claim=claim, clock=clock)
    return at_most


def read(*, bank_id: UUID, claim: Claim, clock: Clock) -> None:
    """One file to its end, or as far as its turn lasts."""
    reading = _Reading(bank_id, claim, clock)
    try:
        with kept(
            StatementImport, claim.import_id, fence=claim.fence, bank_id=bank_id, clock=clock
        ):
            is_over = _read(reading)
    except LeaseLost:
        return
    except Malformed as why:
        is_over = _refused(reading, why)
    except Exception as problem:
        logger.exception("statement import %s could not be read", claim.import_id)
        is_over = False
        with serving(bank_id):
            put_off(claim, fault_of(problem), at=clock())
    if is_over:
        files.forget(bank_id=bank_id, import_id=claim.import_id)


def fault_of(problem: Exception) -> str:
    """What of ours went wrong, by what was raised."""
    if isinstance(problem, (FileNotFoundError, SecretUnreadable)):
        return StatementImport.Fault.FILE
    if isinstance(problem, OSError):
        return StatementImport.Fault.DISK
    if isinstance(problem, (DatabaseError, InterfaceError)):
        return StatementImport.Fault.DATABASE
    if isinstance(problem, SoftTimeLimitExceeded):
        return StatementImport.Fault.TIME
    return StatementImport.Fault.OTHER


@dataclass(frozen=True)
class _Reading:
    """One file, about to be read."""

    bank_id: UUID
    claim: Claim
    clock: Clock

    def row(self) -> StatementImport:
        with serving(self.bank_id):
            return get_import(self.claim.import_id)


def _refused(reading: _Reading, why: Malformed) -> bool:
    with serving(reading.bank_id):
        refuse(reading.claim, why, at=reading.clock())
    return True


def _read(reading: _Reading) -> bool:
    """Whether the file is not needed any more."""
    row = reading.row()
    if not row.format:
        with files.opened(bank_id=reading.bank_id, import_id=row.id) as source:
            found = format_of(source.read(HEAD_BYTES))
        with serving(reading.bank_id):
            note_format(reading.claim, found)
        row.format = found
    if row.format == CSV and not _has_columns(reading, row):
        return False
    if row.checked_at is None:
        row = _check(reading, row)
    with files.opened(bank_id=reading.bank_id, import_id=row.id) as source:
        watched = _Watched(reading, source)
        storing = Storing(reading.bank_id, reading.claim, row, reading.clock, _TURN)
        is_whole = storing.store(watched.parts(parts_of(row, watched)))
    with serving(reading.bank_id):
        if is_whole:
            finish(reading.claim, at=reading.clock())
        else:
            pause(reading.claim, at=reading.clock())
    return is_whole


def parts_of(row: StatementImport, source: Source) -> Iterator[Part]:
    """The file's parts, by its format. Raises Malformed."""
    reader = READERS.get(row.format)
    if reader is not None:
        return reader(source)
    return read_csv(source, mapping_of(row.mapping))


def _check(reading: _Reading, row: StatementImport) -> StatementImport:
    """Read it through to its end, and keep what it adds up to. Raises Malformed."""
    check = Check()
    with files.opened(bank_id=reading.bank_id, import_id=row.id) as source:
        watched = _Watched(reading, source)
        for part in watched.parts(parts_of(row, watched)):
            check.take(part)
    check.require_sortable()
    with serving(reading.bank_id):
        return note_checked(reading.claim, check, at=reading.clock())


# --- tables ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Table:
    """How a table begins: what was guessed of it, its names and first rows, and what it is known by."""

    guessed: Mapping
    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    header: str
    lines: tuple[str, ...]


def table_of(source: Source) -> Table:
    """By the first lines of a table. Raises Malformed where there is none."""
    lines = tuple(
        f"{each.text}\n"
        for _, each in zip(range(GUESSED_FROM), lines_of(pieces_of(source)), strict=False)
    )
    guessed = guess(lines)
    head = head_of(lines, guessed)
    width = max((len(each) for each in head.rows), default=0)
    header = header_digest(guessed.delimiter, head.names, width)
    return Table(guessed, head.names, head.rows, header, lines)


def _has_columns(reading: _Reading, row: StatementImport) -> bool:
    """Whether it is known how the table is read and whose account it is; else it waits for staff to say."""
    if row.mapping and row.given_digests:
        return True
    with files.opened(bank_id=reading.bank_id, import_id=row.id) as source:
        table = table_of(source)
    with serving(reading.bank_id):
        known = mapping_for(table.header)
        if known is not None:
            use_mapping(reading.claim, known)
        if known is None or not row.given_digests:
            ask_for_mapping(reading.claim)
            return False
        row.refresh_from_db()
    return True


# --- how far --------------------------------------------------------------------------------------


class _Watched:
    """A source of which somebody sees how far it was read, twice a second."""

    def __init__(self, reading: _Reading, source: Source) -> None:
        self._reading = reading
        self._source = source
        self._bytes = self._entries = 0
        self._told = time.monotonic()

    def read(self, size: int, /) -> bytes:
        piece = self._source.read(size)
        self._bytes += len(piece)
        return piece

    def parts(self, parts: Iterator[Part]) -> Iterator[Part]:
        for number, part in enumerate(parts):
            yield part
            self._entries = number
            if not number % 1000 and time.monotonic() - self._told > _TOLD_EVERY:
                self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        with serving(self._reading.bank_id):
            note_progress(self._reading.claim, bytes_read=self._bytes, entries_read=self._entries)
