"""Whatever the bytes are: the rows that were written, or one refusal, and nothing else."""

import io
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.statements.base import Entry, Malformed, Reader
from partners.statements.camt053 import read_camt053
from partners.statements.csv_rows import read_guessed
from partners.statements.mt940 import read_mt940
from partners.statements.ofx import read_ofx
from tests.partners.statements import test_camt053, test_mt940, test_ofx

READERS: dict[str, tuple[Reader, bytes]] = {
    "ofx": (read_ofx, test_ofx.BODY.encode()),
    "mt940": (read_mt940, test_mt940.PLAIN.encode()),
    "camt053": (read_camt053, test_camt053.WHOLE.encode()),
    "csv": (read_guessed, b"Date,Note,Amount\n2026-03-01,Bo,-12.30\n2026-03-02,Pay,1.00\n"),
}
_rows = st.lists(
    st.tuples(
        st.dates(date(2000, 1, 1), date(2079, 12, 31)),
        st.decimals(Decimal(-(10**9)), Decimal(10**9), places=2).filter(bool),
    ),
    min_size=1,
    max_size=20,
)
Rows = list[tuple[date, Decimal]]


def _read(reader: Reader, text: str) -> Rows:
    return [
        (each.booked_on or date.min, each.amount)
        for each in reader(io.BytesIO(text.encode()))
        if isinstance(each, Entry)
    ]


@given(_rows)
def test_the_rows_of_an_ofx_file_come_back(rows: Rows) -> None:
    told = "".join(
        f"<STMTTRN><TRNTYPE>OTHER<DTPOSTED>{on:%Y%m%d}<TRNAMT>{amount}<FITID>same</STMTTRN>"
        for on, amount in rows
    )

    assert _read(read_ofx, f"<OFX><BANKMSGSRSV1><STMTRS><CURDEF>EUR{told}</STMTRS></OFX>") == rows


@given(_rows)
def test_the_lines_of_an_mt940_file_come_back(rows: Rows) -> None:
    told = "".join(
        f":61:{on:%y%m%d}{'D' if amount < 0 else 'C'}{str(abs(amount)).replace('.', ',')}NMSC\n"
        for on, amount in rows
    )
    text = f":20:x\n:60F:C260101EUR0,00\n{told}:62F:C260101EUR0,00\n-\n"

    assert _read(read_mt940, text) == rows


@given(_rows)
def test_the_entries_of_a_camt_file_come_back(rows: Rows) -> None:
    told = "".join(
        f'<Ntry><Amt Ccy="EUR">{abs(amount)}</Amt><CdtDbtInd>{"DBIT" if amount < 0 else "CRDT"}</CdtDbtInd>'
        f"<Sts>BOOK</Sts><BookgDt><Dt>{on}</Dt></BookgDt></Ntry>"
        for on, amount in rows
    )

    assert _read(read_camt053, test_camt053.document(told)) == rows


@given(_rows, st.sampled_from([",", ";", "\t", "|"]))
def test_the_rows_of_a_table_come_back(rows: Rows, delimiter: str) -> None:
    # One that is below zero, so that the table says which way the money went.
    rows = [*rows, (date(2026, 3, 1) + timedelta(len(rows)), Decimal("-1.01"))]
    told = "".join(f"{on}{delimiter}Bo{delimiter}{amount}\n" for on, amount in rows)

    assert _read(read_guessed, f"Date{delimiter}Note{delimiter}Amount\n{told}") == rows


@pytest.mark.parametrize("name", READERS)
@given(data=st.data())
def test_spoilt_bytes_are_read_or_refused_and_nothing_else(name: str, data: st.DataObject) -> None:
    reader, whole = READERS[name]
    spoilt = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(spoilt)))
        until = min(len(spoilt), at + data.draw(st.integers(0, 20)))
        spoilt[at:until] = data.draw(st.binary(max_size=6))

    # Nothing else may come out of it, least of all another exception.
    with suppress(Malformed):
        parts = list(reader(io.BytesIO(bytes(spoilt))))
        assert all(isinstance(each.amount, Decimal) for each in parts if isinstance(each, Entry))
