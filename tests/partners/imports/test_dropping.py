"""The drop folder: what is complete is taken once, and put away with its reason."""

import logging
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.db import DataError, OperationalError
from django.utils import timezone

from partners.banks.models import Bank
from partners.imports import dropping, tasks
from partners.imports.dropping import look
from partners.imports.models import StatementImport
from portal.tenancy.blocks import serving
from tests.factories.partners import make_bank
from tests.partners.imports.conftest import Home
from tests.partners.imports.written import bring, ofx, read_all, rows, stored

pytestmark = pytest.mark.django_db


@pytest.fixture
def drop(home: Home, folder: Path) -> Path:
    """The bank's folder."""
    made = folder / "drop" / home.bank.slug
    made.mkdir(parents=True)
    return made


def later(seconds: int) -> Callable[[], datetime]:
    at = timezone.now() + timedelta(seconds=seconds)
    return lambda: at


def looks(home: Home, *, times: int = 2) -> int:
    return sum(look(home.bank, clock=later(10 * each)) for each in range(times))


def names(drop: Path) -> list[str]:
    return sorted(str(each.relative_to(drop)) for each in drop.rglob("*") if not each.is_dir())


def imported(home: Home) -> list[tuple[str, str]]:
    with serving(home.bank_id):
        rows_ = StatementImport.objects.order_by("received_at", "id")
        return list(rows_.values_list("file_name", "state"))


def test_a_file_is_taken_at_the_second_look_and_put_away_when_it_is_read(
    home: Home, drop: Path
) -> None:
    (drop / "march.ofx").write_bytes(ofx(rows(4)))

    assert looks(home, times=1) == 0
    assert looks(home) == 1
    read_all(home.bank_id)
    looks(home, times=1)

    assert imported(home) == [("march.ofx", "done")]
    assert names(drop) == ["done/march.ofx"]
    assert len(stored(home.account)) == 4


def test_a_file_that_grows_or_is_called_a_part_waits(home: Home, drop: Path) -> None:
    whole = ofx(rows(4))
    (drop / "march.ofx").write_bytes(whole[:100])
    (drop / "april.ofx.part").write_bytes(whole)
    look(home.bank, clock=later(0))
    (drop / "march.ofx").write_bytes(whole)

    assert look(home.bank, clock=later(10)) == 0
    (drop / "april.ofx.part").rename(drop / "april.ofx")
    assert look(home.bank, clock=later(20)) == 1
    assert look(home.bank, clock=later(30)) == 1


def test_a_refused_file_has_its_reason_beside_it(home: Home, drop: Path) -> None:
    (drop / "cut.ofx").write_bytes(ofx(rows(4))[:-30])
    (drop / "packed.zip").write_bytes(b"PK\x03\x04")

    looks(home)
    read_all(home.bank_id)
    looks(home, times=1)

    assert names(drop) == [
        "refused/cut.ofx",
        "refused/cut.ofx.reason.txt",
        "refused/packed.zip",
        "refused/packed.zip.reason.txt",
    ]
    assert "cut off" in (drop / "refused/cut.ofx.reason.txt").read_text()
    assert "ZIP" in (drop / "refused/packed.zip.reason.txt").read_text()


def test_the_same_again_overwrites_nothing(home: Home, drop: Path) -> None:
    for _ in range(2):
        (drop / "march.ofx").write_bytes(ofx(rows(4)))
        looks(home)
        read_all(home.bank_id)
    looks(home, times=1)

    assert names(drop) == ["done/march-1.ofx", "done/march-1.ofx.reason.txt", "done/march.ofx"]
    assert "imported already" in (drop / "done/march-1.ofx.reason.txt").read_text()


def test_links_and_folders_are_not_followed(home: Home, drop: Path, folder: Path) -> None:
    secret = folder / "secret.ofx"
    secret.write_bytes(ofx(rows(4)))
    (drop / "link.ofx").symlink_to(secret)
    (drop / "sub").mkdir()
    (drop / "sub" / "deep.ofx").write_bytes(ofx(rows(5)))

    assert looks(home, times=3) == 0
    assert imported(home) == []


def test_a_folder_that_is_a_link_is_not_looked_into(home: Home, folder: Path) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "a.ofx").write_bytes(ofx(rows(4)))
    (folder / "drop").mkdir()
    (folder / "drop" / home.bank.slug).symlink_to(folder / "elsewhere")

    assert looks(home) == 0


def test_what_a_worker_left_when_it_died_is_taken_again(home: Home, drop: Path) -> None:
    (drop / "reading").mkdir()
    (drop / "reading" / "0199c1a2-0000-7000-8000-000000000001.march.ofx").write_bytes(ofx(rows(2)))

    assert looks(home, times=4) == 1
    assert imported(home) == [("march.ofx", "received")]


def names_in_bytes(drop: Path) -> list[bytes]:
    return sorted(os.fsencode(each.relative_to(drop)) for each in drop.rglob("*.ofx"))


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"M\xe4rz.ofx", "M�rz.ofx"),
        ("März.ofx".encode(), "März.ofx"),
        (b"a" * 251 + b".ofx", "a" * 196 + ".ofx"),
        (b"\xe4" * 251 + b".ofx", "�" * 196 + ".ofx"),
        ("ä".encode() * 125 + b".ofx", "ä" * 125 + ".ofx"),
        (b"a\nb\x7f.ofx", "ab.ofx"),
    ],
)
def test_a_file_of_any_name_is_taken_and_put_away_under_what_can_be_kept_of_it(
    home: Home, drop: Path, name: bytes, kept: str
) -> None:
    (drop / os.fsdecode(name)).write_bytes(ofx(rows(1)))

    taken = looks(home)
    lying = names(drop)
    read_all(home.bank_id)
    looks(home, times=1)

    with serving(home.bank_id):
        row = StatementImport.objects.get()
    assert (taken, lying) == (1, [f"reading/{row.id}"])
    assert (row.file_name, row.state) == (kept, "done")
    # In a folder a name is cut by its bytes.
    (put,) = names_in_bytes(drop)
    assert put.startswith(b"done/")
    assert put.endswith(kept[-70:].encode())


def test_a_long_name_is_refused_with_its_reason(home: Home, drop: Path) -> None:
    (drop / f"{'a' * 251}.zip").write_bytes(b"PK\x03\x04")

    looks(home, times=3)

    assert names(drop) == [f"refused/{'a' * 196}.zip", f"refused/{'a' * 196}.zip.reason.txt"]


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """As on a disk that is nearly full, a file that grows beyond this fails by the system."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_for_which_there_is_no_room_waits_and_stops_no_other(
    home: Home, drop: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    large = ofx(rows(2), account="1" * 300_000)
    (drop / "alice.ofx").write_bytes(large)
    (drop / "bob.ofx").write_bytes(ofx(rows(3)))

    with caplog.at_level(logging.WARNING), room_for(200_000):
        taken = looks(home)

    assert (taken, imported(home)) == (1, [("bob.ofx", "received")])
    assert (drop / "alice.ofx").read_bytes() == large
    assert len([each for each in (folder / "imports").rglob("*") if each.is_file()]) == 1
    told = [each for each in caplog.messages if "drop folder" in each]
    assert told == [f"drop folder of {home.bank.slug}: File too large"]
    assert looks(home) == 1


@pytest.mark.parametrize("moves", [True, False])
def test_a_file_by_which_we_stumble_is_refused_and_one_that_fails_by_the_database_waits(
    home: Home, drop: Path, monkeypatch: pytest.MonkeyPatch, *, moves: bool
) -> None:
    whole = dropping.take_in

    def failing(*arguments: object, file_name: str, **named: object) -> object:
        if file_name == "a.ofx":
            raise DataError("its name") if moves else OperationalError
        return whole(*arguments, file_name=file_name, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(dropping, "take_in", failing)
    for name in ("a", "b"):
        (drop / f"{name}.ofx").write_bytes(ofx(rows(2, text=name)))

    looks(home)

    assert imported(home) == [("b.ofx", "received")]
    lying = [each for each in names(drop) if not each.startswith("reading/")]
    refused = ["refused/a.ofx", "refused/a.ofx.reason.txt"]
    assert lying == (refused if moves else ["a.ofx"])


def test_a_bank_whose_folder_cannot_be_looked_into_stops_no_other(
    home: Home, drop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []

    def failing(bank: Bank, **_named: object) -> None:
        looked.append(bank)
        raise ZeroDivisionError if len(looked) == 1 else OSError

    monkeypatch.setattr(tasks, "look", failing)
    other = make_bank()

    tasks.look_into_folders()

    assert {home.bank.id, other.id} <= {each.id for each in looked}


def test_what_a_worker_kept_before_it_died_is_put_away_by_what_became_of_it(
    home: Home, drop: Path
) -> None:
    cut = ofx(rows(4))[:-30]
    bring(home.bank_id, cut, name="../up.ofx")
    (drop / "cut.ofx").write_bytes(cut)

    taken = looks(home)
    read_all(home.bank_id)
    looks(home, times=1)

    assert taken == 1
    assert names(drop) == ["refused/up.ofx", "refused/up.ofx.reason.txt"]


def test_a_file_called_as_a_reason_is_not_overwritten_by_one(home: Home, drop: Path) -> None:
    (drop / "refused").mkdir()
    (drop / "refused" / "a.zip.reason.txt").write_text("mine")
    (drop / "a.zip").write_bytes(b"PK\x03\x04")

    looks(home, times=3)

    assert (drop / "refused" / "a.zip.reason.txt").read_text() == "mine"
    assert "ZIP" in (drop / "refused" / "a-1.zip.reason.txt").read_text()
