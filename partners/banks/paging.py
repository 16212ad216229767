"""Turning the pages of the console by key: the cost of a page does not grow with how far in it is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.core.exceptions import BadRequest
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.problems import BadCursor

Row = TypeVar("Row")
Stored = TypeVar("Stored", bound=Model)
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


def newest_first(rows: "QuerySet[Stored]", *, size: int, place: Place | None) -> KeyPage[Stored]:
    """A page of rows by their ids, which sort by when they were made."""
    back = place is not None and place.direction == "before"
    if place is not None:
        rows = rows.filter(**{"id__gt" if back else "id__lt": UUID(place.key)})
    found = list(rows.order_by("id" if back else "-id")[: size + 1])
    return cut_page(found, size=size, place=place, key_of=lambda each: str(each.pk))


def place_of(request: HttpRequest, bound_to: str) -> Place | None:
    """Where the page that is asked for begins."""
    cursor = request.GET.get("cursor", "")
    if not cursor:
        return None
    try:
        direction, key = open_cursor(cursor, bound_to=bound_to)
    except BadCursor as reason:
        raise BadRequest(reason.title) from reason
    return Place(direction, key)


def pager(page: KeyPage[Any], *, bound_to: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """The ways to its neighbours, with what was asked for."""

    def url(direction: str, key: Any) -> str:
        if key is None:
            return ""
        cursor = seal_cursor([direction, key], bound_to=bound_to)
        return "?" + urlencode({**asked, "cursor": cursor})

    return {
        "older_url": url("after", page.next_key),
        "newer_url": url("before", page.previous_key),
        "words": "",
    }
