from datetime import date
from decimal import Decimal

import pytest

from partners.statements.base import Malformed
from partners.statements.mt940 import read_mt940
from tests.partners.statements.reading import balances, entries, flags, parts_of, statements

PLAIN = """{1:F01BANKXX22AXXX0000000000}{2:I940BANKXX22XN}{4:
:20:START
:25:NL00BANK0123456789
:28C:1/1
:60F:C260301EUR1000,00
:61:2603010301D12,34NMSCours//theirs
supplementary
:86:/NAME/BO/REMI/TWO
COFFEES
:61:260302C100,NTRFNONREF
:62F:C260302EUR1087,66
-}
"""


def test_a_message_is_read_with_what_it_says() -> None:
    parts = parts_of(read_mt940, PLAIN)

    (statement,) = statements(parts)
    assert (statement.account, statement.currency) == ("NL00BANK0123456789", "EUR")
    first, second = entries(parts)
    assert (first.amount, first.booked_on, first.code) == (
        Decimal("-12.34"),
        date(2026, 3, 1),
        "NMSC",
    )
    assert (first.customer_reference, first.reference) == ("ours", "theirs")
    assert first.description == "supplementary /NAME/BO/REMI/TWO COFFEES"
    assert (second.amount, second.customer_reference) == (Decimal(100), "")
    assert [each.amount for each in balances(parts)] == [Decimal("1000.00"), Decimal("1087.66")]
    assert flags(parts) == []


@pytest.mark.parametrize(
    ("mark", "amount"),
    [("C", "12.34"), ("D", "-12.34"), ("RC", "-12.34"), ("RD", "12.34"), ("CR", "12.34")],
)
def test_a_reversal_goes_the_other_way(mark: str, amount: str) -> None:
    parts = parts_of(read_mt940, PLAIN.replace("0301D12,34", f"0301{mark}12,34"))

    assert entries(parts)[0].amount == Decimal(amount)


@pytest.mark.parametrize("written", ["12,34", "12.34", "0012,34"])
def test_every_decimal_sign_is_exact(written: str) -> None:
    assert entries(parts_of(read_mt940, PLAIN.replace("12,34", written)))[0].amount == Decimal(
        "-12.34"
    )


@pytest.mark.parametrize(
    ("value", "entry", "booked_on"),
    [
        ("260102", "1231", date(2025, 12, 31)),
        ("251231", "0102", date(2026, 1, 2)),
        ("260230", "0301", date(2026, 3, 1)),
    ],
)
def test_the_day_it_was_booked_is_near_its_value_date(
    value: str, entry: str, booked_on: date
) -> None:
    parts = parts_of(read_mt940, PLAIN.replace("2603010301", f"{value}{entry}"))

    assert entries(parts)[0].booked_on == booked_on


def test_numbered_fields_give_the_name_apart_from_the_purpose() -> None:
    told = ":86:166?00TRANSFER?20INV 12?21 OF MAY?30BANKXX22?32BO LIMI?33TED"

    parts = parts_of(read_mt940, PLAIN.replace(":86:/NAME/BO/REMI/TWO\nCOFFEES", told))

    assert entries(parts)[0].counterparty == "BO LIMITED"
    assert entries(parts)[0].description == "supplementary INV 12 OF MAY"
    assert [each.description for each in entries(parts)[0].details] == [told.removeprefix(":86:")]


def test_lines_that_do_not_lead_to_the_closing_balance_are_kept_and_flagged() -> None:
    parts = parts_of(read_mt940, PLAIN.replace("1087,66", "1087,67"))

    assert len(entries(parts)) == 2
    assert flags(parts) == ["the lines do not lead from the opening balance to the closing one"]


# Up to its last amount: after that, only the trailer is missing.
@pytest.mark.parametrize("length", range(1, PLAIN.index("7,66") + 3))
def test_a_file_that_is_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(Malformed):
        parts_of(read_mt940, PLAIN[:length])


def test_a_message_whose_statement_is_missing_is_refused() -> None:
    with pytest.raises(Malformed, match="cut off"):
        parts_of(read_mt940, PLAIN + "{1:F01BANKXX22AXXX0000000000}{2:I940BANKXX22XN}{4:\n")


def test_a_bank_that_writes_no_closing_balances_is_taken_at_its_word() -> None:
    one = PLAIN.replace(":62F:C260302EUR1087,66\n", "")

    parts = parts_of(read_mt940, one + one)

    assert len(entries(parts)) == 4
    assert flags(parts) == ["no closing balance", "no closing balance"]


@pytest.mark.parametrize(
    ("was", "wrong"),
    [
        (":61:2603010301D12,34", ":61:2613010301D12,34"),
        (":61:2603010301D12,34", ":61:26030X12,34"),
        (":61:2603010301D12,34", ":61:2603010301D,NMSC"),
        (":60F:C260301EUR1000,00", ":60F:Cnull"),
        (":20:START\n", ""),
    ],
)
def test_what_cannot_be_read_refuses_the_file_by_its_line(was: str, wrong: str) -> None:
    with pytest.raises(Malformed) as refused:
        parts_of(read_mt940, PLAIN.replace(was, wrong))

    assert refused.value.where.startswith("line ")
