"""Files that are made to hurt: refused whole, with the reason, and never in more memory than others take."""

import tracemalloc
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest

from partners.statements.base import Malformed, Part
from partners.statements.camt053 import read_camt053
from partners.statements.csv_rows import read_guessed
from partners.statements.formats import format_of
from partners.statements.mt940 import read_mt940
from partners.statements.ofx import read_ofx

MEGABYTE = 1024 * 1024
MUCH = 16 * MEGABYTE


class Stream:
    """Pieces that are made while they are read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.pieces, self.held = pieces, b""

    def read(self, size: int, /) -> bytes:
        while len(self.held) < size and (piece := next(self.pieces, b"")):
            self.held += piece
        given, self.held = self.held[:size], self.held[size:]
        return given


def why(reader: Any, *pieces: bytes | Iterator[bytes]) -> str:
    """Why the file is refused; it takes little memory to find out."""
    made = chain.from_iterable([each] if isinstance(each, bytes) else each for each in pieces)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed) as refused:
            drained(reader(Stream(made)))
        assert tracemalloc.get_traced_memory()[1] < 3 * MUCH
    finally:
        tracemalloc.stop()
    return str(refused.value)


def drained(parts: Iterator[Part]) -> None:
    for _ in parts:
        pass


HEAD = b'<?xml version="1.0"?>'
OPEN = b"<Document><BkToCstmrStmt><Stmt>"


def test_entities_that_multiply_are_refused() -> None:
    laughs = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    declared = b'<!DOCTYPE Document [<!ENTITY l0 "ha">' + laughs + b"]>"

    told = why(read_camt053, HEAD + declared + OPEN + b"<Acct>&l9;</Acct></Stmt>")

    assert told.endswith(", which no statement needs")


def test_an_entity_from_elsewhere_is_not_fetched() -> None:
    declared = b'<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/passwd">]>'

    told = why(read_camt053, HEAD + declared + OPEN + b"<Id>&x;</Id></Stmt>")

    assert told == "header: declares a document type, which no statement needs"


def test_elements_in_elements_without_end_are_refused() -> None:
    told = why(read_camt053, HEAD, repeat(b"<Document>", 100_000))

    assert told == "line 1: nested more deeply than any statement"


@pytest.mark.parametrize("filler", [b"<x/>", b"text ", b"<!-- -->"])
def test_an_endless_file_without_an_entry_is_refused(filler: bytes) -> None:
    told = why(read_camt053, HEAD + OPEN, repeat(filler * 1000, MUCH // len(filler) // 1000))

    assert told == "file: holds what is too large to be a statement's"


@pytest.mark.parametrize(
    ("reader", "begins"),
    [
        (read_ofx, b"OFXHEADER:100\n\n<OFX><STMTRS><MEMO>"),
        (read_mt940, b":20:1\n:25:"),
        (read_guessed, b"Date,Amount\n2026-03-02,"),
    ],
)
def test_a_line_without_end_is_refused(reader: Any, begins: bytes) -> None:
    told = why(reader, begins, repeat(b"1" * 4096, MUCH // 4096))

    assert "too long" in told


@pytest.mark.parametrize("reader", [read_ofx, read_mt940, read_guessed])
def test_nul_is_refused(reader: Any) -> None:
    assert (
        why(reader, b"<OFX>\n:20:1\n2026-03-02,1\0,2\n") == "file: holds NUL, which no text does"
    )


def test_a_charset_that_the_bytes_are_not_in_is_refused() -> None:
    assert why(
        read_camt053, b'<?xml version="1.0" encoding="UTF-8"?><Document>\xff\xfe</Document>'
    )
    assert why(read_camt053, b'<?xml version="1.0" encoding="utf-77"?><Document></Document>')


@pytest.mark.parametrize(
    ("begins", "words"),
    [
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x1f\x8b\x08", "packed with gzip"),
        (b"%PDF-1.7", "a PDF"),
        (b"\xd0\xcf\x11\xe0", "an old spreadsheet"),
        (b"", "empty"),
    ],
)
def test_what_is_packed_is_not_opened(begins: bytes, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        format_of(begins)
