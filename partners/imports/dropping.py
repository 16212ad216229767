"""The folder in which a bank drops files, as an SFTP server writes them: looked into, and tidied behind.

    <root>/<bank's name>/            what is dropped; the folder is made by whoever gives the bank its access
    <root>/<bank's name>/reading/    taken, and not read to the end yet
    <root>/<bank's name>/done/       read
    <root>/<bank's name>/refused/    refused, each with its reason beside it

Only a plain file is taken, by a name in the folder itself, and only once it is complete: its size and time are as they were
at an earlier look. Links are not followed: everything is opened relative to the folder that was opened first.
"""

import contextlib
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import connection

from partners.banks.models import Bank
from partners.imports.actions import Brought, keep_import
from partners.imports.files import FileTooLarge, Incoming
from partners.imports.models import StatementImport
from partners.imports.queries import ended_among
from partners.imports.receiving import why_refused
from partners.statements.base import Malformed
from portal.tenancy.blocks import serving
from portal.tenancy.ids import new_id

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

READING, DONE, REFUSED = "reading", "done", "refused"
AT_MOST = 50
_PIECE = 64 * 1024
_LOOK_AGAIN = timedelta(seconds=5)
_REMEMBERED = 600
_BEING_WRITTEN = (".part", ".tmp", ".filepart")
_NOT_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ID_LENGTH = 36


@dataclass(frozen=True)
class _Folders:
    """One bank's, opened: descriptors that stay what they were whatever is put in their place."""

    dropped: int
    reading: int
    done: int
    refused: int


def look(bank: Bank, *, clock: Clock) -> int:
    """Take what is complete, and put away what was read; how many were taken. One worker at a time for each bank."""
    with _opened(bank.slug) as folders, _alone(bank) as is_alone:
        if folders is None or not is_alone:
            return 0
        _put_away(bank.id, folders, clock)
        return sum(_take(bank, folders, name, clock) for name in _complete(bank, folders, clock))


@contextmanager
def _opened(slug: str) -> Iterator[_Folders | None]:
    """None where the bank has no folder, or there is a link in its place."""
    with contextlib.ExitStack() as opened:

        def folder(name: str, within: int | None = None, *, make: bool = True) -> int:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o770, dir_fd=within)
            descriptor = os.open(name, _FOLDER, dir_fd=within)
            opened.callback(os.close, descriptor)
            return descriptor

        try:
            root = folder(str(settings.DROP_FOLDER), make=False)
            dropped = folder(slug, root, make=False)
            inner = (folder(each, dropped) for each in (READING, DONE, REFUSED))
            folders = _Folders(dropped, *inner)
        except OSError:
            folders = None
        yield folders


@contextmanager
def _alone(bank: Bank) -> Iterator[bool]:
    """Another worker that looks just now has this bank's folder; freed when the process dies."""
    key = f"drop:{bank.id}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [key])
        is_alone = bool(cursor.fetchone()[0])
        try:
            yield is_alone
        finally:
            if is_alone:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [key])


def _complete(bank: Bank, folders: _Folders, clock: Clock) -> list[str]:
    """The names of files that are as they were at an earlier look."""
    now, found = clock().timestamp(), []
    for name in sorted(os.listdir(folders.dropped)):  # noqa: PTH208  # by its descriptor
        if name.startswith(".") or name.lower().endswith(_BEING_WRITTEN):
            continue
        with contextlib.suppress(OSError):
            seen = os.stat(name, dir_fd=folders.dropped, follow_symlinks=False)
            if not stat.S_ISREG(seen.st_mode):
                continue
            if _is_as_before(bank.id, (name, seen.st_ino, seen.st_size, seen.st_mtime_ns), now):
                found.append(name)
    return found[:AT_MOST]


def _is_as_before(bank_id: UUID, looks: tuple[str, int, int, int], now: float) -> bool:
    """What is forgotten of a look costs one look more."""
    name, inode, size, changed = looks
    key = f"drop:{bank_id}:{inode}"
    before = cache.get(key)
    if before is not None and before[:3] == [name, size, changed]:
        return bool(now - before[3] >= _LOOK_AGAIN.total_seconds())
    cache.set(key, [name, size, changed, now], timeout=_REMEMBERED)
    return False


def _take(bank: Bank, folders: _Folders, name: str, clock: Clock) -> bool:
    """Seal it, keep its import, and move it aside; what could not be opened stays."""
    try:
        descriptor = os.open(name, _NOT_FOLLOWED, dir_fd=folders.dropped)
    except OSError as problem:
        logger.warning("drop folder of %s: %s", bank.slug, type(problem).__name__)
        return False
    with os.fdopen(descriptor, "rb", buffering=0) as source:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        coming = Incoming(bank_id=bank.id, import_id=new_id())
        try:
            while piece := source.read(_PIECE):
                coming.write(piece)
            _keep(bank, folders, name, coming, clock)
        except FileTooLarge as refused:
            _move(folders.dropped, name, folders.refused, name, reason=refused.detail)
        except BaseException:
            coming.abandon()
            raise
    return True


def _keep(bank: Bank, folders: _Folders, name: str, coming: Incoming, clock: Clock) -> None:
    refused: Malformed | None = why_refused(coming)
    coming.close()
    brought = Brought(
        import_id=coming.import_id,
        file_name=name,
        door=StatementImport.Door.FOLDER,
        by="folder",
        sha256=coming.sha256,
        size=coming.size,
    )
    # Named by the import before there is one: a worker that dies between leaves a file that is dropped anew.
    moved = f"{coming.import_id}.{name}"
    _rename(folders.dropped, name, folders.reading, moved)
    with serving(bank.id):
        row, is_new = keep_import(brought, refused=refused, at=clock())
    if is_new and refused is None:
        return
    coming.abandon()
    if not is_new:
        told = f"imported already on {row.received_at:%Y-%m-%d %H:%M} UTC"
        _move(folders.reading, moved, folders.done, name, reason=told)


def _put_away(bank_id: UUID, folders: _Folders, clock: Clock) -> None:
    """Move what was read to its end; what has no import was taken by a worker that died, and is dropped anew."""
    taken = os.listdir(folders.reading)  # noqa: PTH208  # by its descriptor
    by_id = {UUID(each[:_ID_LENGTH]): each for each in taken if _has_id(each)}
    if not by_id:
        return
    with serving(bank_id):
        ended, known = ended_among(list(by_id))
    for import_id, moved in by_id.items():
        name = moved[_ID_LENGTH + 1 :]
        if import_id in ended:
            why = ended[import_id]
            _move(
                folders.reading, moved, folders.refused if why else folders.done, name, reason=why
            )
        elif import_id not in known and _is_left(folders.reading, moved, clock):
            _rename(folders.reading, moved, folders.dropped, name)


def _has_id(name: str) -> bool:
    with contextlib.suppress(ValueError):
        return len(name) > _ID_LENGTH + 1 and bool(UUID(name[:_ID_LENGTH]))
    return False


def _is_left(folder: int, name: str, clock: Clock) -> bool:
    with contextlib.suppress(OSError):
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return clock().timestamp() - seen.st_ctime > _LOOK_AGAIN.total_seconds()
    return False


def _move(source: int, name: str, target: int, wanted: str, *, reason: str) -> None:
    """Put it there under its name, or one like it where that is taken; the reason beside it where there is one."""
    kept = _rename(source, name, target, wanted)
    if reason:
        told = os.open(
            f"{kept}.reason.txt",
            os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW,
            0o640,
            dir_fd=target,
        )
        with os.fdopen(told, "w", encoding="utf-8") as file:
            file.write(f"{reason}\n")


def _rename(source: int, name: str, target: int, wanted: str) -> str:
    """A name that is taken is nobody's to overwrite."""
    for number in range(1000):
        stem, dot, ending = wanted.rpartition(".")
        free = (
            wanted
            if not number
            else f"{stem or ending}-{number}{dot if stem else ''}{ending if stem else ''}"
        )
        try:
            os.stat(free, dir_fd=target, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(name, free, src_dir_fd=source, dst_dir_fd=target)
            return free
    raise FileExistsError(wanted)
