"""The file that is played: what is read of it, and who gets which row."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.main_job.options import OWN_ROWS
from benchmarks.main_job.rows import COLUMNS, FileRefused, as_csv, deal, plain_amount, read_rows

HEADER = ",".join(COLUMNS)


def read(tmp_path: Path, text: str, *, at_most: int | None = None) -> list[str]:
    file = tmp_path / "rows.csv"
    file.write_text(text, encoding="utf-8")
    return [row["amount"] for row in read_rows(file, at_most=at_most).rows]


def test_what_no_bank_can_hold_is_left_out_and_counted(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(
        f"{HEADER}\n"
        "a,2026-01-01,-1.00,EUR,good,,\n"
        "a,2026-01-01,-1.001,EUR,too fine,,\n"
        "a,2026-01-01,-1.5,JPY,too fine,,\n"
        "a,2026-01-01,-1,XAU,no money,,\n"
        "a,yesterday,-1.00,EUR,no day,,\n"
        ",2026-01-01,-1.00,EUR,nobody,,\n"
        "a,2026-01-01,1e3,EUR,not plain,,\n"
        "a,2026-01-01,0.00,EUR,a check,,\n"
    )

    played = read_rows(file, at_most=None)

    assert [row["description"] for row in played.rows] == ["good", "a check"]
    assert sum(played.left_out.values()) == 6


def test_other_columns_orders_and_marks_are_taken(tmp_path: Path) -> None:
    text = (
        "\ufeffcurrency,amount,account,description,occurred_at,more\nEUR,-3.5,a,x,2026-01-01,y\n"
    )

    assert read(tmp_path, text) == ["-3.5"]


def test_at_most_so_many_are_read(tmp_path: Path) -> None:
    assert (
        read(tmp_path, f"{HEADER}\n" + "a,2026-01-01,-1.00,EUR,x,,\n" * 9, at_most=4)
        == ["-1.00"] * 4
    )


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", f"{HEADER}\n", f"{HEADER}\na,?,1,EUR,x,,\n"])
def test_a_file_without_a_row_to_play_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FileRefused):
        read(tmp_path, text)


@pytest.mark.parametrize(
    ("amount", "currency", "plain"),
    [("12.3000", "EUR", "12.30"), ("12.00", "JPY", "12"), ("1.2345", "KWD", "1.2345")],
)
def test_noughts_past_the_minor_unit_say_nothing(amount: str, currency: str, plain: str) -> None:
    assert plain_amount(amount, currency) == plain


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=60), st.integers(1, 9))
def test_every_row_is_dealt_once_and_in_order(accounts: list[str], customers: int) -> None:
    rows = [{"account": each, "number": str(n)} for n, each in enumerate(accounts)]

    dealt = deal(rows, banks=("one", "other"), customers=customers)

    numbers = [int(row["number"]) for bank in ("one", "other") for row in dealt[bank]]
    assert sorted(numbers) == list(range(len(rows)))
    for theirs in dealt.values():
        assert [int(row["number"]) for row in theirs] == sorted(int(r["number"]) for r in theirs)


def test_an_account_is_split_so_that_every_customer_gets_rows() -> None:
    rows = [{"account": "only", "number": str(n)} for n in range(40)]

    dealt = deal(rows, banks=("one", "other"), customers=4)

    assert {row["account"] for row in dealt["one"]} == {f"only {part}" for part in (1, 2, 3, 4)}


def test_the_own_rows_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    played = read_rows(OWN_ROWS, at_most=None)
    copy = tmp_path / "copy.csv"
    copy.write_text(as_csv(played.rows), encoding="utf-8")

    assert read_rows(copy, at_most=None) == played
    assert not played.left_out
