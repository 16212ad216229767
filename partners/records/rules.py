"""What is said of a table that may hold something of a customer's: what of it they are given, and what
an erasure does to it.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Own:
    """The customer's own record: given as it stands. `columns` of a row, `opened` ones unsealed."""

    columns: tuple[str, ...]
    opened: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThroughTheGate:
    """The bank's data: given as far as the chat may show it, as `part` of the copy."""

    part: str


@dataclass(frozen=True)
class NotGiven:
    """Nothing that says more than the copy does already; `why` says so."""

    why: str


@dataclass(frozen=True)
class Table:
    """One table, by its model's label. `kept`: why an erasure leaves its rows; empty where they go.

    `in_batches`: they go before what they hang on, for they may be many, or keep it from going.
    """

    label: str
    given: Own | ThroughTheGate | NotGiven
    kept: str = ""
    in_batches: bool = False


def name_of(label: str) -> str:
    """What a table is called in the copy: `accounts.ConsentEvent` is `consent_event`."""
    model = label.rpartition(".")[2]
    words = "".join(f"_{each.lower()}" if each.isupper() else each for each in model)
    return words.lstrip("_")


# A cell that a spreadsheet would take for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_cell(value: object) -> str:
    """A value as a cell of a table: nothing is the empty cell; what would be a formula is text."""
    if value is None:
        return ""
    text = str(value)
    if text.startswith(_FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()
