"""Turning pages by key, there and back, shows each row once."""

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.banks.paging import KeyPage, Place, cut_page

SIZE = 3


def read(rows: Sequence[int], place: Place | None) -> KeyPage[int]:
    """What a query would do: `SIZE` + 1 rows from the place on, in its direction."""
    if place is None:
        found = list(rows)
    elif place.direction == "after":
        found = [each for each in rows if each > place.key]
    else:
        found = [each for each in reversed(rows) if each < place.key]
    return cut_page(found[: SIZE + 1], size=SIZE, place=place, key_of=lambda each: each)


@settings(max_examples=40)
@given(st.sets(st.integers(0, 99), max_size=14))
def test_there_and_back(rows: set[int]) -> None:
    everything = sorted(rows)
    pages = [read(everything, None)]
    while pages[-1].next_key is not None:
        pages.append(read(everything, Place("after", pages[-1].next_key)))
    assert [each for page in pages for each in page.rows] == everything
    for earlier, later in zip(reversed(pages[:-1]), reversed(pages[1:]), strict=True):
        assert later.previous_key is not None
        assert read(everything, Place("before", later.previous_key)).rows == earlier.rows
    assert pages[0].previous_key is None


def test_back_at_the_beginning_there_is_nothing_before() -> None:
    assert read([1, 2, 3, 4], Place("before", 4)).previous_key is None
    assert read([1, 2, 3, 4, 5], Place("before", 5)).previous_key == 2
