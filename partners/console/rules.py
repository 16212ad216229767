"""Turning pages by key: the cost of a page does not grow with how far in it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Row = TypeVar("Row")
Direction = Literal["after", "before"]


@dataclass(frozen=True)
class Place:
    """Where a page begins: behind a key, or, going back, in front of one."""

    direction: Direction
    key: Any


@dataclass(frozen=True)
class KeyPage(Generic[Row]):
    """The rows of a page in their order, and the keys of its neighbours where there are any."""

    rows: Sequence[Row]
    next_key: Any | None
    previous_key: Any | None


def cut_page(
    found: Sequence[Row], *, size: int, place: Place | None, key_of: Callable[[Row], Any]
) -> KeyPage[Row]:
    """A page of at most `size` rows from the `size` + 1 that were read in the place's direction."""
    back = place is not None and place.direction == "before"
    more = len(found) > size
    rows = list(found[:size])
    if back:
        rows.reverse()
    has_next = more if not back else True
    has_previous = more if back else place is not None
    return KeyPage(
        rows=rows,
        next_key=key_of(rows[-1]) if rows and has_next else None,
        previous_key=key_of(rows[0]) if rows and has_previous else None,
    )
