"""SWIFT MT940, read tag by tag: what banks write, which is seldom all that the standard says.

Source: SWIFT Standards, Category 9, MT 940 Customer Statement Message: field 60a and 62a (balances), 61 (statement
line), 86 (information to account owner). RC takes a credit back and so is negative, RD is positive.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from partners.statements.base import (
    Balance,
    Detail,
    Entry,
    Flag,
    Malformed,
    Part,
    Source,
    Statement,
    exact,
)
from partners.statements.text import Line, lines_of, pieces_of

_FIELD = re.compile(r":(\d{2}[A-Z]?|NS):(.*)", re.DOTALL)
_BALANCE = re.compile(r"([CD])(\d{6})([A-Z]{3})?([\d.,]+)\s*/?")
_LINE = re.compile(
    r"(?P<value>\d{6})(?P<entry>\d{4})?(?P<mark>R?[CD])(?P<funds>[A-Z])?\s*(?P<amount>\d*[.,]?\d*)"
    r"(?P<type>[A-Z][A-Z0-9]{3})?(?P<references>.*)",
    re.DOTALL,
)
_SUBFIELD = re.compile(r"\?(\d{2})")
_PURPOSE = (*range(20, 30), *range(60, 64))
_NAMES = (32, 33)
# Two-digit years from here on are of the last century.
_CENTURY_TURNS = 80
_CENTS = 2
# What may be the last field: a balance, or what is told of the whole statement.
_BALANCES = frozenset({"62F", "62M", "64", "65"})
_BEHIND = frozenset({"86", "NS"})


@dataclass(slots=True)
class _Open:
    """The statement that is being read."""

    statement: Statement
    where: str
    told: bool = False
    opening: Balance | None = None
    closing: Balance | None = None
    total: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class _Field:
    tag: str
    text: str
    line: Line
    # Nothing of it, nor of what came before it, is missing at its end.
    ended: bool


def read_mt940(source: Source) -> Iterator[Part]:
    """Every statement with its balances and lines. Raises Malformed.

    A statement without its closing balance is one that was cut off, unless the file says that it ends there:
    by its trailer, by its only empty line, or by another statement that has none either.
    """
    reading = _Reading()
    for each in _fields(lines_of(pieces_of(source))):
        yield from reading.take(each)
    yield from reading.end()


# What stands between fields: the end of a message, an empty line, the beginning of a message, anything else.
_TRAILER, _EMPTY, _HEADER, _STRAY = "-", "", "{", "?"
_OUTSIDE = frozenset({_TRAILER, _EMPTY, _HEADER, _STRAY})
_CONTROL = "\x00\x01\x02\x03 "


def _fields(lines: Iterator[Line]) -> Iterator[_Field]:
    """Fields with all their lines, and what stands between them under a tag of our own."""
    held: _Field | None = None
    for line in lines:
        tag, text = _cut(line)
        if tag == _STRAY and held is not None:
            held = replace(held, text=f"{held.text}\n{text}", ended=line.whole)
            continue
        if held is not None:
            yield held
        held = _Field(tag, text, line, ended=line.whole)
        if tag in _OUTSIDE:
            yield held
            held = None
    if held is not None:
        yield held


def _cut(line: Line) -> tuple[str, str]:
    """The tag and what is behind it."""
    text = line.text.lstrip(_CONTROL) if line.text[:1] in _CONTROL else line.text
    if text.startswith("{"):
        before, begins, text = text.rpartition("{4:")
        if not text.startswith(":"):
            is_cut = before.count("{") != before.count("}") or (not begins and not line.whole)
            return (_HEADER if begins or is_cut else _STRAY), ""
    if not text.strip():
        return _EMPTY, ""
    if text.strip() in {"-", "-}"} or text.startswith(("-}{", "-}\x03")):
        return _TRAILER, ""
    found = _FIELD.fullmatch(text)
    return (_STRAY, text) if found is None else (found[1], found[2])


class _Reading:
    def __init__(self) -> None:
        self.number = 0
        self.open: _Open | None = None
        self.entry: Entry | None = None
        self.last: _Field | None = None
        # How many statements before had no closing balance: then this bank writes none.
        self.without_closing = 0
        # Whether there was an empty line inside the statement: then another says nothing of its end.
        self.has_empty = False
        self.is_begun = False

    def take(self, it: _Field) -> Iterator[Part]:
        if self.last is not None and self.last.tag == _EMPTY and it.tag != _EMPTY:
            self.has_empty = True
        self.last = it
        if it.tag in {"86", "NS"} and self.entry is not None:
            self.entry = _described(self.entry, it.text)
            return
        yield from self._entry_done()
        match it.tag:
            case "{":
                self.is_begun = True
            case "20":
                yield from self._done()
                self._begin(it)
            case "25" | "25P":
                self._now(it).statement = replace(self._now(it).statement, account=_first_line(it))
            case "60F" | "60M" | "62F" | "62M":
                yield from self._balance(it)
            case "61":
                yield from self._told(it)
                self._line(it)

    def _begin(self, it: _Field) -> None:
        self.number += 1
        self.open = _Open(Statement(self.number, reference=it.text.strip()), it.line.where)
        self.has_empty = self.is_begun = False

    def end(self) -> Iterator[Part]:
        yield from self._entry_done()
        now, last = self.open, self.last
        if now is None or last is None:
            raise Malformed("file", "no MT940 statement in it")
        if self.is_begun:
            raise Malformed(last.line.where, "a message without its statement: it is cut off")
        if now.closing is None and not self._says_that_it_ends(last):
            raise Malformed(now.where, "the statement has no closing balance: it is cut off")
        if not last.ended and not _may_end(last, now):
            raise Malformed(last.line.where, "is cut off")
        yield from self._done()

    def _says_that_it_ends(self, last: _Field) -> bool:
        if last.tag == _EMPTY:
            return not self.has_empty
        return last.tag == _TRAILER or (self.without_closing > 0 and last.ended)

    def _balance(self, it: _Field) -> Iterator[Part]:
        now = self._now(it)
        balance = _balance(it, now.statement.currency)
        if balance.kind == "opening":
            if not now.told:
                now.statement = replace(now.statement, currency=balance.currency)
            now.opening = now.opening or balance
        else:
            now.closing = balance
        yield from self._told(it)
        if balance.on is None:
            yield Flag(it.line.where, "a balance of no day in the calendar")
        yield balance

    def _told(self, it: _Field) -> Iterator[Part]:
        now = self._now(it)
        if not now.told:
            now.told = True
            yield now.statement

    def _now(self, it: _Field) -> _Open:
        if self.open is None:
            raise Malformed(it.line.where, f":{it.tag}: before any statement began")
        return self.open

    def _line(self, it: _Field) -> None:
        first, _, more = it.text.partition("\n")
        found = _LINE.fullmatch(first.strip())
        if found is None:
            raise Malformed(it.line.where, "not a statement line")
        value_on = _value_day(found["value"], it.line.where)
        amount = exact(found["amount"], it.line.where)
        takes = found["mark"] in {"D", "RC"}
        ours, _, theirs = found["references"].partition("//")
        now = self._now(it)
        self.entry = Entry(
            where=it.line.where,
            amount=-amount if takes else amount,
            currency=now.statement.currency,
            booked_on=_entry_day(value_on, found["entry"], it.line.where),
            value_on=value_on,
            reference=theirs.strip(),
            customer_reference="" if ours.strip() in {"NONREF", "NOREF"} else ours.strip(),
            code=found["type"] or "",
            description=more.strip(),
        )
        now.total += self.entry.amount

    def _entry_done(self) -> Iterator[Part]:
        if self.entry is not None:
            yield self.entry
            self.entry = None

    def _done(self) -> Iterator[Part]:
        now = self.open
        if now is None:
            return
        if not now.told:
            yield now.statement
        if now.closing is None:
            self.without_closing += 1
            yield Flag(now.where, "no closing balance")
        elif now.opening is not None and not _leads(now.opening, now.total, now.closing):
            yield Flag(
                now.where,
                "the lines do not lead from the opening balance to the closing one",
                unbalanced=True,
            )
        self.open = None


def _may_end(last: _Field, now: _Open) -> bool:
    """Whether a last line without an end may be whole all the same."""
    if last.tag in {_TRAILER, _EMPTY}:
        return True
    if now.closing is None or last.tag in _OUTSIDE:
        return False
    if last.tag not in _BALANCES:
        return last.tag in _BEHIND
    found = _BALANCE.fullmatch(_first_line(last))
    return found is not None and len(found[4].replace(".", ",").partition(",")[2]) == _CENTS


def _leads(opening: Balance, total: Decimal, closing: Balance) -> bool:
    return opening.currency == closing.currency and opening.amount + total == closing.amount


def _first_line(it: _Field) -> str:
    return it.text.strip().partition("\n")[0].strip()


def _balance(it: _Field, currency: str) -> Balance:
    found = _BALANCE.fullmatch(it.text.split("\n")[0].strip())
    if found is None:
        raise Malformed(it.line.where, "not a balance")
    amount = exact(found[4], it.line.where)
    return Balance(
        kind="opening" if it.tag.startswith("60") else "closing",
        code=it.tag,
        amount=-amount if found[1] == "D" else amount,
        currency=found[3] or currency,
        on=_day_or_none(found[2]),
    )


def _day_or_none(written: str) -> date | None:
    year = int(written[:2])
    century = 1900 if year >= _CENTURY_TURNS else 2000
    try:
        return date(century + year, int(written[2:4]), int(written[4:]))
    except ValueError:
        return None


def _value_day(written: str, where: str) -> date:
    """The value date; where months are counted as 30 days, the 29th and 30th of February are its last day."""
    found = _day_or_none(written)
    if found is None and written[2:] in {"0229", "0230"}:
        found = _day_or_none(f"{written[:2]}0228")
    if found is None:
        raise Malformed(where, "not a date in the calendar")
    return found


def _entry_day(value_on: date, written: str | None, where: str) -> date:
    """The day it was booked, which names no year: the one nearest to its value date."""
    if not written:
        return value_on
    month, day = int(written[:2]), int(written[2:])
    found = []
    for year in (value_on.year, value_on.year - 1, value_on.year + 1):
        try:
            found.append(date(year, month, day))
        except ValueError:
            # The 29th of February, in a year that has none.
            continue
    if not found:
        raise Malformed(where, "not a date in the calendar")
    return min(found, key=lambda it: abs((it - value_on).days))


def _described(entry: Entry, text: str) -> Entry:
    """With what :86: says. Where it is cut into numbered fields (?20 and on), the name apart from the purpose."""
    flat = text.replace("\n", "")
    parts = _SUBFIELD.split(flat)
    fields = dict(zip(map(int, parts[1::2]), parts[2::2], strict=True))
    if not fields:
        said = " ".join(each.strip() for each in text.splitlines() if each.strip())
        return replace(entry, description=" ".join(filter(None, (entry.description, said))))
    purpose = "".join(fields.get(each, "") for each in _PURPOSE)
    name = "".join(fields.get(each, "") for each in _NAMES)
    said = " ".join(filter(None, (entry.description, purpose.strip() or parts[0].strip())))
    details = (Detail(description=flat),)
    return replace(entry, description=said, counterparty=name.strip(), details=details)
