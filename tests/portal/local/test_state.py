import shutil
import stat
from collections import namedtuple
from pathlib import Path

import pytest

from portal.local import state as states
from portal.local.problems import CannotStart
from portal.local.state import State, open_state, remove_state, sole_user

Usage = namedtuple("Usage", "total used free")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_may_look_into_the_state_folder(state: State) -> None:
    assert mode(state.folder) & 0o066 == 0
    assert mode(state.log) == 0o700


def test_sockets_go_elsewhere_when_the_folder_is_too_deep(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)

    state = open_state(deep)
    again = open_state(deep)
    remove_state(deep)

    assert len(f"{state.sockets}/northmoor-postgres/.s.PGSQL.65535") < 100
    assert again.sockets == state.sockets
    assert not state.sockets.exists()


def test_a_path_that_needs_quoting_holds_no_sockets(tmp_path: Path) -> None:
    state = open_state(tmp_path / "with space?")
    remove_state(state.folder)

    assert " " not in str(state.sockets)


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9, 50 * 1024**2))

    with pytest.raises(CannotStart, match="Only 50 MB are free"):
        open_state(tmp_path / "state")


def test_a_state_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(CannotStart, match="cannot be made: Not a directory"):
        open_state(file / "state")


def test_a_second_supervisor_is_refused(state: State) -> None:
    with (
        sole_user(state),
        pytest.raises(CannotStart, match=r"already running from .* \(pid \d+\)"),
        sole_user(state),
    ):
        pass

    assert not states.held(state)


def test_damaged_json_reads_as_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[1")

    assert states.read_json(tmp_path / "a.json") == {}
