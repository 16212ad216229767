"""Statement files made for a test: as many rows as wanted, in each format, of accounts that cannot be real."""

import io
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from partners.connectors.base import AccountRecord
from partners.imports.models import StatementImport
from partners.imports.reading import read_due
from partners.imports.receiving import Errand, incoming, pieces, take_in
from partners.ledger.actions import record_accounts
from partners.ledger.models import Account, Entry
from portal.tenancy.blocks import serving

# The examples of ISO 13616's registry.
IBAN, OTHER_IBAN = "DE89370400440532013000", "GB29NWBK60161331926819"
FIRST_DAY = date(2026, 3, 2)
Row = tuple[date, Decimal, str]


def rows(number: int, *, a_day: int = 5, text: str = "Payment") -> list[Row]:
    return [
        (
            FIRST_DAY + timedelta(days=place // a_day),
            Decimal(-100 - place) / 100,
            f"{text} {place}",
        )
        for place in range(number)
    ]


def ofx(listed: Iterable[Row], *, account: str = IBAN, currency: str = "EUR") -> bytes:
    told = "".join(
        f"<STMTTRN><TRNTYPE>POS<DTPOSTED>{on:%Y%m%d}<TRNAMT>{amount}<FITID>f{place}<NAME>{text}</STMTTRN>\n"
        for place, (on, amount, text) in enumerate(listed)
    )
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nENCODING:UTF-8\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>"
        f"<CURDEF>{currency}<BANKACCTFROM><BANKID>1<ACCTID>{account}<ACCTTYPE>CHECKING</BANKACCTFROM>"
        f"<BANKTRANLIST>{told}</BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    ).encode()


def camt(*statements: tuple[str, Iterable[Row]], closing: Decimal | None = None) -> bytes:
    """A statement for each account with its rows; `closing` where it is not what the rows lead to."""
    told = "".join(_statement(account, list(listed), closing) for account, listed in statements)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>'
        f"{told}</BkToCstmrStmt></Document>"
    ).encode()


def _statement(account: str, listed: list[Row], closing: Decimal | None) -> str:
    total = sum((amount for _on, amount, _text in listed), Decimal(0))
    ends = total if closing is None else closing
    return (
        f"<Stmt><Id>1</Id><Acct><Id><IBAN>{account}</IBAN></Id><Ccy>EUR</Ccy></Acct>"
        f"{_balance('OPBD', Decimal(0))}{_balance('CLBD', ends)}"
        f"{''.join(_entry(*each) for each in listed)}</Stmt>"
    )


def _balance(code: str, amount: Decimal) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>{_money(amount)}"
        f"<Dt><Dt>{FIRST_DAY}</Dt></Dt></Bal>"
    )


def _money(amount: Decimal) -> str:
    sign = "DBIT" if amount < 0 else "CRDT"
    return f'<Amt Ccy="EUR">{abs(amount)}</Amt><CdtDbtInd>{sign}</CdtDbtInd>'


def _entry(on: date, amount: Decimal, text: str) -> str:
    return (
        f"<Ntry>{_money(amount)}<Sts>BOOK</Sts><BookgDt><Dt>{on}</Dt></BookgDt>"
        f"<AddtlNtryInf>{text}</AddtlNtryInf></Ntry>\n"
    )


def table(listed: Iterable[Row]) -> bytes:
    told = "".join(
        f"{on:%d.%m.%Y};{text};{str(amount).replace('.', ',')}\n" for on, amount, text in listed
    )
    return f"Buchungstag;Verwendungszweck;Betrag\n{told}".encode()


# --- bringing them --------------------------------------------------------------------------------


def number_account(account: Account, *numbers: str) -> None:
    """What a connector does when the account is linked: tell its numbers."""
    with serving(account.bank_id):
        record_accounts(
            [
                AccountRecord(
                    account.external_id,
                    "current",
                    account.name,
                    account.currency,
                    "**** 1",
                    numbers,
                )
            ]
        )


def bring(
    bank_id: UUID, content: bytes, *, name: str = "file", account: str = ""
) -> StatementImport:
    errand = Errand(bank_id, "console", "staff:somebody")
    with incoming(bank_id) as coming:
        for piece in pieces(io.BytesIO(content)):
            coming.write(piece)
        row, _is_new = take_in(errand, coming, file_name=name, account=account, at=timezone.now())
    return row


def read_all(bank_id: UUID) -> None:
    """Every file of the bank that is due within minutes, to its end."""
    while read_due(bank_id=bank_id, clock=lambda: timezone.now() + timedelta(minutes=5)):
        pass


def tried_in_vain(bank_id: UUID) -> None:
    """What is wrong stays wrong, and the bank's files are tried for an hour."""
    began = timezone.now()
    for minutes in range(0, 60, 6):
        read_due(bank_id=bank_id, clock=lambda at=began + timedelta(minutes=minutes): at)  # type: ignore[misc]  # bound anew each time


def as_it_is(row: StatementImport) -> StatementImport:
    with serving(row.bank_id):
        return StatementImport.objects.get(pk=row.pk)


def brought_and_read(bank_id: UUID, content: bytes, **said: Any) -> StatementImport:
    row = bring(bank_id, content, **said)
    read_all(bank_id)
    return as_it_is(row)


def stored(account: Account) -> list[Entry]:
    with serving(account.bank_id):
        return list(Entry.objects.filter(account=account).order_by("change_seq"))
