"""A merchant's name, cleaned from what stands on the statement. Pure; what it was read from is kept as it was.

Taken away is what tells no shop: how and by way of whom it was paid, numbers of terminals, stores and references,
days and times, and the place where it is told apart. What is in doubt stays: a name too long misleads nobody.
"""

import re
from collections.abc import Sequence, Set
from functools import lru_cache

from partners.ledger.casing import cased

# A card's line has 40 characters for name, place and country (ISO 8583, field 43): what is longer is prose.
LONGEST_LINE = 40
_NAME_COLUMNS, _LONGEST_PLACE, _WIDE_GAP = 22, 16, 3
# Digits that make a number one of a store or a till, and no part of a name ("Pier 1", "Studio 54").
_NO_NAME = 3
_LEADING_NUMBER, _SHORTEST_MIX = 6, 5

_HOW = r"(?:contactless|debit|credit|visa|mastercard|maestro|online|recurring)"
_WHAT = r"(?:payment|purchase|transaction|refund)"
# How it was paid, as banks write before the name, each in its language.
_PAID = re.compile(
    rf"(?:(?:{_HOW}\s)*(?:card\s)?{_WHAT}\s(?:to|at|from)\b|(?:{_HOW}\s)*card\s{_WHAT}\b"
    rf"|(?:{_HOW}\s)+{_WHAT}\b|(?:eft)?pos(?:\s{_WHAT}|\sdebit)?(?:[\s*/:]+\d+)?(?=[\s*/:])"
    r"|(?:pagamento|acquisto|addebito)(?:\s(?:con|pos|carta|bancomat|contactless))+(?:\spresso)?\b"
    r"|(?:pagamento|acquisto)\spresso\b"
    r"|(?:compra|pago)(?:\scon)?(?:\starjeta|\starj\.?)?\sen\b|(?:compra|pago)(?:\scon)?\starjeta\b"
    r"|kartenzahlung\b|(?:paiement|achat)(?:\spar)?\s(?:cb|carte)\b)[\s*/:.-]*",
    re.IGNORECASE,
)
# By way of whom: who takes payments for others stands before the shop, with a star between.
_BY_WAY_OF = re.compile(
    r"(?:sq|square|paypal|pp|sum\s?up|iz|izettle|zettle|ztl|sp|stripe|tst|cko|eb|nyx|mollie|adyen)\s?\*+[\s*]*",
    re.IGNORECASE,
)
# These are known where the star was lost, if what follows is not their own.
_STAR_LOST = re.compile(
    r"(?:paypal|sumup|izettle|zettle|iz)\s(?!(?:inc|ltd|limited|europe|uk|eu|sarl|s\.|payments?|transfers?|credit"
    r"|holdings?|pte|gmbh|ab|charges?|fees?)\b)",
    re.IGNORECASE,
)
_BEFORE = (_PAID, _BY_WAY_OF, _STAR_LOST)
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
_DAY = re.compile(
    r"\d{4}[-./]\d{1,2}[-./]\d{1,2}|\d{1,2}[-./]\d{1,2}[-./](?:\d{4}|\d{2})|\d{2}[-./]\d{2}"
    rf"|\d{{1,2}}-?{_MONTH}-?(?:\d{{4}}|\d{{2}})?|\d{{1,2}}:\d{{2}}(?::\d{{2}})?",
    re.IGNORECASE,
)
_DAY_IN_WORDS = re.compile(
    rf"\s\d{{1,2}}\s{_MONTH}[a-z]{{0,6}}(?:\s(?:\d{{4}}|\d{{2}}))?$", re.IGNORECASE
)
_BEFORE_A_DAY = frozenset({"on", "at", "del", "alle", "am", "um", "le"})
_NUMBER = re.compile(r"[(+#]*\d[\d()/.-]*|#\d[\w-]*|[x*•]{2,}\d+", re.IGNORECASE)
# Numbers that a line has no room to set apart.
_GLUED = re.compile(r"(?<=[^\W\d_])(?:[-/:]\d{3,}|\d{5,})$")
_MIXED = re.compile(r"[a-z0-9/-]+", re.IGNORECASE)
_INTERLEAVED = re.compile(r"\d[a-z]+\d", re.IGNORECASE)
# With any number, both go; with a long one, both go; with any number, the number goes.
_ALWAYS = frozenset({"ref", "reference", "tid", "mid", "trn", "trx", "auth", "inv", "cd", "till"})
_WITH_LONG = frozenset(
    {"no", "nr", "num", "id", "terminal", "term", "card", "carta", "tarjeta", "order"}
)
_PLACES = frozenset({"store", "shop", "branch", "filiale", "negozio", "tienda", "outlet"})
_EDGES = " \t*#,;:/|_=+-"
_COLUMNS = re.compile(r"\s{2,}")
_THREE_LETTERS = dict(
    each.split(":")
    for each in [
        "GB:GBR",
        "IE:IRL",
        "IT:ITA",
        "ES:ESP",
        "DE:DEU",
        "FR:FRA",
        "CH:CHE",
        "AT:AUT",
        "PT:PRT",
        "NL:NLD",
        "BE:BEL",
        "LU:LUX",
        "SE:SWE",
        "NO:NOR",
        "DK:DNK",
        "FI:FIN",
        "PL:POL",
        "CZ:CZE",
        "GR:GRC",
        "US:USA",
        "CA:CAN",
        "BR:BRA",
        "TH:THA",
        "JP:JPN",
    ]
)


@lru_cache(maxsize=20_000)
def clean_name(text: str, country: str = "") -> str:
    """The shop's name; `country`, where the bank gave it, is no part of it.

    Cleaned again it is the same. Never longer than the text, and never empty where that is not.
    """
    while (cleaned := cased(_stripped(text, country))) != text:
        text = cleaned
    return text


def _stripped(text: str, country: str) -> str:
    while (name := _without_place(text, country)) != text:
        text = name
    said = " ".join(text.split())
    while (less := _less(said, country)) != said:
        said = less
    return said or text


def _less(said: str, country: str) -> str:
    """One thing less that tells no shop, as long as letters are left."""
    for less in (_without_beginning(said), _without_end(said, country), said.strip(_EDGES)):
        if less != said and _has_letter(less):
            return less.strip()
    return _without_star(said)


def _has_letter(text: str) -> bool:
    return any(each.isalpha() for each in text)


def _without_place(text: str, country: str) -> str:
    """The name alone, where columns tell it from the place."""
    name, parted, _place = text.partition("//")
    if parted and _has_letter(name) and not name.endswith(":"):
        return name
    for gap in reversed(list(_COLUMNS.finditer(text.rstrip()))):
        name, place = text[: gap.start()], text[gap.end() :].strip()
        wide = len(gap[0]) >= _WIDE_GAP or gap.end() >= _NAME_COLUMNS
        if (wide or place.upper() in _called(country)) and _is_place(name, place):
            return name
    return text


def _is_place(name: str, place: str) -> bool:
    is_short = 0 < len(place) <= _LONGEST_PLACE and not any(
        each.isdigit() or each == "*" for each in place
    )
    return (
        is_short
        and _has_letter(name)
        and not any(each.fullmatch(f"{name.strip()} ") for each in _BEFORE)
    )


def _called(country: str) -> Set[str]:
    """What a line writes where the bank says that code."""
    also = {"UK"} if country == "GB" else set()
    return also | {country, _THREE_LETTERS.get(country, country)} - {""}


def _without_beginning(said: str) -> str:
    for pattern in _BEFORE:
        if (found := pattern.match(said)) and _has_letter(said[found.end() :]):
            return said[found.end() :]
    first, _space, rest = said.partition(" ")
    is_number = first.isdecimal() and len(first) >= _LEADING_NUMBER
    return rest if is_number or _DAY.fullmatch(first) else said


def _without_end(said: str, country: str) -> str:
    if found := _DAY_IN_WORDS.search(said):
        return _joined(said[: found.start()].split(), after_day=True)
    if found := _GLUED.search(said):
        return said[: found.start()]
    *before, last = said.split(" ")
    if not before:
        return said
    if _DAY.fullmatch(last):
        return _joined(before, after_day=True)
    if (said.isupper() or said.islower()) and last.upper() in _called(country):
        return _joined(before)
    return _joined(_without_number(before, last))


def _joined(words: Sequence[str], *, after_day: bool = False) -> str:
    if after_day and len(words) > 1 and words[-1].lower() in _BEFORE_A_DAY:
        words = words[:-1]
    return " ".join(words)


def _without_number(before: Sequence[str], last: str) -> Sequence[str]:
    label, digits = before[-1].strip(".:#°").lower(), sum(each.isdecimal() for each in last)
    is_labelled = len(before) > 1 and digits > 0
    is_number = bool(_NUMBER.fullmatch(last)) and (digits >= _NO_NAME or not last[0].isdecimal())
    if is_labelled and [each.lower() for each in before[-2:]] == ["card", "ending"]:
        return before[:-2] or before
    if is_labelled and (label in _ALWAYS or (label in _WITH_LONG and is_number)):
        return before[:-1]
    if is_number or _is_reference(last, digits) or (label in _PLACES and last.isdecimal()):
        return before
    return [*before, last]


def _is_reference(word: str, digits: int) -> bool:
    """Letters and digits mixed as no word is."""
    if not _MIXED.fullmatch(word) or len(word) < _SHORTEST_MIX:
        return False
    return digits >= _NO_NAME or _INTERLEAVED.search(word) is not None


def _without_star(said: str) -> str:
    head, star, tail = said.rpartition("*")
    if not star or not _has_letter(head):
        return said
    word = tail.strip()
    digits = sum(each.isdecimal() for each in word)
    is_said = _has_letter(word) and not (digits and _MIXED.fullmatch(word))
    return " ".join(f"{head} {word}".split()) if is_said else head.strip()
