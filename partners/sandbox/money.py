"""Money as whole minor units: reading, writing, converting. No floats."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Decimal

# ISO 4217: the currencies whose minor unit is not a hundredth.
_EXPONENTS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
# Metals, funds and test codes have no minor unit: no account is held in them.
_WITHOUT_MINOR_UNIT = frozenset(
    ("XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX")
)
_AMOUNT = re.compile(r"[+-]?[0-9]{1,13}(\.[0-9]{1,5})?")
_CURRENCY = re.compile(r"[A-Z]{3}")

# What one unit is worth in thousandths of a euro. Invented, fixed and good enough for a shop abroad.
_IN_EURO = {
    "EUR": 1000,
    "GBP": 1170,
    "CHF": 1060,
    "USD": 920,
    "BRL": 165,
    "SEK": 88,
    "PLN": 232,
    "JPY": 6,
    "CNY": 128,
    "THB": 25,
}


class MoneyError(ValueError):
    """Not an amount of that currency."""


def exponent(currency: str) -> int:
    """Digits after the point in this currency (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


def is_currency(text: object) -> bool:
    """Whether this has the form of an ISO 4217 code of money that can be counted."""
    return (
        isinstance(text, str)
        and _CURRENCY.fullmatch(text) is not None
        and text not in _WITHOUT_MINOR_UNIT
    )


def to_minor(text: str, currency: str) -> int:
    """Signed minor units of a decimal text such as `-12.30`; raises MoneyError."""
    if not _AMOUNT.fullmatch(text):
        raise MoneyError("an amount is digits, with a point and at most 13 digits before it")
    scaled = Decimal(text).scaleb(exponent(currency))
    if scaled != scaled.to_integral_value():
        raise MoneyError(f"{currency} has {exponent(currency)} digits after the point")
    return int(scaled)


def to_text(minor: int, currency: str) -> str:
    """The amount with all its digits, e.g. 1230 EUR -> `12.30`."""
    digits = exponent(currency)
    if digits == 0:
        return str(minor)
    sign, whole = ("-" if minor < 0 else ""), abs(minor)
    return f"{sign}{whole // 10**digits}.{whole % 10**digits:0{digits}d}"


def exchange_rate(source: str, target: str) -> Decimal:
    """How much of `target` one unit of `source` buys here, six digits; raises MoneyError."""
    if source not in _IN_EURO or target not in _IN_EURO:
        raise MoneyError(f"this bank does not exchange {source} for {target}")
    rate = Decimal(_IN_EURO[source]) / Decimal(_IN_EURO[target])
    return rate.quantize(Decimal("0.000001"))


def convert(minor: int, *, source: str, target: str, rate: Decimal) -> int:
    """Minor units of `target`, rounded half to even."""
    shift = exponent(target) - exponent(source)
    exact = (Decimal(minor) * rate).scaleb(shift)
    return int(exact.to_integral_value(rounding=ROUND_HALF_EVEN))


_FORMS = {
    "it": (".", ",", "{s}€ {n}"),
    "en": (",", ".", "{s}£{n}"),
    "de": ("’", ".", "{s}CHF {n}"),  # noqa: RUF001 - the Swiss mark for thousands
}
_SIGNS = {"it": "EUR", "en": "GBP", "de": "CHF"}


def to_display(minor: int, currency: str, locale: str) -> str:
    """The amount as the bank's own pages print it, with a true minus sign."""
    thousands, point, form = _FORMS[locale]
    if currency != _SIGNS[locale]:
        form = "{s}" + currency + " {n}"
    plain = to_text(abs(minor), currency)
    whole, _, cents = plain.partition(".")
    grouped = f"{int(whole):,}".replace(",", thousands)
    number = f"{grouped}{point}{cents}" if cents else grouped
    return form.format(s="−" if minor < 0 else "", n=number)  # noqa: RUF001 - a minus, not a hyphen
