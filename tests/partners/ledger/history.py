"""One invented history as a bank tells it: in four kinds of statements and over two interfaces, each in its own words."""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from partners.connectors.base import Response, TransactionRecord, drive
from partners.connectors.catalogue import CONNECTORS
from partners.ledger.statement_rows import record_of
from partners.statements.base import Entry, Reader
from partners.statements.camt053 import read_camt053
from partners.statements.csv_rows import read_guessed
from partners.statements.mt940 import read_mt940
from partners.statements.ofx import read_ofx
from tests.contracts.connectors.dialects import ACCOUNT, ADDRESS, DIALECTS, GRANT, Row

FIRST = date(2026, 3, 2)
SHOPS = ("Forno Lume", "Bar Sport", "Libreria del Ponte", "Forno Lumen", "Lidia")


@dataclass(frozen=True)
class Payment:
    """What really happened: a debit where `cents` is negative."""

    number: int
    day: int
    cents: int
    shop: str

    @property
    def on(self) -> date:
        return FIRST + timedelta(days=self.day)

    @property
    def amount(self) -> str:
        whole, cents = divmod(abs(self.cents), 100)
        return f"{whole}.{cents:02}"

    @property
    def signed(self) -> str:
        return f"-{self.amount}" if self.cents < 0 else self.amount


Payments = Sequence[Payment]


def _ofx(payments: Payments) -> str:
    rows = "".join(
        f"<STMTTRN><TRNTYPE>POS<DTPOSTED>{each.on:%Y%m%d}<TRNAMT>{each.signed}"
        f"<FITID>{each.on:%Y%m%d}0<NAME>{each.shop[:14]}</STMTTRN>"
        for each in payments
    )
    return (
        f"<OFX><BANKMSGSRSV1><STMTRS><CURDEF>GBP<BANKTRANLIST>{rows}</BANKTRANLIST></STMTRS></OFX>"
    )


def _mt940(payments: Payments) -> str:
    rows = "".join(
        f":61:{each.on:%y%m%d}{'D' if each.cents < 0 else 'C'}{each.amount.replace('.', ',')}NMSCNONREF\n"
        f":86:CARD 4242 {each.shop.upper()} FIRENZE\n"
        for each in payments
    )
    return f":20:x\n:25:0001\n:60F:C260301GBP0,00\n{rows}:62F:C260401GBP0,00\n-\n"


def _camt(payments: Payments) -> str:
    rows = "".join(
        f'<Ntry><Amt Ccy="GBP">{each.amount}</Amt>'
        f"<CdtDbtInd>{'DBIT' if each.cents < 0 else 'CRDT'}</CdtDbtInd><Sts>BOOK</Sts>"
        f"<BookgDt><Dt>{each.on}</Dt></BookgDt><AcctSvcrRef>SVC{each.number:08}</AcctSvcrRef>"
        f"<NtryDtls><TxDtls><RmtInf><Ustrd>{each.shop} card payment</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
        for each in payments
    )
    return (
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt><Id>1</Id>'
        f'<Acct><Id><Othr><Id>0001</Id></Othr></Id></Acct><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="GBP">0</Amt>'
        f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>2026-04-01</Dt></Dt></Bal>{rows}</Stmt></BkToCstmrStmt></Document>"
    )


def _csv(payments: Payments) -> str:
    rows = "".join(f"{each.on},{each.shop} FI,{each.signed}\n" for each in payments)
    return f"Date,Description,Amount\n{rows}"


def _uk(payments: Payments) -> Response:
    return DIALECTS["uk_open_banking"].page(
        [
            replace(
                _row(each, f"uk-{each.number:06}"),
                booked=f"{each.on}T10:{each.number % 60:02}:00+00:00",
                extra={"MerchantDetails": {"MerchantName": each.shop}},
            )
            for each in payments
        ]
    )


def _berlin(payments: Payments) -> Response:
    return DIALECTS["berlin_group"].page(
        [
            replace(
                # Its ids are numbers that mean something else at the other interface.
                _row(each, f"{900000 - each.number}"),
                booked=str(each.on),
                extra={"creditorName": each.shop.upper(), "debtorName": each.shop.upper()},
            )
            for each in payments
        ]
    )


def _row(payment: Payment, name: str) -> Row:
    return Row(name, amount=payment.amount, credit=payment.cents > 0)


def _file(
    write: Callable[[Payments], str], read: Reader
) -> Callable[[Payments], list[TransactionRecord]]:
    def records(payments: Payments) -> list[TransactionRecord]:
        parts = read(io.BytesIO(write(payments).encode()))
        return [record_of(each, currency="GBP") for each in parts if isinstance(each, Entry)]

    return records


def _interface(
    name: str, answer: Callable[[Payments], Response]
) -> Callable[[Payments], list[TransactionRecord]]:
    def records(payments: Payments) -> list[TransactionRecord]:
        steps = CONNECTORS[name](ADDRESS).transactions(
            grant=GRANT, account_external_id=ACCOUNT, since=FIRST
        )
        answers: Iterator[Response] = iter([answer(payments)])
        return list(drive(steps, lambda _request: next(answers)).records)

    return records


# What reads the history of each source, as it would come.
SOURCES: Mapping[str, Callable[[Payments], list[TransactionRecord]]] = {
    "live:uk_open_banking": _interface("uk_open_banking", _uk),
    "live:berlin_group": _interface("berlin_group", _berlin),
    "statement:camt.053": _file(_camt, read_camt053),
    "statement:mt940": _file(_mt940, read_mt940),
    "statement:ofx": _file(_ofx, read_ofx),
    "statement:csv": _file(_csv, read_guessed),
}
