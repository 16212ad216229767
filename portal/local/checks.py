"""`make test` and `make lint`: what they run, how long each took, and one verdict."""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from portal.local.problems import CannotStart
from portal.local.setup import npm_command
from portal.local.state import REPOSITORY

_APPS = ("portal", "partners", "accounts", "messaging")
_PYTHON_CODE = (*_APPS, "benchmarks", "tests", "manage.py")
_CHROMIUM_NAMES = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
# mypy's plugin reads the settings; it connects to nothing.
_SETTINGS = {
    "PORTAL_MODE": "test",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1/nothing",
    "VALKEY_URL": "redis://127.0.0.1/0",
    "CELERY_BROKER_URL": "redis://127.0.0.1/1",
    "PORTAL_SECRET_KEY": "for the type checker alone",
    "PORTAL_KEYS": "test1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


@dataclass(frozen=True)
class Check:
    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str] | None = None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m portal.local.checks", description=__doc__)
    parser.add_argument("what", choices=("test", "lint"))
    parser.add_argument("--only", default="", help="one checker by its name, such as mypy")
    options = parser.parse_args(arguments)
    try:
        return run_tests() if options.what == "test" else run_checkers(options.only)
    except CannotStart as problem:
        sys.stderr.write(f"\n{problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130


# --- tests ----------------------------------------------------------------------------------


def run_tests() -> int:
    """The tests without a browser on all cores, then those with one, in a run of their own.

    One worker more than there are cores: some tests wait for a bank that hangs. Those of one file with a browser
    share a running portal.
    """
    environ = {**os.environ, "PORTAL_CHROMIUM": chromium()}
    workers = str((os.cpu_count() or 1) + 1)
    plain = _pytest(("-n", workers, "-m", "not browser"), environ)
    with_browser = ("-n", "2", "--dist", "loadscope", "-m", "browser")
    browser = _pytest(with_browser, environ) if _browser_tests() else 0
    return plain or browser


def _pytest(words: tuple[str, ...], environ: Mapping[str, str]) -> int:
    _say(f"pytest {' '.join(words)}")
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.run(command, cwd=REPOSITORY, env=dict(environ), check=False).returncode  # noqa: S603


def _browser_tests() -> list[Path]:
    """Files that drive a browser; a run that then collects none of them fails."""
    files = (REPOSITORY / "tests").rglob("test_*.py")
    return [path for path in files if "mark.browser" in path.read_text(encoding="utf-8")]


def chromium() -> str:
    """The path of a Chromium: named, installed, or installed now."""
    named = os.environ.get("PORTAL_CHROMIUM", "")
    if named and not shutil.which(named):
        raise CannotStart(f"PORTAL_CHROMIUM names {named}, which cannot be run.")
    return named or _found_chromium() or _install_chromium()


def _found_chromium() -> str | None:
    return next(filter(None, map(shutil.which, _CHROMIUM_NAMES)), None) or _playwrights_own()


def _playwrights_own() -> str | None:
    script = (
        "from playwright.sync_api import sync_playwright as start\n"
        "with start() as running: print(running.chromium.executable_path)"
    )
    answer = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    path = answer.stdout.strip()
    return path if path and Path(path).exists() else None


def _install_chromium() -> str:
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        _say("Installing Chromium, which the browser tests drive")
        environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        _quietly([apt, "update", "-qq"], environ)
        _quietly([apt, "install", "-y", "-qq", "--no-install-recommends", "chromium"], environ)
    else:
        _quietly([sys.executable, "-m", "playwright", "install", "chromium"], dict(os.environ))
    found = _found_chromium()
    if found is None:
        raise CannotStart(
            "The browser tests need Chromium, and it could not be installed here. Install it "
            "(apt-get install chromium), or name one with PORTAL_CHROMIUM."
        )
    return found


def _quietly(command: list[str], environ: dict[str, str]) -> None:
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        _say(f"{' '.join(command[:2])} failed: {done.stderr.strip()[-300:]}")


# --- checkers -------------------------------------------------------------------------------


def run_checkers(only: str = "") -> int:
    """All of them, whatever the others say; then which failed."""
    checks = [check for check in _checks() if only in {"", check.name}]
    if not checks:
        raise CannotStart(f"There is no checker {only!r}.")
    failed = [check.name for check in checks if not _passes(check)]
    _say(f"Not clean: {', '.join(failed)}" if failed else "Clean.")
    return 1 if failed else 0


def _checks() -> list[Check]:
    npm, node_environ = npm_command()
    return [
        Check("ruff", (_tool("ruff"), "check", *_PYTHON_CODE)),
        Check("format", (_tool("ruff"), "format", "--check", *_PYTHON_CODE)),
        Check("mypy", (_tool("mypy"), "--no-error-summary"), {**os.environ, **_SETTINGS}),
        Check("imports", (_tool("lint-imports"),)),
        Check("djlint", (_tool("djlint"), "templates", "--profile=django", "--lint", "--quiet")),
        Check("vulture", (_tool("vulture"),)),
        Check("pages", (*npm, "run", "--silent", "check"), node_environ),
        Check("strays", (sys.executable, "-m", "portal.local.strays")),
    ]


def _tool(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _passes(check: Check) -> bool:
    began = time.monotonic()
    environ = dict(check.environ) if check.environ else None
    done = subprocess.run(  # noqa: S603
        check.command, cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=False
    )
    verdict = "ok" if done.returncode == 0 else "FAILED"
    _say(f"{check.name:<16}{verdict} ({time.monotonic() - began:.1f} s)")
    if done.returncode:
        sys.stdout.write(f"{done.stdout}{done.stderr}\n")
    return done.returncode == 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
