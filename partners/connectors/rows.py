"""A page's rows, read one by one: a bad one is set aside and costs the others nothing."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from partners.connectors.answers import Node
from partners.connectors.base import BadAnswer, RejectedRow

T = TypeVar("T")


def read_rows(
    rows: Sequence[object], read: Callable[[Node], T]
) -> tuple[list[T], list[RejectedRow]]:
    """What could be read, and the places and fields of what could not."""
    records: list[T] = []
    rejected: list[RejectedRow] = []
    for position, row in enumerate(rows):
        try:
            records.append(read(as_node(row)))
        except BadAnswer as bad:
            rejected.append(RejectedRow(position, bad.field, bad.reason))
    return records, rejected


def as_node(row: object, path: str = "") -> Node:
    if not isinstance(row, dict):
        raise BadAnswer("not an object", path)
    return Node(row, path)
