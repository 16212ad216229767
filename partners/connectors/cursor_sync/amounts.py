"""Amounts that are JSON numbers, read digit by digit: never by way of a float."""

from decimal import Decimal

from partners.connectors.answers import Node
from partners.connectors.base import BadAnswer
from partners.connectors.money import minor_units

_MOST_DIGITS = 20


def signed_amount(row: Node, name: str, currency: str) -> int:
    """The number of that name in signed minor units, as it is written."""
    value = row.members.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        row.wrong(name, "not a number")
    exact = Decimal(value)
    # The size first: 1e999999 would be written out at full length.
    if abs(exact.adjusted()) > _MOST_DIGITS:
        row.wrong(name, "more digits than an amount may have")
    try:
        minor = minor_units(format(abs(exact), "f"), currency)
    except BadAnswer as bad:
        row.wrong(name if bad.field == "Amount" else "iso_currency_code", bad.reason)
    return -minor if exact < 0 else minor
