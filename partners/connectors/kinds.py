"""What a transaction is, by the codes that dialects share: our own words, and ISO 20022's."""

import re
from collections.abc import Mapping

from partners.connectors.base import Kind

_CATEGORY = re.compile(r"[0-9]{3,4}")

# ProprietaryBankTransactionCode, as docs/for-banks.md asks for it.
_PROPRIETARY: Mapping[str, Kind] = {
    "CARD_PURCHASE": "card_purchase",
    "CARD_REFUND": "card_refund",
    "SALARY": "salary",
    "TRANSFER_IN": "transfer_in",
    "TRANSFER_OUT": "transfer_out",
    "DIRECT_DEBIT": "direct_debit",
    "FEE": "fee",
}

# BankTransactionCode, ISO 20022 external codes and UK 3.1's names. Sub-families say more, so first.
_SUBFAMILY: Mapping[str, Kind] = {
    "SALA": "salary",
    "Salary": "salary",
    "FEES": "fee",
    "Fees": "fee",
    "CHRG": "fee",
    "Charges": "fee",
}
_FAMILY: Mapping[str, Kind] = {
    "RCDT": "transfer_in",
    "RRCT": "transfer_in",
    "ReceivedCreditTransfers": "transfer_in",
    "ICDT": "transfer_out",
    "IRCT": "transfer_out",
    "IssuedCreditTransfers": "transfer_out",
    "RDDT": "direct_debit",
    "ReceivedDirectDebits": "direct_debit",
}
_CARD_FAMILIES = ("CCRD", "CustomerCardTransactions")


def kind_of(
    *, proprietary: object, family: object, subfamily: object, by_card: bool, credit: bool
) -> Kind:
    """The bank's own code, else ISO's, else what a card shows; the sign tells a refund."""
    for code, meanings in (
        (proprietary, _PROPRIETARY),
        (subfamily, _SUBFAMILY),
        (family, _FAMILY),
    ):
        if isinstance(code, str) and code in meanings:
            return meanings[code]
    if by_card or family in _CARD_FAMILIES:
        return "card_refund" if credit else "card_purchase"
    return "other"


def merchant_category(written: object) -> str | None:
    """ISO 18245 has four digits; some banks lose a leading nought."""
    if not isinstance(written, str) or not _CATEGORY.fullmatch(written):
        return None
    return written.zfill(4)
