"""Money on the wire: `{"amount": "12.30", "currency": "EUR"}` from integer minor units."""

from typing import TypedDict

# ISO 4217: minor units of the currencies that do not have two.
_EXPONENTS = {
    **dict.fromkeys(
        [
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "UYI",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ],
        0,
    ),
    **dict.fromkeys(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"], 3),
    **dict.fromkeys(["CLF", "UYW"], 4),
}


class Money(TypedDict):
    amount: str
    currency: str


def exponent_of(currency: str) -> int:
    """How many digits of minor units a currency has (ISO 4217)."""
    return _EXPONENTS.get(currency, 2)


def decimal_text(amount_minor: int, currency: str) -> str:
    """Minor units as a decimal string: -1230 EUR is `-12.30`."""
    exponent = exponent_of(currency)
    digits = str(abs(amount_minor)).rjust(exponent + 1, "0")
    sign = "-" if amount_minor < 0 else ""
    if exponent == 0:
        return sign + digits
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"


def money(amount_minor: int, currency: str) -> Money:
    return {"amount": decimal_text(amount_minor, currency), "currency": currency}
