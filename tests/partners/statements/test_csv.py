from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from partners.statements.base import Malformed
from partners.statements.csv_cells import decimal_sign_of, read_day, read_money
from partners.statements.csv_mapping import guess
from partners.statements.csv_rows import read_csv, read_guessed
from tests.partners.statements.reading import entries, flags, parts_of


def read(text: str) -> list[tuple[date | None, Decimal, str]]:
    return [
        (each.booked_on, each.amount, each.currency)
        for each in entries(parts_of(read_guessed, text))
    ]


FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 22)


@pytest.mark.parametrize(
    "text",
    [
        "Date,Description,Amount,Currency\n2026-03-01,Bo,-12.30,EUR\n2026-03-22,Pay,1000.00,EUR\n",
        "Buchungstag;Verwendungszweck;Betrag;Währung\n01.03.2026;Bo;-12,30;EUR\n22.03.2026;Pay;1.000,00;EUR\n",
        "Kontoauszug\n\nDatum\tText\tSoll EUR\tHaben EUR\n1.3.26\tBo\t12,30\t\n22.3.26\tPay\t\t1.000,00\n",
        'Date,Amount (EUR),D/C\n01/03/2026,"12.30",D\n22/03/2026,"1,000.00",C\n',
        "2026-03-01,Bo,EUR,-12.30,87.70\n2026-03-22,Pay,EUR,1000.00,1087.70\n",
        "01 Mar 2026,Bo,€12.30,,€87.70\n22 Mar 2026,Pay,,€1000.00,€1087.70\n",
        "Fecha|Concepto|Importe|Moneda\n2026/03/01|Bo|(12.30)|eur\n2026/03/22|Pay|1 000.00|eur\nTotal||987.70|\n",
    ],
)
def test_a_table_is_understood_however_it_is_laid_out(text: str) -> None:
    assert read(text) == [(FIRST, Decimal("-12.30"), "EUR"), (SECOND, Decimal("1000.00"), "EUR")]


def test_a_column_that_marks_credits_alone_makes_debits_of_the_others() -> None:
    text = "Day,Details,Amount,\n1 Mar 2026,Bo,12.30,\n22 Mar 2026,Pay,1000.00,CR\n2 Mar 2026,Bo,1.00,\n"

    assert [amount for _, amount, _ in read(text)] == [
        Decimal("-12.30"),
        Decimal("1000.00"),
        Decimal("-1.00"),
    ]


def test_what_is_doubtful_is_said() -> None:
    parts = parts_of(read_guessed, "Date,Note,Amount\n01/02/2026,Bo,12.30\n03/04/2026,Bo,1.00\n")

    assert set(flags(parts)) == {
        "nothing says which way the money went",
        "day and month could be taken for each other",
    }


def test_a_mapping_that_was_corrected_is_kept_to() -> None:
    text = "Date,Note,Amount\n01/02/2026,Bo,12.30\n"
    mapping = replace(guess(text.splitlines(keepends=True)), day_order="mdy", unmarked=-1)

    (found,) = entries(parts_of(lambda source: read_csv(source, mapping), text))

    assert (found.booked_on, found.amount) == (date(2026, 1, 2), Decimal("-12.30"))


def test_quoted_lines_and_old_line_ends_are_rows_of_the_table() -> None:
    text = 'Date,Note,Amount\r2026-03-01,"two\nlines",-12.30\r'

    (found,) = entries(parts_of(read_guessed, text))

    assert (found.amount, found.description) == (Decimal("-12.30"), "two\nlines")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("2026-03-02,Bo,twelve\n", "not an amount"),
        ("yesterday,Bo,12.30\n", "without a day"),
        (",Bo,12.30\n", "without a day"),
    ],
)
def test_a_row_that_is_half_readable_refuses_the_file(line: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason) as refused:
        read("Date,Note,Amount\n2026-03-01,Bo,-12.30\n" + line)

    assert refused.value.where == "line 3"


@pytest.mark.parametrize("text", ["", "hello\nworld\n", "a,b\nc,d\n", "\0\0\0", "x," * 100_000])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        read(text)


@pytest.mark.parametrize(
    ("written", "sign", "amount", "currency"),
    [
        ("-$1,234.50", ".", "-1234.50", ""),
        ("1.234,50 €", ",", "1234.50", "EUR"),
        ("12.00-", ".", "-12.00", ""),
        ("1'234.50", ".", "1234.50", ""),
        ("GBP 12", ".", "12", "GBP"),
        ("\u221212,5", ",", "-12.5", ""),
    ],
)
def test_an_amount_is_exact_in_every_notation(
    written: str, sign: str, amount: str, currency: str
) -> None:
    money = read_money(written, "." if sign == "." else ",")

    assert money is not None
    assert (money.amount, money.currency) == (Decimal(amount), currency)


@pytest.mark.parametrize(
    ("cells", "sign"),
    [
        (["1,234.50"], "."),
        (["1.234,50"], ","),
        (["1,5"], ","),
        (["1,234,567"], "."),
        (["12"], None),
    ],
)
def test_the_decimal_sign_is_told_by_the_column(cells: list[str], sign: str | None) -> None:
    assert decimal_sign_of(cells) == sign


@pytest.mark.parametrize(
    "written", ["20260301", "2026-03-01 10:00", "1 March 2026", "1. März 2026", "Mar 1, 2026"]
)
def test_a_day_is_read_as_it_is_written(written: str) -> None:
    assert read_day(written, "dmy") == FIRST


ABROAD = """Datum;Text;Betrag;Währung;Originalbetrag;Originalwährung;Wechselkurs
01.03.2026;Bo;-12,30;EUR;13,53;USD;1,1000
22.03.2026;Pay;1.000,00;EUR;;;
23.03.2026;Home;-5,00;EUR;-5,00;EUR;-
24.03.2026;Mixed;-5,00;EUR;5,50 GBP;USD;1,1
"""


@pytest.mark.parametrize(
    "names",
    [
        "Datum;Text;Betrag;Währung;Originalbetrag;Originalwährung;Wechselkurs",
        "Date;Details;Amount;Currency;Foreign amount;Foreign currency;Exchange rate",
        "Fecha;Concepto;Importe;Moneda;Importe original;Moneda original;Tipo de cambio",
    ],
)
def test_what_was_paid_in_another_currency_is_found_by_the_columns_names(names: str) -> None:
    lines = ABROAD.splitlines(keepends=True)
    found = guess([f"{names}\n", *lines[1:]])
    assert (found.amount, found.currency) == (2, 3)
    assert (found.original_amount, found.original_currency, found.exchange_rate) == (4, 5, 6)
    assert found.descriptions == (1,)

    told = [
        (each.original_amount, each.original_currency, each.exchange_rate)
        for each in entries(parts_of(lambda source: read_csv(source, found), ABROAD))
    ]
    assert told == [
        (Decimal("-13.53"), "USD", "1.1000"),
        (None, "", ""),
        (Decimal("-5.00"), "EUR", "-"),
        # Two currencies for one amount: none, and so it is set aside where it is stored.
        (Decimal("-5.50"), "", "1.1"),
    ]


def test_a_second_amount_without_its_currency_is_not_guessed_to_be_what_was_paid() -> None:
    found = guess(["Date,Note,Amount,Original amount\n", "2026-03-01,Bo,-12.30,-13.53\n"])
    assert (found.amount, found.original_amount) == (2, -1)


def test_an_original_amount_that_is_none_refuses_the_file_by_its_line() -> None:
    with pytest.raises(Malformed, match="line 2: not an amount"):
        parts_of(read_guessed, ABROAD.replace("13,53", "13,53 and a bit"))
