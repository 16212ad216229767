"""Amounts with the sign that the indicator beside them gives."""

from partners.connectors.answers import Node
from partners.connectors.base import BadAnswer
from partners.connectors.money import minor_units
from partners.connectors.uk_open_banking.words import SIGNS


def signed_amount(row: Node) -> tuple[int, str]:
    """A row's amount in signed minor units, credit positive for every type of account."""
    amount_minor, currency = unsigned_amount(row.node("Amount"))
    return sign(row) * amount_minor, currency


def sign(row: Node) -> int:
    return row.word("CreditDebitIndicator", SIGNS)


def unsigned_amount(amount: Node) -> tuple[int, str]:
    """`{"Amount": "12.30", "Currency": "EUR"}` as minor units and currency."""
    written, currency = amount.string("Amount"), amount.string("Currency", limit=3)
    try:
        return minor_units(written, currency), currency
    except BadAnswer as bad:
        amount.wrong(bad.field, bad.reason)
