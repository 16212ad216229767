"""Rates of exchange as a bank writes them, without a float."""

import re
from decimal import Decimal

from partners.connectors.answers import Node

_MAX_POWER = 11
_RATE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,27})?")


def rate(exchange: Node, name: str) -> str:
    """The rate as written, a decimal: a JSON number by one standard, a string by the other."""
    value = exchange.members.get(name)
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        # The size first: 1e999999 would be written out at full length.
        exact = Decimal(value)
        value = format(exact, "f") if abs(exact.adjusted()) <= _MAX_POWER else None
    if not isinstance(value, str) or not _RATE.fullmatch(value) or not value.strip("0."):
        exchange.wrong(name, "not a positive decimal")
    return value
