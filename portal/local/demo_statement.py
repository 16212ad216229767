"""A statement file that tells of a payment in other words than the bank's interface, so that "To review" has something to decide.

It is left where a bank's SFTP server would, and read from there as any file is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from django.conf import settings

from partners.banks.models import Bank
from partners.imports.models import StatementImport
from portal.tenancy.blocks import serving

FILE_NAME = "statement-in-other-words.ofx"
_WORDS = "PAGAMENTO POS CARTA DI DEBITO"
_AGO = timedelta(days=20)
_STEPS = 5000

Told = Mapping[str, Any]


def drop_statement(bank: Bank, bank_itself: httpx.Client, account: Told, *, at: datetime) -> None:
    """Leave it in the bank's drop folder, where none was read yet."""
    with serving(bank.id):
        if StatementImport.objects.filter(file_name=FILE_NAME).exists():
            return
    paid = lone_payment(
        _newest(bank_itself), account["AccountId"], zone=ZoneInfo(bank.time_zone), until=at - _AGO
    )
    if paid is None:
        return
    # The bank calls its accounts by the numbers that they have.
    number = account["AccountId"].rpartition("-")[2]
    content = _ofx(*paid, account=f"{bank.country}00SANDBOX{number}", currency=bank.currency)
    folder = settings.DROP_FOLDER / bank.slug
    folder.mkdir(mode=0o770, parents=True, exist_ok=True)
    being_written = folder / f"{FILE_NAME}.part"
    being_written.write_text(content, encoding="utf-8")
    being_written.replace(folder / FILE_NAME)


def _newest(bank_itself: httpx.Client) -> Sequence[Told]:
    """The last steps of the bank's own ledger."""
    told = bank_itself.get("/_control/ledger", params={"limit": 1}).raise_for_status().json()
    wanted = {"after": max(0, told["head"] - _STEPS), "limit": _STEPS}
    told = bank_itself.get("/_control/ledger", params=wanted).raise_for_status().json()
    found: Sequence[Told] = told["transactions"]
    return found


def lone_payment(
    ledger: Sequence[Told], account: str, *, zone: ZoneInfo, until: datetime
) -> tuple[date, int] | None:
    """The newest card payment of the account before then that is alone with its day and amount."""
    rows = [
        (datetime.fromisoformat(each["occurred_at"]).astimezone(zone), each)
        for each in ledger
        if each["AccountId"] == account
    ]
    times = Counter((when.date(), each["amount_minor"]) for when, each in rows)
    alone = [
        (when, each["amount_minor"])
        for when, each in rows
        if each["kind"] == "CARD_PURCHASE" and each["status"] == "booked" and when < until
        if times[when.date(), each["amount_minor"]] == 1
    ]
    if not alone:
        return None
    when, amount_minor = max(alone)
    return when.date(), amount_minor


def _ofx(on: date, amount_minor: int, *, account: str, currency: str) -> str:
    amount = Decimal(amount_minor).scaleb(-2)
    return (
        "OFXHEADER:100\nDATA:OFXSGML\nENCODING:UTF-8\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS>"
        f"<CURDEF>{currency}<BANKACCTFROM><BANKID>1<ACCTID>{account}<ACCTTYPE>CHECKING</BANKACCTFROM>"
        f"<BANKTRANLIST><STMTTRN><TRNTYPE>POS<DTPOSTED>{on:%Y%m%d}<TRNAMT>{amount}<FITID>{on:%Y%m%d}000417"
        f"<NAME>{_WORDS}</STMTTRN></BANKTRANLIST></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    )
