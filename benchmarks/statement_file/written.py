"""A camt.053 of as many entries as wanted, written piece by piece; a tenth of a day's are alike to the letter."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

# The example of ISO 13616's registry.
IBAN = "DE89370400440532013000"
A_DAY = 2_500
_A_PIECE = 500


@dataclass
class Written:
    """What the file holds, known once it is written: bytes, and the sum of its entries in cents."""

    entries: int
    last_day: date
    size: int = 0
    cents: int = 0
    _opening: int = field(default=1_000_000_00, repr=False)

    def pieces(self) -> Iterator[bytes]:
        self.size = 0
        self.cents = sum(_cents(each) for each in range(self.entries))
        for text in self._parts():
            piece = text.encode()
            self.size += len(piece)
            yield piece

    def _parts(self) -> Iterator[str]:
        first = self.last_day - timedelta(days=(self.entries - 1) // A_DAY)
        yield (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
            "<GrpHdr><MsgId>BENCHMARK</MsgId></GrpHdr><Stmt><Id>1</Id>"
            f"<Acct><Id><IBAN>{IBAN}</IBAN></Id><Ccy>EUR</Ccy></Acct>\n"
            f"{_balance('OPBD', self._opening, first)}"
            f"{_balance('CLBD', self._opening + self.cents, self.last_day)}"
        )
        for begins in range(0, self.entries, _A_PIECE):
            numbers = range(begins, min(begins + _A_PIECE, self.entries))
            yield "".join(_entry(each, first) for each in numbers)
        yield "</Stmt></BkToCstmrStmt></Document>\n"


def _cents(number: int) -> int:
    return -250 if number % 10 == 0 else (number * 7919) % 20_000 - 15_000 or 1


def _money(cents: int) -> str:
    whole, rest = divmod(abs(cents), 100)
    sign = "DBIT" if cents < 0 else "CRDT"
    return f'<Amt Ccy="EUR">{whole}.{rest:02}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'


def _balance(code: str, cents: int, on: date) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_money(cents)}"
        f"<Dt><Dt>{on}</Dt></Dt></Bal>\n"
    )


def _entry(number: int, first: date) -> str:
    on = first + timedelta(days=number // A_DAY)
    is_alike = number % 10 == 0
    name = "Bar Sport" if is_alike else f"Shop {number % 997}"
    reference = "NOTPROVIDED" if is_alike else f"E2E{number:09}"
    return (
        f"<Ntry>{_money(_cents(number))}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{on}</Dt></BookgDt>"
        f"<ValDt><Dt>{on}</Dt></ValDt><BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>CCRD</Cd>"
        "<SubFmlyCd>POSD</SubFmlyCd></Fmly></Domn></BkTxCd><NtryDtls><TxDtls>"
        f"<Refs><EndToEndId>{reference}</EndToEndId></Refs>"
        f"<RltdPties><Cdtr><Pty><Nm>{name}</Nm></Pty></Cdtr><Dbtr><Pty><Nm>{name}</Nm></Pty></Dbtr></RltdPties>"
        f"<RmtInf><Ustrd>Card payment at {name}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>\n"
    )
