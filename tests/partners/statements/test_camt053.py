import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from partners.statements.base import Malformed
from partners.statements.camt053 import read_camt053
from tests.partners.statements.reading import balances, entries, flags, parts_of, statements

ROOT = Path(__file__).resolve().parents[3]
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
ENTRY = """<Ntry><NtryRef>n1</NtryRef><Amt Ccy="EUR">12.30</Amt><CdtDbtInd>DBIT</CdtDbtInd>
<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-01</Dt></BookgDt><ValDt><DtTm>2026-03-02T00:30:00+01:00</DtTm></ValDt>
<AcctSvcrRef>bank1</AcctSvcrRef><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>CCRD</Cd><SubFmlyCd>POSD</SubFmlyCd></Fmly></Domn></BkTxCd>
<NtryDtls><TxDtls><Refs><EndToEndId>e1</EndToEndId></Refs>
<AmtDtls><InstdAmt><Amt Ccy="USD">13.50</Amt><CcyXchg><XchgRate>1.0975</XchgRate></CcyXchg></InstdAmt></AmtDtls>
<RltdPties><Cdtr><Pty><Nm>Bo Limited</Nm></Pty></Cdtr></RltdPties>
<RmtInf><Ustrd>two</Ustrd><Ustrd>coffees</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""


def balance(code: str, amount: str, sign: str = "CRDT") -> str:
    return (
        f'<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">{amount}</Amt>'
        f"<CdtDbtInd>{sign}</CdtDbtInd><Dt><Dt>2026-03-01</Dt></Dt></Bal>"
    )


def document(*inside: str, root: str = "Document", message: str = "BkToCstmrStmt") -> str:
    account = "<Acct><Id><IBAN>NL00BANK0123456789</IBAN></Id><Ccy>EUR</Ccy></Acct>"
    return (
        f'<?xml version="1.0"?><{root} xmlns="{NAMESPACE}"><{message}><GrpHdr><MsgId>m</MsgId></GrpHdr>'
        f"<Stmt><Id>s</Id>{account}{''.join(inside)}</Stmt></{message}></{root}>"
    )


WHOLE = document(balance("OPBD", "100.00"), balance("CLBD", "87.70"), ENTRY)


def test_an_entry_is_read_with_what_it_sums_up() -> None:
    parts = parts_of(read_camt053, WHOLE)

    (statement,) = statements(parts)
    assert (statement.account, statement.currency) == ("NL00BANK0123456789", "EUR")
    (read,) = entries(parts)
    assert (read.amount, read.booked_on, read.value_on) == (
        Decimal("-12.30"),
        date(2026, 3, 1),
        date(2026, 3, 2),
    )
    assert (read.reference, read.customer_reference, read.code) == (
        "bank1",
        "e1",
        "PMNT.CCRD.POSD",
    )
    assert (read.counterparty, read.description) == ("Bo Limited", "two coffees")
    assert (read.original_amount, read.original_currency) == (Decimal("-13.50"), "USD")
    assert read.exchange_rate == "1.0975"
    assert len(read.details) == 1
    assert [each.kind for each in balances(parts)] == ["opening", "closing"]
    assert flags(parts) == []


def test_a_rate_is_told_beside_any_of_the_amounts_and_without_details_too() -> None:
    instructed = '<InstdAmt><Amt Ccy="USD">13.50</Amt></InstdAmt>'
    rate = "<CcyXchg><SrcCcy>USD</SrcCcy><XchgRate>1.0975</XchgRate></CcyXchg>"
    both = f'{instructed}<TxAmt><Amt Ccy="EUR">12.30</Amt>{rate}</TxAmt>'
    before, after = ENTRY[: ENTRY.index("<AmtDtls>")], ENTRY[ENTRY.index("</AmtDtls>") :]
    bare = ENTRY[: ENTRY.index("<NtryDtls>")]
    told = [f"{before}<AmtDtls>{both}{after}", f"{bare}<AmtDtls>{both}</AmtDtls></Ntry>"]

    for read in entries(parts_of(read_camt053, document(*told))):
        assert (read.original_amount, read.original_currency) == (Decimal("-13.50"), "USD")
        assert read.exchange_rate == "1.0975"


def test_what_was_booked_last_opens_where_nothing_else_does() -> None:
    parts = parts_of(read_camt053, document(balance("PRCD", "1"), balance("CLBD", "1")))

    assert [(each.kind, each.code) for each in balances(parts)] == [
        ("opening", "PRCD"),
        ("closing", "CLBD"),
    ]


@pytest.mark.parametrize(("status", "ours"), [("BOOK", "posted"), ("PDNG", "pending")])
def test_a_status_is_read_as_every_version_writes_it(status: str, ours: str) -> None:
    for written in (f"<Sts>{status}</Sts>", f"<Sts><Cd>{status}</Cd></Sts>"):
        text = document(ENTRY.replace("<Sts><Cd>BOOK</Cd></Sts>", written))

        (read,) = entries(parts_of(read_camt053, text))

        assert read.status == ours


def test_an_envelope_around_the_message_is_looked_through() -> None:
    text = (
        WHOLE.replace('<?xml version="1.0"?>', '<Envelope xmlns="urn:x"><Body>')
        + "</Body></Envelope>"
    )

    assert len(entries(parts_of(read_camt053, text))) == 1


def test_entries_that_do_not_lead_to_the_closing_balance_are_kept_and_flagged() -> None:
    parts = parts_of(read_camt053, WHOLE.replace("87.70", "87.71"))

    assert len(entries(parts)) == 1
    assert flags(parts) == ["the entries do not lead from the opening balance to the closing one"]


@pytest.mark.parametrize("length", range(1, len(WHOLE), 41))
def test_a_file_that_is_cut_off_anywhere_is_refused(length: int) -> None:
    with pytest.raises(Malformed):
        parts_of(read_camt053, WHOLE[:length])


BOMB = "".join(f'<!ENTITY a{depth} "{f"&a{depth - 1};" * 10}">' for depth in range(1, 12))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f'<!DOCTYPE d [<!ENTITY a0 "x">{BOMB}]>{WHOLE[21:]}', "document type"),
        (f'<!DOCTYPE d SYSTEM "file:///etc/passwd">{WHOLE[21:]}', "document type"),
        (document(message="BkToCstmrAcctRpt"), "camt.052"),
        (document(message="BkToCstmrDbtCdtNtfctn"), "camt.054"),
        (document(message="Other"), "no camt.053"),
        (document("<A>" * 5000 + "</A>" * 5000), "nested more deeply"),
        (WHOLE.replace("12.30", "12,3,0"), "not an amount"),
        (WHOLE.replace("DBIT", "BOTH"), "CdtDbtInd"),
        (WHOLE.replace("<BookgDt><Dt>2026-03-01", "<BookgDt><Dt>2026-02-30"), "calendar"),
        (WHOLE.replace("two", "t\x01wo"), "well-formed"),
        (document(f"<AddtlStmtInf>{'<X>x</X>' * 1_500_000}</AddtlStmtInf>"), "too large"),
    ],
)
def test_what_is_no_statement_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        parts_of(read_camt053, text)


class Endless:
    """A file of that many entries that is never in memory as a whole."""

    def __init__(self, count: int) -> None:
        self._parts = self._written(count)

    @staticmethod
    def _written(count: int) -> Iterator[bytes]:
        before, after = document("|").split("|")
        yield before.encode()
        for _ in range(count):
            yield ENTRY.encode()
        yield after.encode()

    def read(self, _size: int, /) -> bytes:
        return next(self._parts, b"")


def test_a_longer_file_takes_no_more_memory() -> None:
    short, long = (kb_read_in(count) for count in (1_000, 40_000))

    assert long < short + 8 * 1024


def kb_read_in(count: int) -> int:
    """The most memory that a process of its own took to read so many entries (KB, getrusage(2))."""
    code = (
        "import resource; from tests.partners.statements.test_camt053 import Endless, read_camt053;"
        f"print(sum(1 for _ in read_camt053(Endless({count}))) - 1,"
        " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=ROOT)
    seen, peak = map(int, ran.stdout.split())
    assert seen == count
    return peak
