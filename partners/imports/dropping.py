"""The folder in which a bank drops files, as an SFTP server writes them: looked into, and tidied behind.

    <root>/<bank's name>/            what is dropped; the folder is made by whoever gives the bank its access
    <root>/<bank's name>/reading/    taken, and not read to the end yet
    <root>/<bank's name>/done/       read
    <root>/<bank's name>/refused/    refused, each with its reason beside it

Only a plain file is taken, by a name in the folder itself, and only once it is complete: its size and time are as they were
at an earlier look. Links are not followed: everything is opened relative to the folder that was opened first.

A name is bytes of any kind and length. In `reading/` a file is called by its import's id alone, and put away under what
can be kept of its name. What goes wrong with one file, or at one bank, stops no other.
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

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, DataError, InterfaceError, connection

from partners.banks.models import Bank
from partners.imports.files import FileTooLarge
from partners.imports.models import StatementImport
from partners.imports.queries import imports_among
from partners.imports.receiving import Errand, Stream, incoming, pieces, take_in
from partners.imports.rules import file_name_of
from portal.tenancy.blocks import serving

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

READING, DONE, REFUSED = "reading", "done", "refused"
AT_MOST = 50
_LOOK_AGAIN = timedelta(seconds=5)
_REMEMBERED = 600
_BEING_WRITTEN = (".part", ".tmp", ".filepart")
_NOT_FOLLOWED = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_ID_LENGTH = 36
_REASON = ".reason.txt"
# Of the 255 bytes that a name may have, with what we put behind it.
_LONGEST_NAME = 255 - len("-999") - len(_REASON)
_NOT_TAKEN = "file: could not be taken in, by a fault of ours; drop it again"


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
        _put_away(bank, folders, clock)
        taken = 0
        for name in _complete(bank, folders, clock):
            taken += _take(bank, folders, name, clock)
            if taken == AT_MOST:
                break
        return taken


@contextmanager
def passed_over(bank: Bank) -> Iterator[None]:
    """What goes wrong in the block is logged, without the name of a file, and those that come after it go on."""
    try:
        yield
    except SoftTimeLimitExceeded:
        raise
    except OSError as problem:
        logger.warning("drop folder of %s: %s", bank.slug, problem.strerror)
    except Exception:
        logger.exception("drop folder of %s", bank.slug)


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
    return found


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
    """Seal it, keep its import, and move it aside; what could not be opened or sealed stays, for another look."""
    with passed_over(bank):
        descriptor = os.open(name, _NOT_FOLLOWED, dir_fd=folders.dropped)
        with os.fdopen(descriptor, "rb", buffering=0) as source:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                _take_in(bank, folders, name, source, clock)
                return True
    return False


def _take_in(bank: Bank, folders: _Folders, name: str, source: Stream, clock: Clock) -> None:
    errand = Errand(bank.id, StatementImport.Door.FOLDER, "folder")
    try:
        with incoming(bank.id) as coming:
            for piece in pieces(source):
                coming.write(piece)
            row, is_new = take_in(errand, coming, file_name=_shown(name), at=clock())
    except FileTooLarge as refused:
        _move(folders.dropped, name, folders.refused, _kept_name(name), reason=refused.detail)
    except Exception as problem:
        if _may_pass(problem):
            raise
        logger.exception("a file in the drop folder of %s was refused", bank.slug)
        _move(folders.dropped, name, folders.refused, _kept_name(name), reason=_NOT_TAKEN)
    else:
        _move_aside(folders, name, row, is_new=is_new)


def _may_pass(problem: Exception) -> bool:
    """The disk, the database, or our time: what cannot be taken in now can be later; a value that has no place never can."""
    passing = (OSError, DatabaseError, InterfaceError, SoftTimeLimitExceeded)
    return isinstance(problem, passing) and not isinstance(problem, DataError)


def _move_aside(folders: _Folders, name: str, row: StatementImport, *, is_new: bool) -> None:
    """Into `reading/`, where its import will have it put away; what is not new may be what a dead worker left here."""
    waits = str(row.id)
    if is_new or not (row.is_over or _is_there(waits, folders.reading)):
        os.rename(name, waits, src_dir_fd=folders.dropped, dst_dir_fd=folders.reading)
        return
    told = f"imported already on {row.received_at:%Y-%m-%d %H:%M} UTC"
    _move(folders.dropped, name, folders.done, _kept_name(name), reason=told)


def _put_away(bank: Bank, folders: _Folders, clock: Clock) -> None:
    """Move what was read to its end; what has no import was taken by a worker that died, and is dropped anew."""
    taken = os.listdir(folders.reading)  # noqa: PTH208  # by its descriptor
    by_id = {UUID(each[:_ID_LENGTH]): each for each in taken if _has_id(each)}
    if not by_id:
        return
    with serving(bank.id):
        rows = {each.id: each for each in imports_among(list(by_id))}
    for import_id, moved in by_id.items():
        with passed_over(bank):
            row = rows.get(import_id)
            if row is not None and row.is_over:
                _put(folders, moved, row)
            elif row is None and _is_left(folders.reading, moved, clock):
                again = moved[_ID_LENGTH + 1 :] or moved
                _move(folders.reading, moved, folders.dropped, again)


def _put(folders: _Folders, moved: str, row: StatementImport) -> None:
    wanted = _kept_name(row.file_name)
    if row.refused_reason:
        why = f"{row.refused_where}: {row.refused_reason}"
        _move(folders.reading, moved, folders.refused, wanted, reason=why)
    else:
        _move(folders.reading, moved, folders.done, wanted)


def _has_id(name: str) -> bool:
    """Whether it is an import's, alone or before a name, as it was written once."""
    with contextlib.suppress(ValueError):
        return name[_ID_LENGTH : _ID_LENGTH + 1] in {"", "."} and bool(UUID(name[:_ID_LENGTH]))
    return False


def _is_left(folder: int, name: str, clock: Clock) -> bool:
    with contextlib.suppress(OSError):
        seen = os.stat(name, dir_fd=folder, follow_symlinks=False)
        return clock().timestamp() - seen.st_ctime > _LOOK_AGAIN.total_seconds()
    return False


def _is_there(name: str, folder: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        os.stat(name, dir_fd=folder, follow_symlinks=False)
        return True
    return False


# --- names ----------------------------------------------------------------------------------------


def _shown(name: str) -> str:
    """A name as text, whatever its bytes are."""
    return os.fsencode(name).decode("utf-8", "replace")


def _kept_name(name: str) -> str:
    """What can be kept of a name in a folder: its end, where it is long."""
    cut = file_name_of(_shown(name)).encode()[-_LONGEST_NAME:]
    kept = cut.decode("utf-8", "ignore")
    return kept if kept.strip(".") else "file"


def _move(source: int, name: str, target: int, wanted: str, *, reason: str = "") -> None:
    """Put it there under its name, or one like it where that is taken; the reason beside it where there is one."""
    kept = _free(wanted, target)
    with contextlib.ExitStack() as undone:
        if reason:
            # Told first: what was moved is not looked at again.
            told = os.open(f"{kept}{_REASON}", _NEW, 0o640, dir_fd=target)
            undone.callback(os.unlink, f"{kept}{_REASON}", dir_fd=target)
            with os.fdopen(told, "w", encoding="utf-8") as file:
                file.write(f"{reason}\n")
        os.rename(name, kept, src_dir_fd=source, dst_dir_fd=target)
        undone.pop_all()


def _free(wanted: str, folder: int) -> str:
    """A name that is taken, or whose reason's is, is nobody's to overwrite."""
    stem, dot, ending = wanted.rpartition(".")
    for number in range(1000):
        free = wanted
        if number:
            free = f"{stem}-{number}{dot}{ending}" if stem else f"{wanted}-{number}"
        if not (_is_there(free, folder) or _is_there(f"{free}{_REASON}", folder)):
            return free
    raise FileExistsError
