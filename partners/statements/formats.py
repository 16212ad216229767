"""Which format a file is, by how it begins; and what it is where it is no statement at all."""

import re
from collections.abc import Mapping

from partners.statements.base import Malformed, Reader
from partners.statements.camt053 import read_camt053
from partners.statements.mt940 import read_mt940
from partners.statements.ofx import read_ofx

OFX, CAMT053, MT940, CSV = "ofx", "camt.053", "mt940", "csv"
# Those that need nothing but the file. A table needs a mapping too.
READERS: Mapping[str, Reader] = {OFX: read_ofx, CAMT053: read_camt053, MT940: read_mt940}
HEAD_BYTES = 4096

# What a file is packed in is not opened: how large it would become is nobody's to try.
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "a ZIP archive or a spreadsheet (.xlsx): unpack it, or save it as CSV"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\x1f\x8b", "packed with gzip: unpack it first"),
    (b"BZh", "packed with bzip2: unpack it first"),
    (b"\xfd7zXZ\x00", "packed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd: unpack it first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first"),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first"),
    (b"%PDF-", "a PDF, and no statement for machines: ask for OFX, camt.053, MT940 or CSV"),
    (b"\xd0\xcf\x11\xe0", "an old spreadsheet or document (.xls, .doc): save it as CSV"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_OFX = re.compile(r"OFXHEADER\s*[:=]|<OFX>|<\?OFX\b", re.IGNORECASE)
_MT940 = re.compile(r"(?:^|[\r\n])\s*(?:\{1:|\{4:|:20:|:25:)|^\s*\{1:")


def format_of(head: bytes) -> str:
    """By its first bytes, whatever it is called. Raises Malformed for what no statement begins with."""
    for begins, words in _OTHERS:
        if head.startswith(begins):
            raise Malformed("file", words)
    if not head.strip():
        raise Malformed("file", "empty")
    text = _text(head)
    if "\0" in text:
        raise Malformed("file", "holds NUL, which no text does")
    if _OFX.search(text):
        return OFX
    if text.lstrip().startswith("<"):
        return CAMT053
    if _MT940.search(text):
        return MT940
    return CSV


def _text(head: bytes) -> str:
    if head.startswith(_MARKS[1]):
        return head[2 : len(head) // 2 * 2].decode("utf-16-le", "replace")
    if head.startswith(_MARKS[2]):
        return head[2 : len(head) // 2 * 2].decode("utf-16-be", "replace")
    return head.removeprefix(_MARKS[0]).decode("latin-1")
