"""Which column of a bank's table means what: guessed from its first rows, corrected by staff, kept per bank."""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from partners.statements.base import CURRENCIES, Malformed
from partners.statements.csv_cells import (
    SCHEMES,
    DayOrder,
    DecimalSign,
    day_orders,
    decimal_sign_of,
    direction_of,
    is_ambiguous,
    is_day,
    read_day,
    read_money,
)

DELIMITERS = (",", ";", "\t", "|")
GUESSED_FROM = 300
NEARLY_ALL, MOST = 0.9, 0.5

_WORDS = {
    "booked_on": r"book|post|buch|boek|fecha|data\b|datum|\bdate|\bday\b|jour|dato|completed|created|úètov|účtov",
    "value_on": r"valu|wert|rente",
    "out": r"debit|débit|withdraw|paid ?out|money ?out|\bsoll\b|cargo|uitgaven|\baf\b|addebit|charges?\b|lastschrift",
    "in": r"credit|crédit|deposit|paid ?in|money ?in|\bhaben\b|abono|inkomsten|\bbij\b|accredit|gutschrift",
    "amount": r"amount|betrag|umsatz|importe?\b|montant|bedrag|suma\b|kwota|valor\b|importo|belopp|beløb|částka|èástka|total|sum\b",
    "balance": r"balance|saldo|solde|running|kontostand",
    "currency": r"currenc|ccy|währung|waehrung|moneda|devise|valuta|monn|munt|měna|mìna|waluta",
    "description": r"desc|label|concepto|detail|verwendung|buchungstext|memo|note|narrative|libell|omschr|communic|zpráva|text",
    "counterparty": r"name|payee|partner|counterparty|empf|beguenst|begünst|auftraggeber|tegen|beneficia",
    "reference": r"\bref|transaction ?id|\bid\b|number|\bnum",
}
_ABROAD = {
    "original_amount": r"(orig|ursprung|foreign|fremd|původní|pùvodní).*(amount|betrag|import|montant|bedrag|kwota|částka|èástka)"
    r"|(amount|betrag|import|montant|bedrag).*(orig|ursprung|foreign|extranjer|étrang|devise|estera|vreemd)",
    "original_currency": r"(orig|ursprung|foreign|fremd|původní|pùvodní).*(currenc|ccy|währung|waehrung|valuta|moneda|měna)"
    r"|(currenc|ccy|währung|moneda|divisa|devise|valuta|monnaie|munt).*(orig|ursprung|foreign|extranjer|étrang|estera|vreemd)",
    "exchange_rate": r"(exchange|conversion|fx) ?rate|rate of exchange|wechselkurs|umrechnungskurs|\bkurs\b|tipo de cambio"
    r"|taux (de|du) change|tasso (di|del) cambio|wisselkoers",
}
_WORDS |= _ABROAD
_MONEY = ("amount", "out", "in", "balance")
# What stands beside the amount and is another one.
_NOT_THE_AMOUNT = r"currency|original|ursprung|refund|fee|tax|convert|transfer|foreign|commission|rate|pùvodní|původní"
_MORE_LIKELY = r"^(amount|betrag|importe?|montant|bedrag|buchungsbetrag|suma|valor)\b"
_IN_HEADER = re.compile(r"\b([A-Z]{3})\b")
_CENTS = re.compile(r"[.,]\d{2}\)?$|[.,]\d{2}\D*$")


@dataclass(frozen=True, slots=True)
class Mapping:
    """Columns by their place from 0; -1 where there is none. `skip`: lines before the first row.

    The money is in `amount` (signed, or with its way in `direction`), or in `out` and `in_`.
    """

    delimiter: str
    skip: int
    booked_on: int
    day_order: DayOrder
    decimal_sign: DecimalSign
    amount: int = -1
    out: int = -1
    in_: int = -1
    direction: int = -1
    # Which way it is where no `direction` says it: 1 in (or as it is signed), -1 out, 0 refused.
    unmarked: int = 1
    value_on: int = -1
    currency: int = -1
    balance: int = -1
    counterparty: int = -1
    reference: int = -1
    # What was paid in another currency, and at which rate.
    original_amount: int = -1
    original_currency: int = -1
    exchange_rate: int = -1
    descriptions: tuple[int, ...] = ()
    # For a table that names none.
    default_currency: str = ""
    # What somebody should look at before the first file is taken.
    doubts: tuple[str, ...] = field(default=(), compare=False)


def rows_of(lines: Iterable[str], delimiter: str) -> Iterable[list[str]]:
    """The rows; quotes may hold line ends."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def guess(head: Sequence[str]) -> Mapping:
    """From the first lines, with their ends. Raises Malformed where no table with days and amounts is to be seen."""
    delimiter, rows = _table(head)
    begins = _first_row(rows)
    names = _names(rows, begins)
    data = [each for each in rows[begins:] if any(map(str.strip, each)) and _lower(each) != names]
    if begins >= len(rows) and not any(names):
        raise Malformed("file", "no table with days and amounts in it")
    return _Guess(delimiter, begins, names, data).mapping()


@dataclass(frozen=True, slots=True)
class Head:
    """How a table begins: the names over its columns where it has some, and its first rows."""

    names: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def head_of(head: Sequence[str], mapping: Mapping) -> Head:
    """The same lines as the mapping cuts them."""
    rows = list(rows_of(io.StringIO("".join(head), newline=""), mapping.delimiter))
    data = [each for each in rows[mapping.skip :] if any(map(str.strip, each))]
    return Head(tuple(_names(rows, mapping.skip)), tuple(map(tuple, data)))


def _table(head: Sequence[str]) -> tuple[str, list[list[str]]]:
    """The delimiter that cuts most rows into the same number of cells, and the rows."""
    best: tuple[tuple[float, int], str, list[list[str]]] | None = None
    for delimiter in DELIMITERS:
        rows = list(rows_of(io.StringIO("".join(head), newline=""), delimiter))
        widths = Counter(len(each) for each in rows if len(each) > 1)
        if not widths:
            continue
        width, often = max(widths.items(), key=lambda each: (each[1], each[0]))
        usable = sum(1 for each in rows if _looks_like_a_row(each))
        score = (usable + often / (len(rows) + 1), width)
        if best is None or score > best[0]:
            best = score, delimiter, rows
    if best is None:
        raise Malformed("file", "no table in it")
    return best[1], best[2]


def _looks_like_a_row(cells: Sequence[str]) -> bool:
    return any(map(is_day, cells)) and any(map(_is_money, cells))


def _is_code(cell: str) -> bool:
    return cell.upper() in CURRENCIES


def _is_money(cell: str) -> bool:
    if day_orders(cell):
        return False
    return read_money(cell, ".") is not None or read_money(cell, ",") is not None


def _first_row(rows: Sequence[Sequence[str]]) -> int:
    """The first with a day and an amount; where there is none, the one behind the names."""
    for place, cells in enumerate(rows):
        if _looks_like_a_row(cells):
            return place
    return next((place + 1 for place, cells in enumerate(rows) if len(cells) > 1), len(rows))


def _names(rows: Sequence[Sequence[str]], begins: int) -> list[str]:
    """The names over the columns: the nearest row above that is as wide and holds no day."""
    width = len(rows[begins]) if begins < len(rows) else 0
    for cells in reversed(rows[:begins]):
        filled = sum(1 for each in cells if each.strip())
        if filled > 1 and len(cells) >= width - 1 and not _looks_like_a_row(cells):
            return _lower(cells)
    return []


def _lower(cells: Sequence[str]) -> list[str]:
    return [each.strip().lower() for each in cells]


class _Guess:
    def __init__(
        self, delimiter: str, begins: int, names: list[str], data: list[list[str]]
    ) -> None:
        self.delimiter, self.begins, self.names, self.data = delimiter, begins, names, data
        self.width = max([len(names), *(len(each) for each in data)], default=0)
        self.doubts: list[str] = []

    def mapping(self) -> Mapping:
        days = [each for each in range(self.width) if self._share(each, is_day)]
        booked_on = self._named("booked_on", days or range(self.width))
        if booked_on < 0 and days:
            booked_on = days[0]
        if booked_on < 0:
            raise Malformed("file", "no column with days in it")
        money = self._money_columns(set(days))
        sign = self._decimal_sign(money)
        amount, out, in_, balance = self._amounts(money, sign)
        direction, unmarked = self._direction(amount, sign)
        if amount < 0 and out < 0:
            raise Malformed("file", "no column with amounts in it")
        currency = self._currency()
        taken = {booked_on, amount, out, in_, direction, balance, currency}
        free = [each for each in range(self.width) if each not in taken and each not in days]
        abroad = self._abroad(free)
        free = [each for each in free if each not in abroad.values()]
        counterparty = self._named("counterparty", free)
        reference = self._named("reference", [each for each in free if each != counterparty])
        told = [each for each in free if each not in {counterparty, reference}]
        described = [each for each in told if self._is("description", each)] or self._longest(told)
        return Mapping(
            delimiter=self.delimiter,
            skip=self.begins,
            booked_on=booked_on,
            day_order=self._day_order(booked_on),
            decimal_sign=sign,
            amount=amount,
            out=out,
            in_=in_,
            direction=direction,
            unmarked=unmarked,
            value_on=next(
                (each for each in days if each != booked_on and self._is("value_on", each)), -1
            ),
            currency=currency,
            balance=balance,
            counterparty=counterparty,
            reference=reference,
            **abroad,
            descriptions=tuple(described),
            default_currency="" if currency >= 0 else self._currency_in_name(amount, out),
            doubts=tuple(self.doubts),
        )

    # --- columns --------------------------------------------------------------------------------
    def _cells(self, column: int) -> list[str]:
        return [each[column].strip() for each in self.data if column < len(each)]

    def _filled(self, column: int) -> list[str]:
        return [each for each in self._cells(column) if each]

    def _share(
        self, column: int, is_so: Callable[[str], object], *, at_least: float = NEARLY_ALL
    ) -> bool:
        """Whether so many of the cells that hold something are such: a total below a table is no row of it."""
        filled = self._filled(column)
        return bool(filled) and sum(1 for each in filled if is_so(each)) >= at_least * len(filled)

    def _name(self, column: int) -> str:
        return self.names[column] if column < len(self.names) else ""

    def _is(self, what: str, column: int) -> bool:
        return re.search(_WORDS[what], self._name(column)) is not None

    def _named(self, what: str, among: Iterable[int]) -> int:
        return next((each for each in among if self._is(what, each)), -1)

    def _longest(self, among: Sequence[int]) -> list[int]:
        lengths = {each: sum(map(len, self._cells(each))) for each in among}
        best = max(lengths, key=lambda each: lengths[each], default=-1)
        return [best] if best >= 0 and lengths[best] else []

    # --- money ----------------------------------------------------------------------------------
    def _money_columns(self, days: set[int]) -> list[int]:
        columns = [each for each in range(self.width) if each not in days]
        found = [each for each in columns if self._share(each, _is_money)]
        if self.names:
            # Where its name says so it may be empty, or hold the names again.
            named = {each for each in columns if any(self._is(it, each) for it in _MONEY)}
            return [
                each for each in columns if each in found or (each in named and self._may_be(each))
            ]
        cents = [each for each in found if any(_CENTS.search(it) for it in self._filled(each))]
        return cents or found

    def _may_be(self, column: int) -> bool:
        return not self._filled(column) or self._share(column, _is_money, at_least=MOST)

    def _decimal_sign(self, money: Sequence[int]) -> DecimalSign:
        told = decimal_sign_of([cell for each in money for cell in self._filled(each)])
        if told is None:
            return "," if self.delimiter == ";" else "."
        return told

    def _amounts(self, money: Sequence[int], sign: DecimalSign) -> tuple[int, int, int, int]:
        """amount, out, in, balance."""
        balance = self._named("balance", money)
        left = [each for each in money if each != balance]
        out = next(
            (each for each in left if self._is("out", each) and not self._is("in", each)), -1
        )
        in_ = next(
            (each for each in left if self._is("in", each) and not self._is("out", each)), -1
        )
        if out >= 0 and in_ >= 0:
            return -1, out, in_, balance
        amount = self._named_amount(left)
        if amount < 0:
            balance = balance if balance >= 0 else self._running(left, sign)
            left = [each for each in left if each != balance]
            pair = self._pair(left)
            if pair is not None:
                return -1, *self._which_way(pair, balance, sign), balance
            amount = max(left, key=self._likeness, default=-1)
            if len(left) > 1:
                self.doubts.append("several columns hold amounts")
        return amount, -1, -1, balance

    def _likeness(self, column: int) -> tuple[int, bool, int]:
        """How much like amounts of money: in every row, with cents; the first of those alike."""
        filled = self._filled(column)
        return len(filled), any(map(_CENTS.search, filled)), -column

    def _named_amount(self, among: Sequence[int]) -> int:
        named = [each for each in among if self._is("amount", each)]
        if not named and any(self._name(each) for each in among):
            return -1
        likely = [each for each in named if re.search(_NOT_THE_AMOUNT, self._name(each)) is None]
        first = [each for each in likely or named if re.search(_MORE_LIKELY, self._name(each))]
        return next(iter(first or likely or named), -1)

    def _values(self, column: int, sign: DecimalSign) -> list[Decimal | None]:
        found = []
        for cell in self._padded(column):
            money = read_money(cell, sign)
            found.append(None if money is None else money.amount)
        return found

    def _padded(self, column: int) -> list[str]:
        return [each[column] if column < len(each) else "" for each in self.data]

    def _running(self, among: Sequence[int], sign: DecimalSign) -> int:
        """The column that moves from row to row by what another one says; the last where none can be seen to."""
        for column in reversed(among):
            others = [each for each in among if each != column]
            if others and self._moves_by(column, others, sign):
                return column
        return -1

    def _moves_by(self, column: int, others: Sequence[int], sign: DecimalSign) -> bool:
        stands = self._values(column, sign)
        moved = [self._sum(row, others, sign) for row in range(len(self.data))]
        steps = [
            (abs(after - before), here, following)
            for before, after, here, following in zip(
                stands, stands[1:], moved, moved[1:], strict=False
            )
            if before is not None and after is not None
        ]
        fits = sum(1 for step, here, following in steps if step in {here, following})
        return bool(steps) and fits * 2 >= len(steps) and any(step for step, *_ in steps)

    def _sum(self, row: int, columns: Sequence[int], sign: DecimalSign) -> Decimal:
        values = (
            read_money(self.data[row][each], sign)
            for each in columns
            if each < len(self.data[row])
        )
        return sum((abs(each.amount) for each in values if each is not None), Decimal(0))

    def _pair(self, among: Sequence[int]) -> tuple[int, int] | None:
        """Two columns of which every row fills one."""
        for first in among:
            for second in among:
                if first < second and self._take_turns(first, second):
                    return first, second
        return None

    def _take_turns(self, first: int, second: int) -> bool:
        filled = [
            (bool(one.strip()), bool(other.strip()))
            for one, other in zip(self._padded(first), self._padded(second), strict=True)
        ]
        return (
            len(filled) > 1 and all(one != other for one, other in filled) and len(set(filled)) > 1
        )

    def _which_way(
        self, pair: tuple[int, int], balance: int, sign: DecimalSign
    ) -> tuple[int, int]:
        """(out, in): by the balance's movement where there is one; else out comes first."""
        first, second = pair
        if balance >= 0:
            stands = self._values(balance, sign)
            if self._fits(first, second, stands, sign) < self._fits(second, first, stands, sign):
                return second, first
            return first, second
        self.doubts.append("which of two columns is money out")
        return first, second

    def _fits(
        self, out: int, in_: int, stands: Sequence[Decimal | None], sign: DecimalSign
    ) -> int:
        outs, ins = self._values(out, sign), self._values(in_, sign)
        moved = [
            abs(b or Decimal(0)) - abs(a or Decimal(0)) for a, b in zip(outs, ins, strict=True)
        ]
        fits = 0
        for place in range(1, len(stands)):
            before, after = stands[place - 1], stands[place]
            if before is not None and after is not None:
                fits += after - before == moved[place]
                fits += before - after == moved[place - 1]
        return fits

    def _direction(self, amount: int, sign: DecimalSign) -> tuple[int, int]:
        """The column that says which way the money went, where the amounts do not; and what it says by saying nothing."""
        if amount < 0 or not self.data:
            return -1, 1
        values = self._values(amount, sign)
        for column in range(self.width):
            ways = [direction_of(each) for each in self._padded(column)]
            if column == amount or not any(ways) or not self._says(column):
                continue
            # It tells nothing new where what it calls out is written below zero.
            if any(
                way == -1 and (value or 0) > 0 for way, value in zip(ways, values, strict=True)
            ):
                return column, -1 if set(ways) == {1, None} else 1 if set(ways) == {
                    -1,
                    None,
                } else 0
            if set(ways) == {1, None} and all((value or 0) >= 0 for value in values):
                return column, -1
        if any((value or 0) < 0 for value in values):
            return -1, 1
        self.doubts.append("nothing says which way the money went")
        return -1, -1 if self._is_of_a_card() else 1

    def _is_of_a_card(self) -> bool:
        """Whether it is a card's own list, without names: a shop's list of what cards paid has some."""
        columns = () if self.names else range(self.width)
        return any(self._share(each, lambda it: it.lower() in SCHEMES) for each in columns)

    def _says(self, column: int) -> bool:
        return all(direction_of(each) is not None for each in self._filled(column))

    def _abroad(self, among: Sequence[int]) -> dict[str, int]:
        """By their names alone, and the amount with its currency or not at all: elsewhere a second amount is anything."""
        fits: dict[str, Callable[[str], object]] = {
            "original_amount": _is_money,
            "original_currency": _is_code,
            "exchange_rate": _is_money,
        }
        found = {
            what: self._named(
                what,
                [
                    each
                    for each in among
                    if not self._filled(each) or self._share(each, is_so, at_least=MOST)
                ],
            )
            for what, is_so in fits.items()
        }
        if found["original_currency"] < 0:
            return dict.fromkeys(found, -1)
        return found

    # --- currency and days ----------------------------------------------------------------------
    def _currency(self) -> int:
        columns = [each for each in range(self.width) if not self._is("original_currency", each)]
        named = [
            each
            for each in columns
            if self._is("currency", each)
            and (not self._filled(each) or self._share(each, _is_code))
            and not re.search(
                r"amount|betrag|original|transfer|convert|ursprung", self._name(each)
            )
        ]
        if named:
            return named[0]
        return next((each for each in columns if self._share(each, _is_code)), -1)

    def _currency_in_name(self, *columns: int) -> str:
        for each in columns:
            found = _IN_HEADER.search(self._name(each).upper()) if each >= 0 else None
            if found is not None and found[1] in CURRENCIES:
                return found[1]
        return ""

    def _day_order(self, column: int) -> DayOrder:
        filled = self._filled(column)
        orders: tuple[DayOrder, ...] = ("dmy", "mdy", "ymd")
        fits = {each: sum(1 for it in filled if read_day(it, each) is not None) for each in orders}
        best = max(fits.values(), default=0)
        left = [each for each in orders if fits[each] == best]
        if len(left) > 1 and any(is_ambiguous(each) for each in filled):
            self.doubts.append("day and month could be taken for each other")
        return left[0]
