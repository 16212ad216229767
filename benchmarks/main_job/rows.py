"""The file of card transactions: read, rid of what no bank can hold, and dealt out to the banks."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

COLUMNS = ("account", "occurred_at", "amount", "currency", "description", "mcc", "is_fraud")
_NEEDED = COLUMNS[:5]
_AMOUNT = re.compile(r"[+-]?([0-9]{1,13})(?:\.([0-9]+))?")
_LONGEST_CELL = 10_000_000
# ISO 4217: the currencies whose minor unit is not a hundredth.
_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
# Metals, funds and test codes: nothing is held in them to the last unit.
_NO_MONEY = frozenset(
    ("XAG", "XAU", "XBA", "XBB", "XBC", "XBD", "XDR", "XPD", "XPT", "XSU", "XTS", "XUA", "XXX")
)


class FileRefused(ValueError):
    """The file cannot be played at all."""


@dataclass(frozen=True)
class Played:
    """The rows that are played, as the sandbox reads them, and why others were left out."""

    rows: Sequence[Mapping[str, str]]
    left_out: Counter[str]


def read_rows(path: Path, *, at_most: int | None) -> Played:
    """The first rows of a file that a bank can hold, at most so many. Raises FileRefused."""
    csv.field_size_limit(_LONGEST_CELL)
    try:
        text = path.read_text(encoding="utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        missing = set(_NEEDED) - {name.strip() for name in reader.fieldnames or ()}
        if missing:
            raise FileRefused(f"{path.name} has no column {min(missing)}")
        rows, left_out = _sorted_out(reader, at_most)
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise FileRefused(f"{path.name} cannot be read: {problem}") from problem
    if not rows:
        raise FileRefused(f"{path.name} has no row that can be played")
    return Played(rows, left_out)


def _sorted_out(
    reader: Iterable[Mapping[str, str | None]], at_most: int | None
) -> tuple[list[Mapping[str, str]], Counter[str]]:
    rows: list[Mapping[str, str]] = []
    left_out: Counter[str] = Counter()
    for each in reader:
        if at_most is not None and len(rows) >= at_most:
            break
        given = {
            (name or "").strip(): value for name, value in each.items() if isinstance(value, str)
        }
        row = {name: given.get(name, "").strip() for name in COLUMNS}
        row["amount"] = plain_amount(row["amount"], row["currency"])
        why = what_is_wrong(row)
        if why:
            left_out[why] += 1
        else:
            rows.append(row)
    return rows, left_out


def plain_amount(text: str, currency: str) -> str:
    """The amount without zeros past the currency's minor unit: 12.3000 EUR is 12.30."""
    whole, point, part = text.partition(".")
    digits = _DIGITS.get(currency, 2)
    if point and part[digits:].strip("0") == "" and part.isdecimal():
        part = part[:digits]
        return f"{whole}.{part}" if part else whole
    return text


def what_is_wrong(row: Mapping[str, str]) -> str:
    """Why a bank cannot hold the row: docs/sandbox.md, "Playing a file". Empty where it can."""
    currency = row["currency"]
    if not row["account"]:
        return "no account"
    if not re.fullmatch(r"[A-Z]{3}", currency) or currency in _NO_MONEY:
        return "not a currency"
    amount = _AMOUNT.fullmatch(row["amount"])
    if amount is None or len(amount[2] or "") > _DIGITS.get(currency, 2):
        return "not an amount of its currency"
    if not re.fullmatch(r"([0-9]{3,4})?", row["mcc"]) or row["is_fraud"] not in {"", "0", "1"}:
        return "odd mcc or is_fraud"
    return "" if _is_day(row["occurred_at"]) else "not a date"


def _is_day(text: str) -> bool:
    try:
        if len(text) == len("2026-01-31"):
            date.fromisoformat(text)
        else:
            datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def deal(
    rows: Sequence[Mapping[str, str]], *, banks: Sequence[str], customers: int
) -> dict[str, list[Mapping[str, str]]]:
    """Rows to the banks in turn; an account of the file becomes several where customers would get none.

    `customers` is how many each bank has: it deals the accounts of its file out to them in turn.
    """
    accounts = len({row["account"] for row in rows})
    parts = max(1, -(-customers // accounts))
    dealt: dict[str, list[Mapping[str, str]]] = {bank: [] for bank in banks}
    met: Counter[tuple[str, str]] = Counter()
    for number, row in enumerate(rows):
        bank = banks[number % len(banks)]
        part = met[bank, row["account"]] % parts
        met[bank, row["account"]] += 1
        name = f"{row['account']} {part + 1}" if parts > 1 else row["account"]
        dealt[bank].append({**row, "account": name})
    return dealt


def as_csv(rows: Iterable[Mapping[str, str]]) -> str:
    """The rows in the one shape that a sandbox bank plays."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
