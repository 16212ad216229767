from datetime import date
from decimal import Decimal

import pytest

from partners.statements.base import Malformed
from partners.statements.ofx import read_ofx
from tests.partners.statements.reading import balances, entries, flags, parts_of, statements

HEADER = "OFXHEADER:100\nDATA:OFXSGML\nVERSION:102\nENCODING:USASCII\nCHARSET:1252\n\n"
ROW = """<STMTTRN><TRNTYPE>DEBIT<DTPOSTED>20260301120000[-5:EST]<TRNAMT>-12.30<FITID>f1
<NAME>Caf\u00e9 Bo &amp; Co<MEMO>two <coffees</STMTTRN>"""
BODY = f"""<OFX><SIGNONMSGSRSV1></SIGNONMSGSRSV1><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR
<BANKACCTFROM><BANKID>1<ACCTID>77<ACCTTYPE>CHECKING</BANKACCTFROM>
<BANKTRANLIST><DTSTART>20260301<DTEND>20260331
{ROW}
<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260302<TRNAMT>+1,000<FITID>f2</STMTTRN>
</BANKTRANLIST><LEDGERBAL><BALAMT>987.70<DTASOF>20260331</LEDGERBAL>
<AVAILBAL><BALAMT>900<DTASOF>20260331</AVAILBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>"""


def test_a_file_without_closing_tags_is_read_with_what_it_says() -> None:
    parts = parts_of(read_ofx, HEADER + BODY)

    (statement,) = statements(parts)
    assert (statement.account, statement.currency) == ("77", "EUR")
    first, second = entries(parts)
    assert (first.amount, first.currency, first.booked_on) == (
        Decimal("-12.30"),
        "EUR",
        date(2026, 3, 1),
    )
    assert (first.reference, first.counterparty) == ("f1", "Caf\u00e9 Bo & Co")
    assert first.description == "two <coffees"
    # The comma is the decimal sign of OFX, wherever it stands.
    assert second.amount == Decimal("1.000")
    assert [(each.kind, each.amount) for each in balances(parts)] == [
        ("closing", Decimal("987.70")),
        ("other", Decimal(900)),
    ]


def test_xml_comments_and_marked_text_are_looked_through() -> None:
    row = """<STMTTRN><TRNTYPE>DEBIT</TRNTYPE><!-- a <TRNAMT>9 --><DTPOSTED>20260301</DTPOSTED>
      <TRNAMT>-1.50</TRNAMT><FITID>a</FITID><MEMO><![CDATA[5 < 6 & 7]]></MEMO></STMTTRN>"""

    (read,) = entries(parts_of(read_ofx, f"<?xml version='1.0'?>{BODY.replace(ROW, row)}"))[:1]

    assert (read.amount, read.description) == (Decimal("-1.50"), "5 < 6 & 7")


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_letters_are_read_whatever_the_header_claims(encoding: str) -> None:
    parts = parts_of(read_ofx, (HEADER + BODY).encode(encoding))

    assert entries(parts)[0].counterparty == "Caf\u00e9 Bo & Co"


@pytest.mark.parametrize(
    ("told", "currency", "changes_to", "original", "rate"),
    [
        ("<CURRENCY><CURRATE>1.1<CURSYM>usd</CURRENCY>", "USD", "EUR", "", "1.1"),
        ("<CURRENCY><CURSYM>USD</CURRENCY>", "USD", "EUR", "", ""),
        ("<CURRENCY><CURRATE>1.0<CURSYM>EUR</CURRENCY>", "EUR", "", "", ""),
        ("<ORIGCURRENCY><CURRATE>1.1<CURSYM>USD</ORIGCURRENCY>", "EUR", "", "USD", "1.1"),
    ],
)
def test_an_amount_in_another_currency_is_in_that_one_and_says_what_the_accounts_is(
    told: str, currency: str, changes_to: str, original: str, rate: str
) -> None:
    (read, _) = entries(parts_of(read_ofx, BODY.replace("<FITID>f1", f"<FITID>f1{told}")))

    assert (read.amount, read.currency, read.changes_to) == (
        Decimal("-12.30"),
        currency,
        changes_to,
    )
    assert (read.original_currency, read.exchange_rate) == (original, rate)


@pytest.mark.parametrize("length", range(1, len(BODY) - 1, 7))
def test_a_file_that_is_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(Malformed):
        parts_of(read_ofx, BODY[:length])


@pytest.mark.parametrize(
    ("was", "wrong", "reason"),
    [
        ("<TRNAMT>-12.30", "", "without TRNAMT"),
        ("<TRNAMT>-12.30", "<TRNAMT>twelve", "not an amount"),
        ("20260301120000[-5:EST]", "20260230", "calendar"),
        ("20260301120000[-5:EST]", "soon", "DTPOSTED"),
        ("two <coffees", "two\0coffees", "NUL"),
        ("two <coffees", "x" * 200_000, "too long"),
    ],
)
def test_what_cannot_be_read_refuses_the_file_by_its_line(
    was: str, wrong: str, reason: str
) -> None:
    with pytest.raises(Malformed, match=reason) as refused:
        parts_of(read_ofx, BODY.replace(was, wrong))

    assert refused.value.where
    assert "twelve" not in str(refused.value)


def test_a_balance_of_no_day_is_kept_and_flagged() -> None:
    parts = parts_of(
        read_ofx, BODY.replace("<BALAMT>987.70<DTASOF>20260331", "<BALAMT>1<DTASOF>00000000")
    )

    assert balances(parts)[0].on is None
    assert flags(parts) == ["LEDGERBAL of no day"]


def test_something_else_is_no_ofx() -> None:
    with pytest.raises(Malformed, match="no OFX"):
        parts_of(read_ofx, "Date,Amount\n2026-03-01,1\n")
