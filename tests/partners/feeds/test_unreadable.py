"""What is kept of rows that could not be read, as pure functions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from partners.feeds.unreadable import MOST_BY_THEMSELVES, Cause, Row, Unreadable

AT = datetime(2026, 11, 26, 12, tzinfo=UTC)
TODAY = AT.date()
FIELDS = ("amount", "date")


def row(key: str = "", *, back: int | None = 3, field: str = "amount", days: int = 0) -> Row:
    """Told `days` from now; booked `back` days ago, or nobody knows when since the window's first day."""
    today = TODAY + timedelta(days=days)
    day = None if back is None else TODAY - timedelta(days=back)
    first, last = day or today - timedelta(days=10), day or today
    return Row(key, field, "missing", first, last, AT + timedelta(days=days), day)


def window(known: Unreadable, rows: list[Row], *, days: int = 0) -> Unreadable:
    """A whole reading of the ten days before."""
    since = TODAY + timedelta(days=days - 10)
    return known.read_anew(since).told(rows, in_full=True).read_to_the_end()


def test_a_row_that_is_told_again_is_one_row_since_it_was_told_first() -> None:
    known = window(Unreadable(), [row("a"), row("b", field="date")])

    again = window(known, [row("a", field="date", days=1)], days=1)

    assert (known.count, again.count, again.since) == (2, 1, AT)
    assert again.causes == [Cause("date", "missing", 1)]


def test_a_row_is_read_when_its_id_is_or_when_all_of_its_days_are() -> None:
    known = window(Unreadable(), [row("a", back=9), row("b", back=2), row("", back=2)])

    by_id = known.without({"a", "c", ""})
    later = window(by_id, [], days=5)
    long_after = window(known, [], days=5)

    assert (by_id.count, later.count, long_after.count) == (2, 0, 1)
    assert long_after.first == TODAY - timedelta(days=9)


def test_rows_of_refused_days_are_listed_no_more_and_those_of_any_day_perhaps() -> None:
    rows = [row("a", back=200), row("b", back=20), row("", back=200), row("", back=20)]
    any_day = [
        replace(row(key, back=None), first=TODAY - timedelta(days=300)) for key in ("c", "")
    ]
    known = Unreadable((*rows, *any_day))

    listed = known.listed_since(TODAY - timedelta(days=88))

    assert [each.key for each in listed.rows] == ["b", "", "c"]
    assert listed.first == TODAY - timedelta(days=88)
    assert known.listed_since(None) == known


def test_rows_without_id_and_day_are_no_more_of_them_each_time_that_they_are_told() -> None:
    known = Unreadable()
    for days in range(20):
        known = window(known, [row(back=None, days=days), row(back=None, days=days)], days=days)

    assert (known.count, len(known.rows), known.since) == (2, 1, AT)
    assert known.read_anew(None).read_to_the_end().count == 0


def test_pages_of_a_history_add_up_and_what_was_known_before_ends_with_it() -> None:
    before = Unreadable().told([row("a", back=200), row(back=None)], in_full=False)

    first = before.read_anew(TODAY - timedelta(days=365)).told([row(back=None)], in_full=False)
    second = first.told([row(back=None), row("b", back=100)], in_full=False)

    assert (first.count, second.count, second.read_to_the_end().count) == (2, 4, 3)


def test_a_reading_that_broke_off_ends_nothing_of_what_the_next_one_does_not_list() -> None:
    known = Unreadable().told([row("a", back=200)], in_full=False)
    broken_off = known.read_anew(None)

    assert window(broken_off, []).count == 1


@given(
    pages=st.lists(
        st.lists(
            st.tuples(st.integers(0, 900), st.sampled_from(FIELDS), st.booleans()), max_size=80
        ),
        max_size=8,
    )
)
@example(pages=[[(n, "amount", n % 3 > 0) for n in range(150)]] * 2)
def test_what_is_kept_is_bounded_survives_json_and_loses_no_row(
    pages: list[list[tuple[int, str, bool]]],
) -> None:
    known, names = Unreadable(), set()
    for page in pages:
        rows = [row(str(n) if named else "", back=n, field=field) for n, field, named in page]
        known = known.told(rows, in_full=False)
        names |= {each.name for each in rows}

    assert len(known.rows) <= MOST_BY_THEMSELVES + len(FIELDS)
    assert known.count >= len(names)
    assert Unreadable.of(known.as_json()) == known
    assert sum(each.n for each in known.causes) == known.count
