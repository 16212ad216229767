"""The report for a terminal: one line a check, what is wrong below it, the conclusion last."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TextIO

from partners.certification.report import (
    Check,
    Conclusion,
    Exchange,
    Report,
    Result,
    Verdict,
    counted,
)

_MARKS: Mapping[Verdict, tuple[str, str]] = {
    Verdict.PASSED: ("\u2713", "32"),
    Verdict.WARNED: ("!", "33"),
    Verdict.FAILED: ("\u2717", "31"),
    Verdict.SKIPPED: ("\u2013", "2"),
}
_CONCLUSIONS: Mapping[Conclusion, str] = {
    Conclusion.READY: "32",
    Conclusion.NOT_READY: "31",
    Conclusion.NOT_JUDGED: "33",
}
_WIDTH = 96
_TITLE = 52
_SHOWN_BODY = 600
_CLEAR = "\r\x1b[2K"


@dataclass
class Terminal:
    """Writes lines as the walk goes on; with colours and a live line where somebody watches."""

    out: TextIO
    colours: bool
    live: bool
    verbose: bool = False
    _group: str = ""
    _next_group: str = ""
    _open: bool = field(default=False)

    def head(self, bank: str, standard: str) -> None:
        self._line(self._painted(f"Checking {bank}", "1"))
        self._line(f"as a bank of {standard}")

    def say(self, words: str) -> None:
        """Something that somebody has to read now."""
        self._clear()
        self._line(f"\n{words}" if "\n" in words else f"      {words}")

    def begin(self, group: str, check: Check) -> None:
        self._next_group = group
        if self.live:
            self.out.write(f"{_CLEAR}  {self._painted('…', '2')} {check.title}")
            self.out.flush()
            self._open = True

    def heard(self, result: Result) -> None:
        self._clear()
        if not result.asked_for:
            return
        if self._next_group != self._group:
            self._group = self._next_group
            self._line(f"\n{self._painted(self._group, '1')}")
        mark, colour = _MARKS[result.verdict]
        aside = plain(result.reason or result.told)
        title = f"{result.check.title:<{_TITLE}}"
        self._line(
            f"  {self._painted(mark, colour)} {title} "
            f"{self._painted(result.check.id, '2')}{f'  {aside}' if aside else ''}"
        )
        for finding in result.findings:
            self._paragraph(plain(f"{finding.words} [{finding.code}]"), "      ")
            self._paragraph(plain(finding.advice), "      \u2192 ")
        if self.verbose or result.verdict == Verdict.FAILED:
            for exchange in result.exchanges if self.verbose else result.exchanges[-1:]:
                self._exchange(exchange)

    def conclude(self, report: Report) -> None:
        counts = report.counts
        self._line(
            f"\n{counts[Verdict.PASSED]} passed, {counted(counts[Verdict.WARNED], 'warning')}, "
            f"{counts[Verdict.FAILED]} failed, {counts[Verdict.SKIPPED]} not made, "
            f"in {report.seconds:.1f} s."
        )
        self._line(self._painted(report.words, f"1;{_CONCLUSIONS[report.conclusion]}"))

    def _exchange(self, exchange: Exchange) -> None:
        lines = [f"asked     {exchange.method} {exchange.url}"]
        lines += [f"            {each}" for each in _some(exchange.asked_body)]
        lines.append(f"answered  {exchange.answer}")
        lines += [f"            {each}" for each in _some(exchange.answered_body)]
        for line in lines:
            self._line(self._painted(f"        {plain(line)}", "2"))

    def _paragraph(self, words: str, lead: str) -> None:
        if words:
            indent = " " * len(lead)
            for line in textwrap.wrap(
                words, _WIDTH, initial_indent=lead, subsequent_indent=indent
            ):
                self._line(line)

    def _clear(self) -> None:
        if self._open:
            self.out.write(_CLEAR)
            self._open = False

    def _painted(self, words: str, colour: str) -> str:
        return f"\x1b[{colour}m{words}\x1b[0m" if self.colours else words

    def _line(self, words: str) -> None:
        self.out.write(f"{words}\n")
        self.out.flush()


def plain(words: str) -> str:
    """Words on one line without what a terminal would take for an order."""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in words)


def _some(body: str) -> list[str]:
    """The beginning of a body."""
    lines = body[:_SHOWN_BODY].splitlines()
    return [*lines, "…"] if len(body) > _SHOWN_BODY else lines
