import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest

from portal.local import setup
from portal.local.problems import CannotStart
from portal.local.progress import Progress
from portal.local.setup import Chore
from portal.local.state import REPOSITORY
from portal.local.strays import strays


def test_set_up_needs_nothing_but_the_standard_library() -> None:
    script = f"import sys; sys.path.insert(0, {str(REPOSITORY)!r}); import portal.local.setup"

    subprocess.run([sys.executable, "-I", "-S", "-c", script], check=True)


def test_a_chore_is_done_again_only_when_its_source_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "VENV", tmp_path)
    source, done = ["one"], []
    chore = Chore(
        "c", "Doing", lambda: source[-1], lambda: True, lambda _: done.append(source[-1])
    )

    for change in (None, None, "two"):
        source.extend([change] if change else [])
        setup._do_if_due(chore, Progress(StringIO()))

    assert done == ["one", "two"]


def test_a_chore_whose_result_is_gone_is_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "VENV", tmp_path)
    done: list[int] = []
    chore = Chore("c", "Doing", lambda: "same", lambda: False, lambda _: done.append(1))

    for _ in range(2):
        setup._do_if_due(chore, Progress(StringIO()))

    assert done == [1, 1]


def test_a_command_that_fails_is_quoted() -> None:
    command = [sys.executable, "-c", "print('the reason'); raise SystemExit(2)"]

    with pytest.raises(CannotStart, match=r"It failed\.\n    the reason"):
        setup._run(command, otherwise="It failed.")


def test_an_older_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "OLDEST_PYTHON", (99, 0))

    with pytest.raises(CannotStart, match=r"Python 3\.11 or newer is needed"):
        setup.set_up(Progress(StringIO()), dev=False)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("path = '/ho" + "me/someone/project'", "a path of one machine"),
        ("--index" + "-url https://packages.example", "where packages come from"),
        ("-----BEGIN PRIVATE" + " KEY-----", "a private key"),
        ("api_token" + " = 'aB3dE6gH9jK2mN5pQ8sT1vW4'", "a secret"),
    ],
)
def test_strays_are_found(tmp_path: Path, line: str, what: str) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "file.txt").write_text(f"fine\n{line}\n")

    assert list(strays(tmp_path)) == [f"file.txt:2: {what}"]
