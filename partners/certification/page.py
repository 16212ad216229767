"""The report as one page that needs nothing else: to be kept, sent on, read on a phone, printed."""

from __future__ import annotations

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from partners.certification.report import Conclusion, Report, Result, Verdict
from portal.environment import ROOT

_SHEETS = ("tokens.css", "report.css")
_WORDS = {
    Verdict.PASSED: ("Passed", "good", "\u2713"),
    Verdict.WARNED: ("Warning", "warn", "!"),
    Verdict.FAILED: ("Failed", "danger", "\u2717"),
    Verdict.SKIPPED: ("Not made", "quiet", "\u2013"),
}
_TONES = {
    Conclusion.READY: "good",
    Conclusion.NOT_READY: "danger",
    Conclusion.NOT_JUDGED: "warn",
}


def render_page(report: Report) -> str:
    return render_to_string(
        "partners/certification/report.file.html",
        {
            "portal_name": settings.PORTAL_NAME,
            "report": report,
            "tone": _TONES[report.conclusion],
            "style": _style(),
            "counts": [
                {
                    "word": _counted(word, report.counts[verdict]),
                    "tone": tone,
                    "number": report.counts[verdict],
                }
                for verdict, (word, tone, _mark) in _WORDS.items()
            ],
            "failed": [_shown(each) for each in report.results if each.verdict == Verdict.FAILED],
            "warned": [_shown(each) for each in report.results if each.verdict == Verdict.WARNED],
            "groups": [
                {"title": group.title, "results": [_shown(each) for each in group.results]}
                for group in report.groups
            ],
        },
    )


def _counted(word: str, number: int) -> str:
    return "Warnings" if word == "Warning" and number != 1 else word


def _style() -> str:
    """Our own sheets, in the page itself: it may be opened where nothing of ours can be reached."""
    folder = ROOT / "portal/design/static/design"
    sheets = "\n".join((folder / name).read_text(encoding="utf-8") for name in _SHEETS)
    return mark_safe(sheets)  # noqa: S308  # files of this repository


def _shown(result: Result) -> dict[str, object]:
    word, tone, mark = _WORDS[result.verdict]
    return {
        "check": result.check,
        "anchor": result.check.id.replace(".", "-"),
        "word": word,
        "tone": tone,
        "mark": mark,
        "aside": result.reason or result.told,
        "findings": result.findings,
        "exchanges": result.exchanges,
        "open": result.verdict == Verdict.FAILED,
    }
