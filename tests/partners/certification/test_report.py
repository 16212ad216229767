"""The report in its forms: for a terminal, for a program, as a page."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest

from partners.certification.catalogue import every_check
from partners.certification.checking import write_json, write_page
from partners.certification.report import (
    Check,
    Conclusion,
    Exchange,
    Finding,
    Group,
    Report,
    Result,
    Verdict,
)
from partners.certification.text import Terminal
from tests.ports import free_port
from tests.sandbox_bank import REPOSITORY, SandboxBank

CHECK = Check("freeze.done", "It freezes a card", "PUT freezes.", "RFC 1")
NASTY = "<script>alert(1)</script>\x1b[2J"


def made(verdict: Verdict, check: Check = CHECK, **rest: object) -> Result:
    return Result(check, verdict, **rest)  # type: ignore[arg-type]


def reported(*results: Result) -> Report:
    groups = (Group("Freezing a card", results),)
    return Report(
        "https://bank.example", "UK", datetime(2026, 3, 30, 9, 0, tzinfo=UTC), 1.0, groups
    )


OPTIONAL = Check("decision.done", "It takes the word", "PUT takes.", "RFC 2", required=False)


@pytest.mark.parametrize(
    ("results", "conclusion", "code"),
    [
        ([made(Verdict.PASSED)], Conclusion.READY, 0),
        ([made(Verdict.PASSED), made(Verdict.WARNED)], Conclusion.READY, 0),
        ([made(Verdict.PASSED), made(Verdict.FAILED)], Conclusion.NOT_READY, 1),
        ([made(Verdict.FAILED), made(Verdict.SKIPPED)], Conclusion.NOT_JUDGED, 2),
        ([made(Verdict.PASSED), made(Verdict.SKIPPED)], Conclusion.NOT_JUDGED, 2),
        ([made(Verdict.PASSED), made(Verdict.SKIPPED, OPTIONAL)], Conclusion.READY, 0),
        ([made(Verdict.PASSED), made(Verdict.SKIPPED, asked_for=False)], Conclusion.READY, 0),
        (
            [made(Verdict.PASSED), made(Verdict.SKIPPED), made(Verdict.FAILED)],
            Conclusion.NOT_READY,
            1,
        ),
    ],
)
def test_the_conclusion_claims_no_more_than_was_seen(
    results: list[Result], conclusion: Conclusion, code: int
) -> None:
    report = reported(*results)

    assert (report.conclusion, report.exit_code) == (conclusion, code)


def nasty() -> Report:
    finding = Finding("freeze_failed", f"The bank says {NASTY}.", f"Do {NASTY}.")
    exchange = Exchange(
        "PUT", f"https://x/{NASTY}", {"a": NASTY}, NASTY, 201, {"b": NASTY}, NASTY, 12
    )
    return reported(made(Verdict.FAILED, findings=(finding,), exchanges=(exchange,)))


def test_a_bank_gives_no_orders_to_a_terminal() -> None:
    out = StringIO()
    terminal = Terminal(out, colours=False, live=False)
    report = nasty()

    for result in report.results:
        terminal.begin("Freezing a card", result.check)
        terminal.heard(result)
    terminal.conclude(report)

    assert "\x1b" not in out.getvalue()
    assert "[freeze_failed]" in out.getvalue()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in {"meta", "link", "br", "img"}:
            self.open.append(tag)
        self.outside += [
            value or ""
            for name, value in attrs
            if name in {"src", "href"} and not (value or "").startswith("#")
        ]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else_and_runs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "report.html"

    write_page(nasty(), path)

    text = path.read_text(encoding="utf-8")
    page = _Tags()
    page.feed(text)
    assert page.open == []
    assert page.outside == []
    assert "script" not in page.tags
    assert not re.search(r"@import|url\(", text)
    assert "&lt;script&gt;" in text


def test_the_json_holds_all_that_was_found(tmp_path: Path) -> None:
    path = tmp_path / "report.json"

    write_json(nasty(), path)

    told = json.loads(path.read_text(encoding="utf-8"))
    (check,) = told["checks"]
    assert told["conclusion"] == "not_judged"  # the first check failed: nothing was reached
    assert (check["id"], check["verdict"]) == ("freeze.done", "fail")
    assert check["findings"][0]["code"] == "freeze_failed"
    assert check["exchanges"][0]["answered"]["status"] == 201


def test_every_check_has_words_of_its_own() -> None:
    checks = list(every_check())

    assert len({check.id for check in checks}) == len(checks)
    for check in checks:
        assert re.fullmatch(r"[a-z]+\.[a-z0-9_]+", check.id)
        assert check.title[0].isupper()
        assert not check.title.endswith(".")
        assert check.requirement.endswith(".")
        assert check.source


def test_what_a_check_needs_comes_before_it() -> None:
    seen: set[str] = set()
    for check in every_check():
        assert set(check.needs) <= seen, check.id
        seen.add(check.id)


GUIDE = (REPOSITORY / "docs/for-banks.md").read_text(encoding="utf-8")


def test_the_guide_names_every_check_and_no_other() -> None:
    ids = {check.id for check in every_check()}
    groups = {each.partition(".")[0] for each in ids}
    named = {
        each
        for each in re.findall(r"`([a-z]+\.[a-z0-9_]+)`", GUIDE)
        if each.partition(".")[0] in groups
    }

    assert named == ids


def test_the_guide_explains_every_finding() -> None:
    sources = (REPOSITORY / "partners/certification").rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    found = set(re.findall(r'Finding\(\s*"([a-z0-9_]+)"', text)) | {"freeze_failed"}

    assert len(found) > 60
    assert sorted(code for code in found if f"`{code}`" not in GUIDE) == []


# The command


def command(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PORTAL_", "DATABASE_", "VALKEY_", "CELERY_", "PATH"))
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check_bank", *words],
        cwd=REPOSITORY,
        env=kept | environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.slow
def test_the_command_writes_both_reports_and_says_how_it_went(
    sandbox: SandboxBank, tmp_path: Path
) -> None:
    files = ["--json", str(tmp_path / "r.json"), "--html", str(tmp_path / "r.html")]

    done = command(sandbox.origin, "--levers", "--only", "reach", "--only", "token.client", *files)

    assert (done.returncode, done.stderr) == (0, "")
    assert "What was looked at works" in done.stdout
    assert "\x1b" not in done.stdout
    assert json.loads((tmp_path / "r.json").read_text())["conclusion"] == "ready"
    assert "What was looked at works" in (tmp_path / "r.html").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "Which bank?"),
        (["bank.example"], "full one"),
        (["https://bank.example"], "--client-id"),
        (["http://127.0.0.1:1", "--levers"], "levers"),
        (["https://bank.example", "--zone", "Rome"], "--zone"),
        (["https://bank.example", "--client-id", "x", "--client-secret-file", "none"], "none"),
    ],
)
def test_the_command_says_what_is_missing(words: list[str], says: str) -> None:
    done = command(*words)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_command_takes_the_secret_from_where_nobody_sees_it() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    done = command(url, "--client-id", "portal", CHECK_BANK_CLIENT_SECRET="not-a-real-secret")

    assert done.returncode == 2
    assert "connection_refused" in done.stdout
    assert "not-a-real-secret" not in done.stdout + done.stderr
