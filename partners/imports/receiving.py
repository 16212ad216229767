"""Taking a file in, whichever door it comes by: sealed as it comes, then kept once."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from partners.imports.actions import Brought, keep_import
from partners.imports.files import Incoming
from partners.imports.models import StatementImport
from partners.statements.base import Malformed
from partners.statements.formats import format_of
from portal.tenancy.blocks import serving
from portal.tenancy.ids import new_id

PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Errand:
    """Who brings a file, and by which door."""

    bank_id: UUID
    door: str
    by: str


class Stream(Protocol):
    """Bytes that are read once."""

    def read(self, size: int, /) -> bytes: ...


@contextmanager
def incoming(bank_id: UUID) -> Iterator[Incoming]:
    """A file that is being brought; nothing of it stays where that breaks off."""
    coming = Incoming(bank_id=bank_id, import_id=new_id())
    try:
        yield coming
    except BaseException:
        coming.abandon()
        raise


def pieces(stream: Stream) -> Iterable[bytes]:
    """What comes, a piece at a time."""
    while piece := stream.read(PIECE_BYTES):
        yield piece


def why_refused(coming: Incoming) -> Malformed | None:
    """Why it is no statement at all, by how it begins."""
    try:
        format_of(coming.head)
    except Malformed as why:
        return why
    return None


def take_in(
    errand: Errand, coming: Incoming, *, file_name: str, account: str = "", at: datetime
) -> tuple[StatementImport, bool]:
    """Keep what has come as an import; False where it was brought before. Opens its own block."""
    refused = why_refused(coming)
    coming.close()
    brought = Brought(
        import_id=coming.import_id,
        file_name=file_name,
        door=errand.door,
        by=errand.by,
        sha256=coming.sha256,
        size=coming.size,
        account=account,
    )
    with serving(errand.bank_id):
        row, is_new = keep_import(brought, refused=refused, at=at)
    if not is_new or refused is not None:
        coming.abandon()
    return row, is_new
