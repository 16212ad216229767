"""Decimal strings to minor units, exactly: nothing is rounded and no float comes near."""

import re

from partners.connectors.base import BadAnswer

# ISO 4217: the currencies whose minor unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
# Metals, funds and test codes: no minor unit is defined, so no exact amount can be kept.
_WITHOUT_MINOR_UNIT = frozenset(
    ("XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX")
)

_CURRENCY = re.compile(r"[A-Z]{3}")
# 13 digits in UK Open Banking, 14 in the Berlin Group's standard. The sign is the dialect's to read.
_AMOUNT = re.compile(r"([0-9]{1,14})(?:\.([0-9]{1,5}))?")


def exponent(currency: str) -> int:
    """Digits after the point in `currency` (ISO 4217); BadAnswer where it has no minor unit."""
    if not _CURRENCY.fullmatch(currency) or currency in _WITHOUT_MINOR_UNIT:
        raise BadAnswer("not a currency with a minor unit", "Currency")
    return _EXPONENTS.get(currency, 2)


def minor_units(amount: str, currency: str) -> int:
    """`"12.30"`, `"EUR"` to 1230. BadAnswer for a sign, or a fraction of the minor unit.

    Zeros past the minor unit say nothing more, and are taken: 12.3000 is 12.30.
    """
    digits = exponent(currency)
    found = _AMOUNT.fullmatch(amount)
    if found is None:
        raise BadAnswer("not an unsigned decimal", "Amount")
    whole, fraction = found[1], found[2] or ""
    if fraction[digits:].strip("0"):
        raise BadAnswer("finer than the currency's minor unit", "Amount")
    return int(whole + fraction[:digits].ljust(digits, "0"))
