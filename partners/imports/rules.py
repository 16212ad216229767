"""What becomes of a statement's rows, as pure functions: no database, no clock, no file."""

from collections.abc import Mapping as Named
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from hashlib import sha256
from typing import Any, get_args

from partners.connectors.masks import masked_account
from partners.ledger.numbers import without_currency
from partners.statements.base import CURRENCIES, Entry, Flag, Malformed, Part, Statement
from partners.statements.csv_cells import DayOrder, DecimalSign
from partners.statements.csv_mapping import DELIMITERS, Mapping

MOST_PROBLEMS = 100
MOST_LEFT_OUT = 100
# Equal rows of a day are told apart by what was seen of that day, and where a file keeps to no order of days, by all
# that was seen of it. So many may be.
MOST_TOLD_APART = 250_000
MOST_COLUMNS = 200
_MOST_SKIPPED = 300
_LONGEST_WHERE, _LONGEST_REASON = 80, 200
LONGEST_NAME = 200

NOT_LINKED, TWO_ACCOUNTS, OTHER_CURRENCY, NO_NUMBER = (
    "not_linked",
    "two_accounts",
    "other_currency",
    "no_number",
)


@dataclass(slots=True)
class _Days:
    """Of one account: between which days its rows were, and the day that is being read."""

    now: date | None = None
    first: date | None = None
    last: date | None = None
    rows: int = 0

    def take(self, day: date) -> bool:
        """False where that day was read before, and left."""
        if day != self.now:
            self.leave()
            self.now = day
        self.rows += 1
        return self.first is None or self.last is None or not self.first <= day <= self.last

    def leave(self) -> None:
        """What follows is another day's, or another account's."""
        if self.now is not None:
            self.first = min(self.first or self.now, self.now)
            self.last = max(self.last or self.now, self.now)
        self.now, self.rows = None, 0


@dataclass(slots=True)
class Check:
    """What a file holds, counted while it is read through once; nothing of it is kept."""

    statements: int = 0
    entries: int = 0
    balances: bool = True
    in_order: bool = True
    problems: list[list[str]] = field(default_factory=list)
    _days: dict[str, _Days] = field(default_factory=dict)
    _open: _Days = field(default_factory=_Days)

    def take(self, part: Part) -> None:
        match part:
            case Statement():
                self.statements += 1
                self._turn_to(self._days.setdefault(part.account, _Days()))
            case Entry():
                self.entries += 1
                self._take_day(part)
            case Flag():
                self.balances = self.balances and not part.unbalanced
                note(self.problems, part.where, part.reason)

    def _turn_to(self, days: _Days) -> None:
        if days is not self._open:
            self._open.leave()
            self._open = days

    def _take_day(self, entry: Entry) -> None:
        day = day_of(entry)
        if day is not None and not self._open.take(day):
            self.in_order = False
        if self._open.rows > MOST_TOLD_APART:
            raise Malformed(entry.where, f"more than {MOST_TOLD_APART} rows of one day")

    def require_sortable(self) -> None:
        """Raises Malformed where too much would have to be remembered to tell equal rows apart."""
        if not self.in_order and self.entries > MOST_TOLD_APART:
            raise Malformed(
                "file",
                f"its rows are in no order of their days, and more than {MOST_TOLD_APART}:"
                " sort it by account and day",
            )


def note(problems: list[list[str]], where: str, reason: str) -> None:
    """Keep the first of them."""
    if len(problems) < MOST_PROBLEMS:
        problems.append([where[:_LONGEST_WHERE], reason[:_LONGEST_REASON]])


def note_left_out(left_out: list[list[Any]], mask: str, why: str, entries: int) -> None:
    """Add entries to those of an account that nothing is kept of; beyond a hundred accounts, together."""
    same = next((each for each in left_out if each[:2] == [mask, why]), None)
    if same is None and len(left_out) >= MOST_LEFT_OUT:
        same = next((each for each in left_out if each[0] == "…"), None)
        mask, why = "…", NOT_LINKED
    if same is None:
        left_out.append([mask, why, entries])
    else:
        same[2] += entries


def day_of(entry: Entry) -> date | None:
    return entry.booked_on or entry.value_on


def file_name_of(written: str) -> str:
    """What a file is called: no path to it, nothing that does not show, and the end where it is long."""
    last = written.replace("\\", "/").rpartition("/")[2]
    return "".join(mark for mark in last if mark.isprintable()).strip()[-LONGEST_NAME:]


def mask_of(written: str) -> str:
    """What staff are shown of an account's number: its last four characters, where it has enough of them."""
    return masked_account(without_currency(written)) if written.strip() else ""


# --- a table's mapping ----------------------------------------------------------------------------


def as_columns(mapping: Mapping) -> dict[str, Any]:
    """A mapping as it is stored."""
    told = asdict(mapping)
    del told["doubts"]
    return told | {"descriptions": list(mapping.descriptions)}


def mapping_of(columns: Named[str, Any]) -> Mapping:
    """A stored mapping. Raises Malformed for what is none."""
    try:
        found = Mapping(**(dict(columns) | {"descriptions": tuple(columns["descriptions"])}))
    except (KeyError, TypeError):
        raise Malformed("mapping", "not one that this version knows") from None
    wrong = what_is_wrong(found)
    if wrong:
        raise Malformed("mapping", wrong)
    return found


def what_is_wrong(mapping: Mapping) -> str:
    """Why no table can be read by it; empty where one can."""
    places = (
        *(mapping.booked_on, mapping.value_on, mapping.amount, mapping.out, mapping.in_),
        *(mapping.direction, mapping.currency, mapping.balance, mapping.counterparty),
        *(mapping.reference, *mapping.descriptions, mapping.original_amount),
        *(mapping.original_currency, mapping.exchange_rate),
    )
    forms = get_args(DayOrder), get_args(DecimalSign)
    is_table = mapping.delimiter in DELIMITERS and 0 <= mapping.skip <= _MOST_SKIPPED
    has_amount = mapping.amount >= 0 or (mapping.out >= 0 and mapping.in_ >= 0)
    known_currency = not mapping.default_currency or mapping.default_currency in CURRENCIES
    wrong = {
        "no_table": not is_table,
        "no_such_column": any(not -1 <= each < MOST_COLUMNS for each in places),
        "no_day": mapping.booked_on < 0,
        "no_amount": not has_amount,
        "no_original_currency": mapping.original_amount >= 0 > mapping.original_currency,
        "no_such_form": mapping.day_order not in forms[0] or mapping.decimal_sign not in forms[1],
        "no_such_currency": not known_currency,
    }
    return next((name for name, is_so in wrong.items() if is_so), "")


def header_digest(delimiter: str, names: Sequence[str], width: int) -> str:
    """What tells tables of one form from others: the names over their columns, else how many there are."""
    return sha256("\x1f".join([delimiter, *(names or [str(width)])]).encode()).hexdigest()
