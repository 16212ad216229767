"""What every reader of a statement file gives: its parts in the file's order, or one reason to refuse it whole.

Readers take bytes and give parts one by one, so that a file of any length costs the same memory. Whoever takes parts
keeps none of them before the reader has come to its end: a file that turns out to be cut off is refused then.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal, Protocol

# Longer than any that a bank gives; a line or element beyond it is no statement's.
MOST_CHARACTERS = 100_000
MOST_DIGITS = 32

_WRITTEN = re.compile(r"[+-]?[\d.,]+")
_GROUPED = re.compile(r"\d{1,3}(?:([.,])\d{3})+(?!\1)[.,]\d*")
_PLAIN = re.compile(r"(\d*)(?:[.,](\d*))?")


# Codes of money that is in use, or was lately (ISO 4217, lists one and three).
CURRENCIES = frozenset(
    [
        "AED",
        "AFN",
        "ALL",
        "AMD",
        "ANG",
        "AOA",
        "ARS",
        "AUD",
        "AWG",
        "AZN",
        "BAM",
        "BBD",
        "BDT",
        "BGN",
        "BHD",
        "BIF",
        "BMD",
        "BND",
        "BOB",
        "BRL",
        "BSD",
        "BTN",
        "BWP",
        "BYN",
        "BZD",
        "CAD",
        "CDF",
        "CHF",
        "CLP",
        "CNY",
        "COP",
        "CRC",
        "CUP",
        "CVE",
        "CZK",
        "DEM",
        "DJF",
        "DKK",
        "DOP",
        "DZD",
        "EEK",
        "EGP",
        "ERN",
        "ESP",
        "ETB",
        "EUR",
        "FJD",
        "FKP",
        "FRF",
        "GBP",
        "GEL",
        "GHS",
        "GIP",
        "GMD",
        "GNF",
        "GTQ",
        "GYD",
        "HKD",
        "HNL",
        "HRK",
        "HTG",
        "HUF",
        "IDR",
        "IEP",
        "ILS",
        "INR",
        "IQD",
        "IRR",
        "ISK",
        "ITL",
        "JMD",
        "JOD",
        "JPY",
        "KES",
        "KGS",
        "KHR",
        "KMF",
        "KPW",
        "KRW",
        "KWD",
        "KYD",
        "KZT",
        "LAK",
        "LBP",
        "LKR",
        "LRD",
        "LSL",
        "LTL",
        "LVL",
        "LYD",
        "MAD",
        "MDL",
        "MGA",
        "MKD",
        "MMK",
        "MNT",
        "MOP",
        "MRU",
        "MUR",
        "MVR",
        "MWK",
        "MXN",
        "MYR",
        "MZN",
        "NAD",
        "NGN",
        "NIO",
        "NLG",
        "NOK",
        "NPR",
        "NZD",
        "OMR",
        "PAB",
        "PEN",
        "PGK",
        "PHP",
        "PKR",
        "PLN",
        "PTE",
        "PYG",
        "QAR",
        "RON",
        "RSD",
        "RUB",
        "RWF",
        "SAR",
        "SBD",
        "SCR",
        "SDG",
        "SEK",
        "SGD",
        "SHP",
        "SIT",
        "SKK",
        "SLE",
        "SOS",
        "SRD",
        "SSP",
        "STN",
        "SVC",
        "SYP",
        "SZL",
        "THB",
        "TJS",
        "TMT",
        "TND",
        "TOP",
        "TRY",
        "TTD",
        "TWD",
        "TZS",
        "UAH",
        "UGX",
        "USD",
        "UYU",
        "UZS",
        "VES",
        "VND",
        "VUV",
        "WST",
        "XAF",
        "XCD",
        "XCG",
        "XOF",
        "XPF",
        "YER",
        "ZAR",
        "ZMW",
        "ZWG",
    ]  # one a line would fill four pages
)


class Malformed(Exception):
    """The file is refused whole. `where` is its line or element, never a value of it."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Statement:
    """Begins a statement of one account; the parts up to the next one are its own.

    `account` is the account as the file names it (IBAN, number, ...); empty where it does not. `bank_code`: the bank
    or branch that is named beside it.
    """

    number: int
    account: str = field(default="", repr=False)
    bank_code: str = ""
    currency: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account stood at; `amount` exact as written, credit positive. `code` is the format's own."""

    kind: Literal["opening", "closing", "other"]
    code: str
    amount: Decimal = field(repr=False)
    currency: str
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Detail:
    """One of several transactions that an entry sums up, such as those of a collected batch."""

    amount: Decimal | None = field(default=None, repr=False)
    currency: str = ""
    reference: str = field(default="", repr=False)
    counterparty: str = field(default="", repr=False)
    description: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked row. `amount` is exact as written, credit positive; `where` is its place in the file.

    `reference` is what the file calls it by. References repeat: none of them is an identity alone.
    """

    where: str
    amount: Decimal = field(repr=False)
    currency: str
    booked_on: date | None
    value_on: date | None = None
    status: Literal["posted", "pending"] = "posted"
    reference: str = field(default="", repr=False)
    customer_reference: str = field(default="", repr=False)
    code: str = ""
    counterparty: str = field(default="", repr=False)
    description: str = field(default="", repr=False)
    original_amount: Decimal | None = field(default=None, repr=False)
    original_currency: str = ""
    exchange_rate: str = ""
    # The account's currency, where `amount` is in another one still: times `exchange_rate` it is the account's.
    changes_to: str = ""
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """The file is readable, and something in it is not as it should be: kept, and shown to staff."""

    where: str
    reason: str
    # The entries do not lead from one balance to the other.
    unbalanced: bool = False


Part = Statement | Balance | Entry | Flag


class Source(Protocol):
    """A file opened for reading bytes."""

    def read(self, size: int, /) -> bytes: ...


class Reader(Protocol):
    """Gives a file's parts. Raises Malformed, at the latest when all parts were given."""

    def __call__(self, source: Source) -> Iterator[Part]: ...


def exact(written: str, where: str) -> Decimal:
    """`-1234.5`, `1234,50`, `,5`, `1,234.50` as they are, to the last digit. Raises Malformed."""
    text = written.strip()
    if _WRITTEN.fullmatch(text) is None:
        raise Malformed(where, "not an amount")
    sign, digits = ("-", text[1:]) if text[0] == "-" else ("", text.removeprefix("+"))
    if _GROUPED.fullmatch(digits):
        # Where both are there, the last is the decimal sign, and the other parts thousands.
        digits = digits.replace("," if digits.rindex(".") > digits.rindex(",") else ".", "")
    found = _PLAIN.fullmatch(digits)
    if found is None or not (found[1] or found[2]) or len(digits) > MOST_DIGITS:
        raise Malformed(where, "not an amount")
    return Decimal(f"{sign}{found[1] or 0}.{found[2] or 0}" if found[2] else f"{sign}{found[1]}")


def calendar_day(year: int, month: int, day: int, where: str) -> date:
    """That day. Raises Malformed where the calendar has none such."""
    try:
        return date(year, month, day)
    except ValueError:
        raise Malformed(where, "not a date in the calendar") from None
