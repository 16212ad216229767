"""What is in one cell of a table: a day, an amount, which way the money went."""

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

DayOrder = Literal["ymd", "dmy", "mdy"]
DecimalSign = Literal[".", ","]

_NUMERIC = re.compile(r"(\d{1,4})([-./ ])(\d{1,2})\2(\d{1,4})(?=$|[ T,])")
_TOGETHER = re.compile(r"(\d{4})(\d{2})(\d{2})$")
_NAMED = re.compile(
    r"(\d{1,2})[-. /]*([^\W\d]{3,12})[.,]?[-. /]*(\d{4}|\d{2})\b|([^\W\d]{3,12})\.? (\d{1,2}),? (\d{4})\b"
)
# By their first three letters, in the languages of the banks we know.
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "jan ene gen",
            "feb fev fév",
            "mar mär maa mrt",
            "apr abr avr",
            "may mai mag mei",
            "jun giu jui",
            "jul lug",
            "aug ago aoû",
            "sep set",
            "oct okt ott out",
            "nov",
            "dec dez dic déc",
        ),
        start=1,
    )
    for name in names.split()
}
_JULY = ("juil", "juill")
_YEAR_DIGITS = 4
_CENTURY_TURNS = 70

_SYMBOLS = {"€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "$": ""}
_GROUPING = "'\u2019 \u00a0\u202f"
_MONEY = re.compile(
    r"(?P<sign>[-+\u2212]?)\s*(?P<symbol>[€£¥₹$]|[A-Z]{3} ?)?\s*(?P<sign2>[-+\u2212]?)"
    r"(?P<digits>\d[\d.,'\u2019 \u00a0\u202f]*|[.,]\d+)\s*(?P<after>[€£¥₹$]|[A-Z]{3})?\s*(?P<behind>-|CR|DR|Cr|Dr)?"
)
_THOUSAND = 3

OUT = frozenset(
    (
        *("-", "af", "cargo", "charge", "d", "debit", "debito", "debits", "dr", "débit"),
        *("expense", "out", "outgoing", "payment", "s", "sent", "soll", "withdrawal"),
    )
)
IN = frozenset(
    (
        *("+", "abono", "bij", "c", "cr", "credit", "credito", "credits", "crédit", "deposit"),
        *("h", "haben", "in", "income", "incoming", "k", "received", "refund"),
    )
)
# What banks write in the place of a day that is still to come.
PENDING = frozenset(
    ("pending", "vorgemerkt", "pendiente", "in sospeso", "en attente", "in behandeling")
)
# A card's statement writes what was spent without a sign.
SCHEMES = frozenset(
    ("visa", "visa debit", "mastercard", "maestro", "amex", "american express", "diners")
)


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal
    currency: str
    # Whether the cell itself says which way it went.
    signed: bool


def read_day(written: str, order: DayOrder) -> date | None:
    """The day at the beginning of the cell; None where there is none."""
    text = written.strip()
    found = _TOGETHER.match(text)
    if found is not None:
        return _date(int(found[1]), int(found[2]), int(found[3]))
    found = _NUMERIC.match(text)
    if found is not None:
        return _of_numbers(found[1], found[3], found[4], order)
    found = _NAMED.match(text)
    if found is None:
        return None
    if found[1]:
        return _of_name(found[1], found[2], found[3])
    return _of_name(found[5], found[4], found[6])


def _of_numbers(first: str, second: str, third: str, order: DayOrder) -> date | None:
    if order == "ymd" or len(first) == _YEAR_DIGITS:
        return _date(_year(first), int(second), int(third))
    day, month = (first, second) if order == "dmy" else (second, first)
    return _date(_year(third), int(month), int(day))


def _of_name(day: str, name: str, year: str) -> date | None:
    month = _month(name)
    return None if month is None else _date(_year(year), month, int(day))


def day_orders(written: str) -> frozenset[DayOrder]:
    """Which orders make a day of the cell; none where it is no day."""
    orders: tuple[DayOrder, ...] = ("ymd", "dmy", "mdy")
    return frozenset(each for each in orders if read_day(written, each) is not None)


def is_day(written: str) -> bool:
    """Whether it stands where a day does."""
    return bool(day_orders(written)) or written.strip().lower() in PENDING


def is_ambiguous(written: str) -> bool:
    """Whether day and month could be taken for each other."""
    return read_day(written, "dmy") != read_day(written, "mdy")


def _month(name: str) -> int | None:
    lower = name.lower()
    if lower.startswith(_JULY):
        return _MONTHS["jul"]
    return _MONTHS.get(lower[:3])


def _year(written: str) -> int:
    if len(written) == _YEAR_DIGITS:
        return int(written)
    return int(written) + (1900 if int(written) >= _CENTURY_TURNS else 2000)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def decimal_sign_of(cells: list[str]) -> DecimalSign | None:
    """Which sign is before the cents in a column of amounts; None where none says."""
    votes = {".": 0, ",": 0}
    for cell in cells:
        text = cell.strip()
        last = max(text.rfind("."), text.rfind(","))
        if last < 0:
            continue
        mark = text[last]
        other = "," if mark == "." else "."
        behind = len(re.findall(r"\d", text[last + 1 :]))
        if other in text or behind != _THOUSAND:
            # The last of two kinds, or not in front of three digits: before the cents.
            votes[mark if text.count(mark) == 1 else other] += 1
        elif text.count(mark) > 1:
            votes[other] += 1
    if votes["."] == votes[","]:
        return None
    return "." if votes["."] > votes[","] else ","


def read_money(written: str, decimal_sign: DecimalSign) -> Money | None:
    """`-$1,234.50`, `1.234,50 €`, `(12.00)`, `12.00-`, `1'234.50`; None for anything else."""
    text = written.strip()
    in_brackets = text.startswith("(") and text.endswith(")")
    found = _MONEY.fullmatch(text[1:-1].strip() if in_brackets else text)
    if found is None:
        return None
    grouping = "," if decimal_sign == "." else "."
    digits = found["digits"].strip()
    for each in _GROUPING + grouping:
        digits = digits.replace(each, "")
    whole, _, fraction = digits.partition(decimal_sign)
    if not (whole + fraction).isdecimal() or not (whole + fraction).isascii():
        return None
    behind = (found["behind"] or "").upper()
    signs = (found["sign"], found["sign2"])
    is_out = in_brackets or behind in {"-", "DR"} or any(each in {"-", "\u2212"} for each in signs)
    amount = Decimal(f"{whole or 0}.{fraction}" if fraction else whole)
    symbol = (found["symbol"] or found["after"] or "").strip()
    return Money(
        -amount if is_out else amount,
        _SYMBOLS.get(symbol, symbol),
        signed=is_out or bool(behind) or any(signs),
    )


def direction_of(written: str) -> int | None:
    """1 in, -1 out; None where the cell says neither."""
    text = written.strip().lower()
    return -1 if text in OUT else 1 if text in IN else None
