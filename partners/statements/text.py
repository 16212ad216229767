"""Bytes to text, piece by piece: what a file declares, UTF-8, or else what old systems write."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from partners.statements.base import MOST_CHARACTERS, Malformed, Source

PIECE_BYTES = 64 * 1024
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def _as_windows(problem: UnicodeError) -> tuple[str, int]:
    """One byte that is not UTF-8, as Windows (1252) reads it; what that has no sign for, as Latin-1."""
    if not isinstance(problem, UnicodeDecodeError):
        raise problem
    byte = problem.object[problem.start : problem.start + 1]
    try:
        return byte.decode("cp1252"), problem.start + 1
    except UnicodeDecodeError:
        return byte.decode("latin-1"), problem.start + 1


codecs.register_error("portal.windows", _as_windows)


def pieces_of(source: Source, *, encoding: str = "") -> Iterator[str]:
    """The file's text. `encoding` is what its header declares; a byte order mark outweighs it. Raises Malformed."""
    first = source.read(PIECE_BYTES)
    named, first = _marked(first)
    decoder = _decoder(named or encoding or "utf-8")
    while first:
        try:
            text = decoder.decode(first)
        except UnicodeDecodeError:
            raise Malformed("file", f"not written in {named or encoding}") from None
        if "\0" in text:
            raise Malformed("file", "holds NUL, which no text does")
        if text:
            yield text
        first = source.read(PIECE_BYTES)
    try:
        rest = decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise Malformed("file", f"not written in {named or encoding}, or cut off") from None
    if rest:
        yield rest


def _marked(first: bytes) -> tuple[str, bytes]:
    for mark, name in _MARKS:
        if first.startswith(mark):
            return name, first[len(mark) :]
    return "", first


def _decoder(encoding: str) -> codecs.IncrementalDecoder:
    try:
        return codecs.getincrementaldecoder(encoding)(
            "portal.windows" if encoding == "utf-8" else "strict"
        )
    except LookupError:
        raise Malformed("header", "names an encoding that nobody knows") from None


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end, numbered from 1; `whole`: its end was there."""

    number: int
    text: str
    whole: bool = True

    @property
    def where(self) -> str:
        return f"line {self.number}"


def lines_of(pieces: Iterator[str]) -> Iterator[Line]:
    """The lines, however they end (CR LF, LF, or CR). Raises Malformed where one is longer than any statement's."""
    number, left = 0, ""
    for piece in pieces:
        held = left + piece
        # A CR at the end may be half of a CR LF.
        waits = "\r" if held.endswith("\r") else ""
        texts = held.removesuffix(waits).replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for each in texts[:-1]:
            number += 1
            yield Line(number, each)
        left = texts[-1] + waits
        if len(left) > MOST_CHARACTERS:
            raise Malformed(f"line {number + 1}", "is too long")
    if left:
        yield Line(number + 1, left.removesuffix("\r"), whole=left.endswith("\r"))
