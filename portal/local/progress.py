"""What the person at the keyboard sees while they wait: one live line, or plain lines in a log."""

import contextlib
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

_BAR = 24
_CLEAR = "\r\x1b[2K"


class Progress:
    """Prints lines, with at most one live line below them; safe from several threads."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self.live = self._out.isatty()
        self._lock = threading.RLock()
        self._step: Step | None = None

    def say(self, line: str = "") -> None:
        with self._lock:
            self._write(f"{_CLEAR if self.live and self._step else ''}{line}\n")
            self._draw()

    @contextmanager
    def step(self, title: str) -> Iterator["Step"]:
        """Something that takes a while: a line that counts its seconds."""
        step = Step(self, title)
        ticker = threading.Thread(target=self._tick, args=(step,), daemon=True)
        with self._lock:
            self._step = step
        if self.live:
            ticker.start()
        else:
            self.say(f"{title} ...")
        try:
            yield step
        except BaseException as end:
            self._close(step, f"{title}: {'failed' if isinstance(end, Exception) else 'stopped'}")
            raise
        self._close(step, f"{title}: {step.summary or 'done'} ({step.seconds():.1f} s)")

    def _close(self, step: "Step", line: str) -> None:
        step.over.set()
        with self._lock:
            self._write(_CLEAR if self.live else "")
            self._step = None
            self.say(line)

    def _tick(self, step: "Step") -> None:
        while not step.over.wait(0.1):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if self.live and self._step and not self._step.over.is_set():
            self._write(f"{_CLEAR}{self._step.line()}"[: 110 + len(_CLEAR)])

    def _write(self, text: str) -> None:
        # A closed terminal or pipe must not keep anybody from stopping what runs.
        with contextlib.suppress(OSError, ValueError):
            self._out.write(text)
            self._out.flush()


class Step:
    """The live line's content."""

    def __init__(self, progress: Progress, title: str) -> None:
        self.over = threading.Event()
        self.summary = ""
        self._progress = progress
        self._title = title
        self._began = time.monotonic()
        self._done = 0
        self._total = 0
        self._note = ""

    @property
    def live(self) -> bool:
        return self._progress.live

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def update(self, done: int, total: int, note: str = "") -> None:
        """How far it is, and what it is at."""
        self._done, self._total, self._note = min(done, total), total, note

    def line(self) -> str:
        bar = ""
        if self._total:
            full = _BAR * self._done // self._total
            bar = f" [{'#' * full}{'.' * (_BAR - full)}] {self._done}/{self._total}"
        note = f"  {self._note}" if self._note else ""
        return f"{self._title}{bar} {self.seconds():.0f} s{note}"
