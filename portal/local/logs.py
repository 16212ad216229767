"""Watches the parts' logs: trouble goes to the console in short lines, size is kept in bounds."""

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

_LARGEST = 10 * 1024 * 1024
_LONGEST_LINE = 160
_LINES_A_WINDOW = 5
_WINDOW = 10.0
_TROUBLE = re.compile(
    r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^[A-Za-z_][\w.]*(Error|Exception|Exit): |^Error: "
)


class LogWatch:
    """One log file, read from where it ended when we began."""

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path = path
        self._tell = tell
        self._read = path.stat().st_size if path.exists() else 0
        self._inode = path.stat().st_ino if path.exists() else 0
        self._window_began = 0.0
        self._told = 0

    def look(self) -> None:
        """Tell of trouble in what was added since the last look; rotate a file that is too large."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return
        if status.st_ino != self._inode or status.st_size < self._read:
            self._inode, self._read = status.st_ino, 0
        if status.st_size > self._read:
            self._read_on(status.st_size)
        if status.st_size > _LARGEST:
            self._rotate()

    def _read_on(self, size: int) -> None:
        with self._path.open("rb") as log:
            log.seek(self._read)
            text = log.read(min(size - self._read, 65536))
        whole = text[: text.rfind(b"\n") + 1] or (text if len(text) == 65536 else b"")  # noqa: PLR2004
        self._read += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            if _TROUBLE.search(line):
                self._report(line.strip())

    def _report(self, line: str) -> None:
        now = time.monotonic()
        if now - self._window_began > _WINDOW:
            self._window_began, self._told = now, 0
        self._told += 1
        if self._told <= _LINES_A_WINDOW:
            self._tell(f"{self._path.stem} | {line[:_LONGEST_LINE]}")
        elif self._told == _LINES_A_WINDOW + 1:
            self._tell(f"{self._path.stem} | more in {self._path}")

    def _rotate(self) -> None:
        # The writer has the file open for appending: copy it away, then empty it in place.
        shutil.copyfile(self._path, self._path.with_suffix(".log.1"))
        with self._path.open("r+b") as log:
            log.truncate(0)
        self._read = 0
