from pathlib import Path

from portal.local import logs
from portal.local.logs import LogWatch


def append(path: Path, text: str) -> None:
    with path.open("a") as log:
        log.write(text)


def test_what_was_there_before_is_not_told(tmp_path: Path) -> None:
    log, told = tmp_path / "web.log", list[str]()
    append(log, "ERROR old\n")
    watch = LogWatch(log, told.append)

    append(log, "INFO fine\nERROR new\n")
    watch.look()

    assert told == ["web | ERROR new"]


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    log, told = tmp_path / "web.log", list[str]()
    watch = LogWatch(log, told.append)

    append(log, "ERR")
    watch.look()
    append(log, "OR late\n")
    watch.look()

    assert told == ["web | ERROR late"]


def test_a_flood_is_cut_short(tmp_path: Path) -> None:
    log, told = tmp_path / "web.log", list[str]()
    watch = LogWatch(log, told.append)

    append(log, "ERROR again\n" * 50)
    watch.look()

    assert told == [*["web | ERROR again"] * 5, f"web | more in {log}"]


def test_a_large_log_is_turned_over(tmp_path: Path) -> None:
    log, told = tmp_path / "web.log", list[str]()
    watch = LogWatch(log, told.append)
    with log.open("ab") as writer:
        writer.truncate(logs._LARGEST + 1)

        watch.look()
        writer.write(b"ERROR after\n")
        writer.flush()
        watch.look()

    assert log.read_bytes() == b"ERROR after\n"
    assert log.with_suffix(".log.1").stat().st_size == logs._LARGEST + 1
