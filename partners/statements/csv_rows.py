"""A bank's own table, read by a mapping."""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from partners.statements.base import Entry, Flag, Malformed, Part, Source, Statement
from partners.statements.csv_cells import PENDING, direction_of, read_day, read_money
from partners.statements.csv_mapping import GUESSED_FROM, Mapping, guess, rows_of
from partners.statements.text import Line, lines_of, pieces_of

# How a line below a table begins that adds up what is above it.
_SUM = re.compile(
    r"\s*(total|sum|summe|totaal|saldo|solde|balance|opening|closing)", re.IGNORECASE
)


def read_csv(source: Source, mapping: Mapping) -> Iterator[Part]:
    """One statement with a row for each line. Raises Malformed: a line with a day and no readable amount, or the other
    way round, refuses the file; one with neither is a heading or a total, and flagged."""
    yield from _read(lines_of(pieces_of(source)), mapping)


def read_guessed(source: Source) -> Iterator[Part]:
    """The same by the mapping that its first lines suggest; doubts are flags. Raises Malformed."""
    lines = lines_of(pieces_of(source))
    head = [each for _, each in zip(range(GUESSED_FROM), lines, strict=False)]
    mapping = guess([f"{each.text}\n" for each in head])
    for doubt in mapping.doubts:
        yield Flag("file", doubt)
    yield from _read(_chained(head, lines), mapping)


def _chained(head: list[Line], rest: Iterator[Line]) -> Iterator[Line]:
    yield from head
    yield from rest


@dataclass(slots=True)
class _Counted:
    """Lines on their way to the parser, which joins those that a quote holds together."""

    lines: Iterator[Line]
    number: int = 0

    def __iter__(self) -> Iterator[str]:
        for each in self.lines:
            self.number = each.number
            yield f"{each.text}\n"


def _read(lines: Iterator[Line], mapping: Mapping) -> Iterator[Part]:
    counted = _Counted(lines)
    yield Statement(1, currency=mapping.default_currency)
    try:
        for place, cells in enumerate(rows_of(counted, mapping.delimiter)):
            if place < mapping.skip or not any(each.strip() for each in cells):
                continue
            yield _row(cells, mapping, f"line {counted.number}")
    except csv.Error:
        raise Malformed(f"line {counted.number}", "not a table's line") from None


def _row(cells: list[str], mapping: Mapping, where: str) -> Entry | Flag:
    def cell(column: int) -> str:
        return cells[column].strip() if 0 <= column < len(cells) else ""

    day = cell(mapping.booked_on)
    booked_on = read_day(day, mapping.day_order)
    is_pending = day.lower() in PENDING
    amount, currency = _amount(cell, mapping, where)
    if booked_on is None and not is_pending:
        if amount is None:
            return Flag(where, "neither a day nor an amount: left out")
        if any(map(_SUM.match, cells)):
            return Flag(where, "a total: left out")
        raise Malformed(where, "a row without a day")
    if amount is None and not any(
        cell(each) for each in (mapping.amount, mapping.out, mapping.in_)
    ):
        return Flag(where, "no money moved: left out")
    if amount is None:
        raise Malformed(where, "not an amount")
    abroad = _abroad(cell, mapping, where, is_out=amount < 0)
    return Entry(
        where=where,
        amount=amount,
        currency=(cell(mapping.currency) or currency or mapping.default_currency).upper(),
        booked_on=booked_on,
        status="pending" if is_pending else "posted",
        value_on=read_day(cell(mapping.value_on), mapping.day_order),
        reference=cell(mapping.reference),
        counterparty=cell(mapping.counterparty),
        description=" ".join(filter(None, map(cell, mapping.descriptions))),
        original_amount=abroad.amount,
        original_currency=abroad.currency,
        exchange_rate=abroad.rate,
    )


@dataclass(frozen=True, slots=True)
class _Abroad:
    amount: Decimal | None = None
    currency: str = ""
    rate: str = ""


def _abroad(cell: Callable[[int], str], mapping: Mapping, where: str, *, is_out: bool) -> _Abroad:
    """What was paid in another currency; it goes the way of the row's amount, whatever its own sign.

    A cell without a digit says nothing; one with, that is no amount, refuses the file as in the row's own. Which
    currencies contradict each other is decided where the row is stored: it has none then.
    """
    written = cell(mapping.original_amount)
    currency = cell(mapping.original_currency).upper()
    money = read_money(written, mapping.decimal_sign)
    if money is None and any(map(str.isdigit, written)):
        raise Malformed(where, "not an amount")
    if money is None or not money.amount:
        return _Abroad()
    if money.currency not in {"", currency}:
        currency = "" if currency else money.currency
    unsigned = abs(money.amount)
    signed = -unsigned if is_out else unsigned
    return _Abroad(signed, currency, _rate(cell(mapping.exchange_rate), mapping))


def _rate(written: str, mapping: Mapping) -> str:
    """With a decimal point; what is no number, as it is written."""
    number = read_money(written, mapping.decimal_sign)
    return written if number is None else f"{number.amount:f}"


def _amount(
    cell: Callable[[int], str], mapping: Mapping, where: str
) -> tuple[Decimal | None, str]:
    """Credit positive, and the currency that the cell itself names; None where no cell is an amount."""
    if mapping.amount >= 0:
        money = read_money(cell(mapping.amount), mapping.decimal_sign)
        if money is None:
            return None, ""
        said = cell(mapping.direction)
        way = direction_of(said) if said else mapping.unmarked
        if not way:
            raise Malformed(where, "does not say which way the money went")
        return money.amount * way, money.currency
    out = read_money(cell(mapping.out), mapping.decimal_sign)
    in_ = read_money(cell(mapping.in_), mapping.decimal_sign)
    if out is None and in_ is None:
        return None, ""
    took = Decimal(0) if out is None else abs(out.amount)
    gave = Decimal(0) if in_ is None else in_.amount
    currency = (out.currency if out else "") or (in_.currency if in_ else "")
    return gave - took, currency
