"""Amounts that carry their own sign: money out is negative, for every type of account."""

from partners.connectors.answers import Node
from partners.connectors.base import BadAnswer
from partners.connectors.money import minor_units


def signed_amount(amount: Node) -> tuple[int, str]:
    """`{"amount": "-12.30", "currency": "EUR"}` as signed minor units and currency."""
    written, currency = amount.string("amount"), amount.string("currency", limit=3)
    unsigned = written.removeprefix("-")
    try:
        minor = minor_units(unsigned, currency)
    except BadAnswer as bad:
        amount.wrong(bad.field.lower(), bad.reason)
    return (minor if unsigned == written else -minor), currency
