"""The drop folder: what is complete is taken once, and put away with its reason."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from partners.imports.dropping import look
from partners.imports.models import StatementImport
from portal.tenancy.blocks import serving
from tests.partners.imports.conftest import Home
from tests.partners.imports.written import ofx, read_all, rows, stored

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
