"""A copy as a file that is written while it is read: JSON, or a table for each part in one archive.

Neither is ever whole in memory, and none is kept.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import IO, Any, cast

import orjson

from partners.records.copying import Page
from partners.records.rules import as_cell
from partners.sharing.shapes import instant


def as_json(pages: Iterable[Page], *, made_at: datetime) -> Iterator[bytes]:
    """One object: `made_at`, and of each part a list, a row a line."""
    yield b'{"made_at":%s' % orjson.dumps(instant(made_at))
    for part, its_pages in groupby(pages, key=lambda each: each.part):
        yield b',\n"%s":[' % part.encode()
        before = b"\n"
        for page in its_pages:
            for row in page.rows:
                yield before + orjson.dumps(row)
                before = b",\n"
        yield b"\n]" if before != b"\n" else b"]"
    yield b"}\n"


def as_tables(pages: Iterable[Page], *, made_at: datetime) -> Iterator[bytes]:
    """A ZIP archive of CSV files (RFC 4180, UTF-8), one for each part that has rows."""
    sink = _Sink()
    # What cannot be sought in is written with its lengths behind each file (APPNOTE 4.3.9).
    with zipfile.ZipFile(cast("IO[bytes]", sink), "w", zipfile.ZIP_DEFLATED) as archive:
        for part, its_pages in groupby(pages, key=lambda each: each.part):
            rows = (row for page in its_pages for row in page.rows)
            first = next(rows, None)
            if first is None:
                continue
            entry = zipfile.ZipInfo(f"{part}.csv", made_at.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(entry, "w", force_zip64=True) as file:
                yield from _table(file, sink, first, rows)
    yield sink.taken()


def _table(
    file: IO[bytes], sink: "_Sink", first: Mapping[str, Any], rows: Iterator[Mapping[str, Any]]
) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.writer(line)
    writer.writerow(first)
    writer.writerow(_cells(first))
    for row in rows:
        writer.writerow(_cells(row))
        if line.tell() > _CHUNK:
            file.write(_emptied(line))
            yield sink.taken()
    file.write(_emptied(line))
    yield sink.taken()


_CHUNK = 64 * 1024


def _emptied(line: io.StringIO) -> bytes:
    text = line.getvalue()
    line.seek(0)
    line.truncate()
    return text.encode()


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [as_cell(_flat(each)) for each in row.values()]


def _flat(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, (dict, list)) else value


class _Sink(io.RawIOBase):
    """Where an archive is written, a piece at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def taken(self) -> bytes:
        """What was written since."""
        piece = bytes(self._held)
        self._held.clear()
        return piece
