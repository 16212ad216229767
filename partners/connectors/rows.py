"""A page's rows, read one by one: a bad one is set aside and costs the others nothing."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

from partners.connectors.answers import Node
from partners.connectors.base import BadAnswer, KnownBy, RejectedRow

T = TypeVar("T")


def read_rows(
    rows: Sequence[object],
    read: Callable[[Node], T],
    *,
    id_of: Callable[[Node], str | None] | None = None,
    day_of: Callable[[Node], date] | None = None,
) -> tuple[list[T], list[RejectedRow]]:
    """What could be read, and the places and fields of what could not, with what that is known again by."""
    records: list[T] = []
    rejected: list[RejectedRow] = []
    for position, row in enumerate(rows):
        try:
            records.append(read(as_node(row)))
        except BadAnswer as bad:
            known_by = KnownBy(_if_readable(row, id_of), _if_readable(row, day_of))
            rejected.append(RejectedRow(position, bad.field, bad.reason, known_by))
    return records, rejected


def _if_readable(row: object, read: Callable[[Node], T | None] | None) -> T | None:
    try:
        return None if read is None else read(as_node(row))
    except BadAnswer:
        return None


def as_node(row: object, path: str = "") -> Node:
    if not isinstance(row, dict):
        raise BadAnswer("not an object", path)
    return Node(row, path)
