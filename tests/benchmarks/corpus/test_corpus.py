"""The judge of the corpus finds what is wrong, in a folder made for it."""

from pathlib import Path

import pytest

from benchmarks.corpus.__main__ import is_good_enough, judged, table
from tests.partners.statements import test_ofx

NAMES = (
    "path\tformat\tn_transactions\tsum_signed\topening_balance\tclosing_balance\toracle\tnotes\n"
)


def folder_of(tmp_path: Path, *rows: str) -> Path:
    (tmp_path / "a.ofx").write_text(test_ofx.BODY, encoding="utf-8")
    (tmp_path / "cut.ofx").write_text(test_ofx.BODY[:-20], encoding="utf-8")
    (tmp_path / "MANIFEST.tsv").write_text(NAMES + "".join(rows), encoding="utf-8")
    return tmp_path


GOOD = "a.ofx\tofx\t2\tEUR:-11.30\t\t987.70\thand\t\n"


def test_what_agrees_is_right(tmp_path: Path) -> None:
    cut = "cut.ofx\tofx\t2\t-11.30\t\t\tmalformed\tmalformed: no end\n"
    verdicts, others = judged(folder_of(tmp_path, GOOD, cut, "b.bai\tbai2\t1\t1\t\t\thand\t\n"))

    assert is_good_enough(verdicts)
    last = table(verdicts, others).splitlines()[-1]
    assert last == "corpus: 1 of 1 right, 1 malformed refused, 0 malformed read in part"
    assert others == {"bai2": 1}


@pytest.mark.parametrize(
    ("row", "differs"),
    [
        (GOOD.replace("\t2\t", "\t3\t"), "the number of rows"),
        (GOOD.replace("-11.30", "-11.31"), "the signed sum"),
        (GOOD.replace("987.70", "987.71"), "the closing balances"),
        (GOOD.replace("a.ofx", "cut.ofx"), "refused at file: does not end"),
    ],
)
def test_what_disagrees_is_named_and_fails(tmp_path: Path, row: str, differs: str) -> None:
    verdicts, _ = judged(folder_of(tmp_path, row))

    assert not is_good_enough(verdicts)
    assert verdicts[0].differs[0].startswith(differs)


def test_a_malformed_file_that_was_read_in_part_fails(tmp_path: Path) -> None:
    row = GOOD.replace("\t2\t", "\t3\t").replace(
        "hand\t", "malformed\tmalformed: a row is missing"
    )
    verdicts, others = judged(folder_of(tmp_path, row))

    assert not is_good_enough(verdicts)
    assert table(verdicts, others).endswith("1 malformed read in part\n")
