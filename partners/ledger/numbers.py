"""What an account's number is, however it is written: as pure functions, to compare one spelling with another.

A number is never kept. What is kept are keyed hashes of what this gives, so that a file's account can be found.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from partners.statements.base import CURRENCIES

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_SHORTEST = 5
_LONGEST = 64
_MOD, _LEFT_OVER = 97, 1

# ISO 13616: how long the number of a country is, where in it the bank's code ends, and where the number of the account
# itself begins and ends, as statements write it. Behind the country and its two check digits.
_LAYOUTS: dict[str, tuple[int, int, int, int]] = {
    "AT": (16, 0, 5, 16),
    "BE": (12, 0, 0, 12),
    "BG": (18, 4, 10, 18),
    "CH": (17, 0, 5, 17),
    "CY": (24, 0, 8, 24),
    "CZ": (20, 0, 4, 20),
    "DE": (18, 0, 8, 18),
    "DK": (14, 0, 4, 14),
    "EE": (16, 0, 4, 16),
    "ES": (20, 0, 10, 20),
    "FI": (14, 0, 0, 14),
    "FR": (23, 0, 10, 21),
    "GB": (18, 4, 10, 18),
    "GR": (23, 0, 7, 23),
    "HR": (17, 0, 7, 17),
    "HU": (24, 0, 8, 24),
    "IE": (18, 4, 10, 18),
    "IT": (23, 0, 11, 23),
    "LI": (17, 0, 5, 17),
    "LT": (16, 0, 5, 16),
    "LU": (16, 0, 3, 16),
    "LV": (17, 0, 4, 17),
    "MT": (27, 4, 9, 27),
    "NL": (14, 4, 4, 14),
    "NO": (11, 0, 0, 11),
    "PL": (24, 0, 8, 24),
    "PT": (21, 0, 8, 19),
    "RO": (20, 0, 4, 20),
    "SE": (20, 0, 3, 20),
    "SI": (15, 0, 5, 15),
    "SK": (20, 0, 4, 20),
    "SM": (23, 0, 11, 23),
}


@dataclass(frozen=True, slots=True)
class Names:
    """Ways to write one account's number. `full` says which account it is anywhere; `bare` without its bank alone."""

    full: tuple[str, ...]
    bare: tuple[str, ...]


def names_of(written: str, *, bank_code: str = "") -> Names:
    """All that the same account may be called by; nothing of what is masked, or too short to tell accounts apart.

    `bank_code`: the bank or branch where it is written apart (a sort code, a Bankleitzahl).
    """
    number = _plain(without_currency(written))
    if not _SHORTEST <= len(number) <= _LONGEST or "*" in written or "•" in written:
        return Names((), ())
    if is_iban(number):
        return _of_iban(number)
    parted = _parted(written)
    branch = _plain(bank_code) or (parted[0] if parted else "")
    alone = parted[1] if parted else number
    full = [_short(branch + alone), _joined(branch, alone)] if branch else [_short(number)]
    return Names(_once(full), _once([_short(alone), _short(number)]))


def without_currency(written: str) -> str:
    """An IBAN with the account's currency behind it (`... EUR`, as some banks write `:25:`) alone; else as it is written."""
    number = _plain(written)
    iban, currency = number[:-3], number[-3:]
    if currency in CURRENCIES and is_iban(iban) and not (is_iban(number) and _is_whole(number)):
        return iban
    return written


def is_iban(number: str) -> bool:
    """Whether it is one by its form and its check digits (ISO 7064, MOD 97-10)."""
    if not _IBAN.fullmatch(number):
        return False
    turned = number[4:] + number[:4]
    return int("".join(str(int(each, 36)) for each in turned)) % _MOD == _LEFT_OVER


def _is_whole(iban: str) -> bool:
    """Whether it is as long as its country's are, where we know them."""
    return iban[:2] in _LAYOUTS and len(iban[4:]) == _LAYOUTS[iban[:2]][0]


def _of_iban(iban: str) -> Names:
    domestic = iban[4:]
    if not _is_whole(iban):
        return Names(_once([iban, _short(domestic)]), ())
    _length, branch_from, begins, ends = _LAYOUTS[iban[:2]]
    account, branch = domestic[begins:ends], domestic[branch_from:begins]
    full = [iban, _short(domestic), _short(branch + account)]
    if branch:
        full.append(_joined(branch, account))
    return Names(_once(full), _once([_short(account)]))


def _joined(branch: str, account: str) -> str:
    """Bank and account apart, whatever noughts stand before either."""
    return f"{_short(branch)}/{_short(account)}"


def _plain(written: str) -> str:
    return "".join(each for each in written.upper() if each.isascii() and each.isalnum())


def _short(number: str) -> str:
    return number.lstrip("0")


def _parted(written: str) -> tuple[str, str] | None:
    """`20070024/0123456789`, as MT940 writes bank and account."""
    first, slash, second = written.partition("/")
    parts = (_plain(first), _plain(second))
    return parts if slash and all(parts) and len(parts[1]) >= _SHORTEST else None


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in names if len(each) >= _SHORTEST))
