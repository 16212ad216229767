"""A file at rest, sealed piece by piece, so that one of any length is written and read in the same memory.

The same keys and places as `sealing`, and the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár 2015): each
piece is AES-GCM under a nonce of a random prefix, its number, and whether it is the last. Pieces that were left
out, moved or cut off at the end do not open.
"""

import contextlib
import os
import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.secrets.keys import derive_key, master_keys
from portal.secrets.sealing import SecretUnreadable

PIECE_BYTES = 64 * 1024
_TAG_BYTES = 16
_PREFIX_BYTES = 7
_MAGIC = b"portal-file-v1 "
_LONGEST_HEAD = 128
_OWNER_ALONE = 0o600


def _place(*, bank_id: UUID, column: str, row_id: UUID) -> bytes:
    return f"portal:file:v1:{bank_id}:{column}:{row_id}".encode()


def _nonce(prefix: bytes, number: int, *, is_last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, is_last)


class SealedWriter:
    """Writes a new file for one place. It is whole once it is closed; until then it opens for nobody."""

    def __init__(self, path: Path, *, bank_id: UUID, column: str, row_id: UUID) -> None:
        newest = master_keys()[0]
        place = _place(bank_id=bank_id, column=column, row_id=row_id)
        self._cipher = AESGCM(derive_key(newest, place))
        self._place = place
        self._prefix = os.urandom(_PREFIX_BYTES)
        self._number = 0
        self._held = bytearray()
        created = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE)
        self._file: BinaryIO = os.fdopen(created, "wb")
        self._file.write(_MAGIC + newest.key_id.encode() + b"\n" + self._prefix)

    def write(self, data: bytes) -> None:
        self._held += data
        # The last piece may be full: whether one is the last is known when there is more, or the end.
        while len(self._held) > PIECE_BYTES:
            self._seal(bytes(self._held[:PIECE_BYTES]), is_last=False)
            del self._held[:PIECE_BYTES]

    def close(self) -> None:
        """Seal what is left, and have it on the disk before anybody relies on it."""
        self._seal(bytes(self._held), is_last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def abandon(self) -> None:
        """Let go of it without its end; what is not written yet need not be, nor can it on a full disk."""
        with contextlib.suppress(OSError):
            self._file.close()

    def _seal(self, piece: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._prefix, self._number, is_last=is_last)
        self._file.write(self._cipher.encrypt(nonce, piece, self._place))
        self._number += 1


class SealedReader:
    """Reads what `SealedWriter` wrote for the same place. Raises SecretUnreadable."""

    def __init__(self, path: Path, *, bank_id: UUID, column: str, row_id: UUID) -> None:
        self._file: BinaryIO = path.open("rb")
        self._place = _place(bank_id=bank_id, column=column, row_id=row_id)
        head = self._file.readline(_LONGEST_HEAD)
        self._prefix = self._file.read(_PREFIX_BYTES)
        named = head.removeprefix(_MAGIC).rstrip(b"\n").decode("ascii", "replace")
        key = next((each for each in master_keys() if each.key_id == named), None)
        if not head.startswith(_MAGIC) or key is None:
            self._file.close()
            raise SecretUnreadable("not a file that a known key can open")
        self._cipher = AESGCM(derive_key(key, self._place))
        self._number = 0
        self._following = self._file.read(PIECE_BYTES + _TAG_BYTES)
        self._open = bytearray()

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""
        while len(self._open) < size and self._following:
            self._open += self._opened()
        given = bytes(self._open[:size])
        del self._open[:size]
        return given

    def _opened(self) -> bytes:
        piece, self._following = self._following, self._file.read(PIECE_BYTES + _TAG_BYTES)
        nonce = _nonce(self._prefix, self._number, is_last=not self._following)
        self._number += 1
        try:
            return self._cipher.decrypt(nonce, piece, self._place)
        except InvalidTag as reason:
            raise SecretUnreadable("sealed for another place, altered or cut off") from reason

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> "SealedReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
