"""Where the files lie between being brought and being read: sealed, by bank and import, under no name of anybody's."""

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from uuid import UUID

from django.conf import settings

from partners.statements.formats import HEAD_BYTES
from portal.rest.problems import TooLarge
from portal.secrets.files import SealedReader, SealedWriter

_COLUMN = "partners_statementimport.file"
_OWNER_ALONE = 0o700


class FileTooLarge(TooLarge):
    """More than PORTAL_IMPORT_MEGABYTES."""

    def __init__(self) -> None:
        megabytes = settings.IMPORT_LIMIT // 1_000_000
        super().__init__(f"A statement file has at most {megabytes} MB. Cut it up by day.")


def require_size(declared: str | None) -> None:
    """Refuse by what the sender says of the length, before anything is read. Raises FileTooLarge."""
    if declared and declared.isdecimal() and int(declared) > settings.IMPORT_LIMIT:
        raise FileTooLarge


class Incoming:
    """A file on its way in: sealed, hashed and measured piece by piece, and never whole in memory."""

    def __init__(self, *, bank_id: UUID, import_id: UUID) -> None:
        self.import_id = import_id
        self.size = 0
        self.head = b""
        self._digest = sha256()
        self._path = _path(bank_id, import_id)
        self._path.parent.mkdir(mode=_OWNER_ALONE, parents=True, exist_ok=True)
        self._sealed = SealedWriter(self._path, bank_id=bank_id, column=_COLUMN, row_id=import_id)

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, piece: bytes) -> None:
        """Raises FileTooLarge; then nothing of it is kept."""
        self.size += len(piece)
        if self.size > settings.IMPORT_LIMIT:
            self.abandon()
            raise FileTooLarge
        if len(self.head) < HEAD_BYTES:
            self.head += piece[: HEAD_BYTES - len(self.head)]
        self._digest.update(piece)
        self._sealed.write(piece)

    def close(self) -> None:
        self._sealed.close()

    def abandon(self) -> None:
        """Let go of it: it was refused, broke off, or is here already."""
        self._sealed.abandon()
        self._path.unlink(missing_ok=True)


@contextlib.contextmanager
def opened(*, bank_id: UUID, import_id: UUID) -> Iterator[SealedReader]:
    """The file as it was brought. Raises FileNotFoundError, SecretUnreadable."""
    with SealedReader(
        _path(bank_id, import_id), bank_id=bank_id, column=_COLUMN, row_id=import_id
    ) as reader:
        yield reader


def forget(*, bank_id: UUID, import_id: UUID) -> None:
    """The file is gone, whether it was there or not."""
    _path(bank_id, import_id).unlink(missing_ok=True)


def lying(bank_id: UUID, *, since_before: datetime) -> list[UUID]:
    """Imports of the bank of which a file was written before then and is still here."""
    folder = settings.IMPORT_FOLDER / str(bank_id)
    found = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as listed:
        for each in listed:
            with contextlib.suppress(FileNotFoundError, ValueError):
                if each.stat(follow_symlinks=False).st_mtime < since_before.timestamp():
                    found.append(UUID(each.name))
    return found


def _path(bank_id: UUID, import_id: UUID) -> Path:
    folder: Path = settings.IMPORT_FOLDER
    return folder / str(bank_id) / str(import_id)
