"""OFX 1.x (SGML, also as QFX) and 2.x (XML), read tag by tag: real files keep neither to SGML nor to XML.

Source: OFX Banking Specification 2.3, sections 11.4 (statement response) and 11.4.4.1 (STMTTRN). A value ends where
the next tag begins; closing tags of single values are not needed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from html import unescape

from partners.statements.base import (
    MOST_CHARACTERS,
    Balance,
    Entry,
    Flag,
    Malformed,
    Part,
    Source,
    Statement,
    calendar_day,
    exact,
)
from partners.statements.text import pieces_of

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9_.:]*)\s*/?>")
# What stands between these is taken as it is, and not at all.
_CDATA, _COMMENT = ("<![CDATA[", "]]>"), ("<!--", "-->")
_STATEMENTS = frozenset({"STMTRS", "CCSTMTRS", "INVSTMTRS"})
# Answers about one kind of thing; before those in which statements may be, and the sign-on, others have none.
_ANSWERS = "MSGSRSV1"
_WITH_STATEMENTS = frozenset(
    {"SIGNONMSGSRSV1", "BANKMSGSRSV1", "CREDITCARDMSGSRSV1", "INVSTMTMSGSRSV1"}
)
_BALANCES: Mapping[str, str] = {"LEDGERBAL": "closing", "AVAILBAL": "other"}
# Where each of these begins or ends, the one before it ends.
_GROUPS = frozenset({"STMTTRN", "BANKTRANLIST", *_BALANCES})
_ELSEWHERE = frozenset({"BANKACCTTO", "CCACCTTO", "PAYEE"})
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_CODEPAGE = re.compile(r"CHARSET\s*:\s*(?:cp|windows-?)?(125[013-8])\b", re.IGNORECASE)
_HEADER_BYTES = 1024


@dataclass(frozen=True, slots=True)
class _Token:
    line: int
    name: str
    closes: bool
    text: str


def read_ofx(source: Source) -> Iterator[Part]:
    """Every statement with its rows and balances; what is bought and sold on a securities account is none.

    Raises Malformed, also where the file does not end with </OFX>.
    """
    first = source.read(_HEADER_BYTES)
    declared = _CODEPAGE.search(first.decode("latin-1"))
    pieces = pieces_of(_Again(first, source), encoding=f"cp{declared[1]}" if declared else "")
    reading = _Reading()
    for token in _tokens(pieces):
        yield from reading.take(token)
    yield from reading.end()


@dataclass(slots=True)
class _Again:
    """A source of which the beginning was read."""

    first: bytes
    rest: Source

    def read(self, size: int, /) -> bytes:
        if self.first:
            given, self.first = self.first[:size], self.first[size:]
            return given
        return self.rest.read(size)


def _tokens(pieces: Iterator[str]) -> Iterator[_Token]:
    """Each tag with the text up to the next one. Raises Malformed."""
    cutting = _Cutting()
    for piece in pieces:
        cutting.held += piece
        yield from cutting.cut()
        cutting.refuse_endless()
    yield from cutting.close()


@dataclass(slots=True)
class _Cutting:
    """What was read and not cut yet, the tag that is open, and its text so far."""

    held: str = ""
    line: int = 1
    tag: tuple[int, str, bool] | None = None
    text: list[str] = field(default_factory=list)

    def cut(self) -> Iterator[_Token]:
        """Every tag that is there whole."""
        while (at := self.held.find("<")) >= 0:
            self._take(at)
            aside = next(
                (each for each in (_CDATA, _COMMENT) if self.held.startswith(each[0])), None
            )
            if aside is not None:
                if not self._pass(aside):
                    return
                continue
            found = _TAG.match(self.held)
            if found is not None:
                yield from self.close()
                self.tag, self.text = (self.line, found[2].upper(), found[1] == "/"), []
                self.held = self.held[found.end() :]
            elif ">" not in self.held and len(self.held) < _HEADER_BYTES:
                return
            else:
                # A sign that opens no tag is a part of the text.
                self._take(1)

    def close(self) -> Iterator[_Token]:
        if self.tag is not None:
            yield _Token(*self.tag, unescape("".join(self.text)).strip())

    def refuse_endless(self) -> None:
        if len(self.held) > MOST_CHARACTERS or sum(map(len, self.text)) > MOST_CHARACTERS:
            raise Malformed(f"line {self.line}", "a value is too long")

    def _take(self, length: int) -> None:
        """So much of it is text."""
        self.line += self.held.count("\n", 0, length)
        self.text.append(self.held[:length])
        self.held = self.held[length:]

    def _pass(self, aside: tuple[str, str]) -> bool:
        """What stands as it is, or is a comment; False where its end is still to come."""
        begins, ends = aside
        end = self.held.find(ends)
        if end < 0:
            return False
        if aside == _CDATA:
            self.text.append(self.held[len(begins) : end].replace("&", "&amp;"))
        self.line += self.held.count("\n", 0, end)
        self.held = self.held[end + len(ends) :]
        return True


@dataclass(slots=True)
class _Group:
    """What is being gathered: a row's or a balance's values."""

    name: str
    line: int
    values: dict[str, str] = field(default_factory=dict)
    # Inside it: whose account, which currency.
    inside: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        return f"line {self.line}"

    def take(self, token: _Token) -> None:
        if token.closes:
            if token.name in self.inside:
                del self.inside[self.inside.index(token.name) :]
            return
        if not token.text:
            self.inside.append(token.name)
        name = token.name
        around = next((each for each in self.inside if each in _PREFIXED), "")
        self.values.setdefault(f"{around}.{name}" if around else name, token.text)


_PREFIXED = _ELSEWHERE | {"CURRENCY", "ORIGCURRENCY"}


class _Reading:
    def __init__(self) -> None:
        self.number = 0
        self.statement: dict[str, str] | None = None
        self.is_told = False
        self.group: _Group | None = None
        self.begun = self.ended = self.is_other = False

    def take(self, token: _Token) -> Iterator[Part]:
        name = token.name
        if name == "OFX":
            self.begun, self.ended = True, token.closes
        elif name.endswith(_ANSWERS):
            self.is_other = name not in _WITH_STATEMENTS
        elif name in _STATEMENTS:
            yield from self._statement_done()
            self._begin(token)
        elif name in _GROUPS:
            yield from self._group_done()
            if not token.closes and name != "BANKTRANLIST":
                self.group = _Group(name, token.line)
        elif self.group is not None:
            self.group.take(token)
        elif self.statement is not None and not token.closes:
            self.statement.setdefault(name, token.text)

    def _begin(self, token: _Token) -> None:
        self.statement = None if token.closes else {}
        self.is_told = False
        self.number += not token.closes

    def end(self) -> Iterator[Part]:
        if not self.begun:
            raise Malformed("file", "no OFX in it")
        if not self.ended and not self.is_other:
            raise Malformed("file", "does not end with </OFX>: it is cut off")
        if not self.ended:
            # An answer about something else, which holds no statement that could be read by halves.
            yield Flag("file", "does not end with </OFX>")
        yield from self._statement_done()

    def _told(self) -> Iterator[Part]:
        if not self.is_told and self.statement is not None:
            self.is_told = True
            told = self.statement
            yield Statement(
                self.number,
                account=told.get("ACCTID", ""),
                bank_code=told.get("BANKID", ""),
                currency=told.get("CURDEF", "").upper(),
            )

    def _statement_done(self) -> Iterator[Part]:
        yield from self._group_done()
        yield from self._told()

    def _group_done(self) -> Iterator[Part]:
        group, self.group = self.group, None
        if group is None:
            return
        if self.statement is None:
            raise Malformed(group.where, f"{group.name} outside of a statement")
        yield from self._told()
        currency = self.statement.get("CURDEF", "").upper()
        if group.name == "STMTTRN":
            yield _entry(group, currency)
            return
        written = group.values.get("BALAMT", "")
        if not written:
            yield Flag(group.where, f"{group.name} without an amount")
            return
        on = _day_or_none(group.values.get("DTASOF", ""))
        if on is None:
            yield Flag(group.where, f"{group.name} of no day")
        yield Balance(
            kind="closing" if _BALANCES[group.name] == "closing" else "other",
            code=group.name,
            amount=exact(written, group.where),
            currency=group.values.get("CURRENCY.CURSYM", currency).upper(),
            on=on,
        )


def _entry(group: _Group, currency: str) -> Entry:
    said = group.values
    if not said.get("TRNAMT"):
        raise Malformed(group.where, "STMTTRN without TRNAMT")
    booked_on = _day_or_none(said.get("DTPOSTED", ""))
    if booked_on is None:
        raise Malformed(group.where, "STMTTRN without a DTPOSTED that is a day")
    name = said.get("NAME") or said.get("PAYEE.NAME", "")
    # CURRENCY says that the amount itself is in another one still; ORIGCURRENCY, what it was before the bank changed it.
    own = said.get("CURRENCY.CURSYM", "").upper() or currency
    is_other = own != currency
    return Entry(
        where=group.where,
        amount=exact(said["TRNAMT"], group.where),
        currency=own,
        booked_on=booked_on,
        value_on=_day_or_none(said.get("DTAVAIL", "")),
        reference=said.get("FITID", ""),
        customer_reference=said.get("CHECKNUM") or said.get("REFNUM", ""),
        code=said.get("TRNTYPE", ""),
        counterparty=name,
        description=said.get("MEMO", ""),
        original_currency="" if is_other else said.get("ORIGCURRENCY.CURSYM", "").upper(),
        exchange_rate=said.get("CURRENCY.CURRATE" if is_other else "ORIGCURRENCY.CURRATE", ""),
        changes_to=currency if is_other else "",
    )


def _day_or_none(written: str) -> date | None:
    """The calendar day as it is written: an offset behind it moves no day."""
    found = _DAY.match(written)
    if found is None or not int(found[1]):
        return None
    return calendar_day(int(found[1]), int(found[2]), int(found[3]), "a date")
