"""A bank's word that it shared nothing in a time, as a file that `verify.py` checks: from the tree before the time
every leaf up to its end, opened, and a signature over both ends.

Where the log did not grow there is no leaf in it, and it says nothing that is not published already.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from accounts.disclosure.exporting import CHUNK, Line, leaves_and_checkpoints
from accounts.disclosure.models import Checkpoint
from accounts.disclosure.notes import in_base64, instant, key_hash
from accounts.disclosure.proofs import signed_head
from accounts.disclosure.sealing import origin_of
from accounts.disclosure.tree import HASH_BYTES
from accounts.disclosure.verify import (
    LONGEST_UNSEALED,
    NOTHING_SHARED,
    nothing_shared_text,
    read_note,
    shares_nothing,
)
from portal.secrets.signing import signer
from portal.tenancy.blocks import current_bank_id, serving

# A record is sealed within a second; what was not within this is held to be kept from the log.
SEALED_WITHIN: timedelta = LONGEST_UNSEALED


@dataclass(frozen=True)
class Ends:
    """What the tree was before a time, and when all of the time was sealed; none: nothing was sealed yet."""

    first: Checkpoint | None
    last: Checkpoint | None

    @property
    def span(self) -> tuple[int, int]:
        """The leaves between them."""
        return (self.first.size if self.first else 0, self.last.size if self.last else 0)


def ends_of(begin: datetime, end: datetime) -> Ends:
    """In the bank's block."""
    sizes = Checkpoint.objects.order_by("-at", "-size")
    return Ends(
        sizes.filter(at__lte=begin).first(), sizes.filter(at__lte=end + SEALED_WITHIN).first()
    )


def can_be_stated(end: datetime, *, at: datetime) -> bool:
    """Whether all of a time can have been sealed."""
    return at >= end + SEALED_WITHIN


def statement_lines(
    bank_id: UUID, *, begin: datetime, end: datetime, at: datetime
) -> Iterator[Line]:
    """The statement. It breaks off unsigned at the first leaf that was shown to somebody."""
    with serving(bank_id):
        ends = ends_of(begin, end)
        said = _begin_line(ends, begin, end, at)
    yield said
    start, size = ends.span
    for place in range(start, size, CHUNK):
        with serving(bank_id):
            chunk = list(leaves_and_checkpoints(place, min(place + CHUNK, size)))
        for line in chunk:
            if line["type"] == "leaf" and not _shares_nothing(line):
                return
            yield line
    with serving(bank_id):
        yield _signed_line(said, ends, at)


def _begin_line(ends: Ends, begin: datetime, end: datetime, at: datetime) -> Line:
    first = ends.first
    packed = bytes(first.frontier) if first else b""
    peaks = [packed[place : place + HASH_BYTES] for place in range(0, len(packed), HASH_BYTES)]
    return {
        "type": "statement",
        "version": NOTHING_SHARED,
        "origin": origin_of(current_bank_id()),
        "since": instant(begin),
        "until": instant(end),
        "made_at": instant(at),
        "first": _note(first),
        "peaks": [each.hex() for each in peaks],
    }


def _signed_line(said: Line, ends: Ends, at: datetime) -> Line:
    first, last = (read_note(_note(each)) if each else None for each in (ends.first, ends.last))
    signing = signer(at=at)
    named = key_hash(said["origin"], signing.public_key)
    signature = signing.sign(nothing_shared_text(said, first, last).encode())
    return {"type": "signed", "signature": in_base64(named + signature)}


def _shares_nothing(line: Line) -> bool:
    # What lost its record may have been shown to anybody.
    return line["fields"] is not None and shares_nothing(line["kind"], line["fields"])


def _note(row: Checkpoint | None) -> str:
    return "" if row is None else signed_head(row).note
