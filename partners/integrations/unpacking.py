"""A body as it came over the wire, made whole: no larger than an answer may be, packed once at most.

The HTTP library would unpack layer upon layer, each part of it whole: 275 bytes of gzip in gzip in gzip
then take every byte of memory that there is.
"""

import zlib
from collections.abc import Iterable

from partners.connectors.base import MAX_BODY_BYTES, BadAnswer

ACCEPTED = "gzip"
_PLAIN = frozenset({"", "identity"})
_PACKED = frozenset({"gzip", "x-gzip"})
_GZIP_WINDOW = 31  # zlib's word for a gzip header and its largest window


def whole_body(parts: Iterable[bytes], encoding: str) -> bytes:
    """The body of these parts. Raises BadAnswer where it is too large, cut short, or packed otherwise."""
    encoding = encoding.strip().lower()
    if encoding in _PLAIN:
        return _joined(parts)
    if encoding not in _PACKED:
        raise BadAnswer("packed in a way that was not asked for", "Content-Encoding")
    return _joined(_unpacked(parts))


def _joined(parts: Iterable[bytes]) -> bytes:
    kept, size = [], 0
    for part in parts:
        kept.append(part)
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise BadAnswer("larger than an answer may be")
    return b"".join(kept)


def _unpacked(parts: Iterable[bytes]) -> Iterable[bytes]:
    unpacker = zlib.decompressobj(_GZIP_WINDOW)
    begun = False
    try:
        for part in parts:
            begun = True
            # One byte more than may be is enough to know that it is too large.
            yield unpacker.decompress(part, MAX_BODY_BYTES + 1)
            if unpacker.unconsumed_tail:
                raise BadAnswer("larger than an answer may be")
    except zlib.error:
        raise BadAnswer("not packed as it says", "Content-Encoding") from None
    if begun and (not unpacker.eof or unpacker.unused_data):
        raise BadAnswer("cut short, or followed by something else", "Content-Encoding")
