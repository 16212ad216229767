"""For any rows: an honest portal is never accused, and whatever is taken, added or turned is counted."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.main_job.judge import judge, out_of_order
from benchmarks.main_job.records import BankRow
from tests.benchmarks.main_job.seen import bought, changed, world

# Few amounts, texts and seconds, so that genuine equals are common.
rows = st.lists(
    st.tuples(
        st.sampled_from(["-600.00", "-2.50", "25.00", "0.00"]),
        st.sampled_from(["Bar Lanterna", "Caffè", ""]),
        st.booleans(),
        st.sampled_from(["acc", "other"]),
        st.integers(0, 3),
    ),
    max_size=12,
).map(
    lambda given: [_row(number, each) for number, each in enumerate(sorted(given, key=_minute), 1)]
)
Given = tuple[str, str, bool, str, int]


def _minute(given: Given) -> int:
    return given[4]


def _row(number: int, given: Given) -> BankRow:
    amount, text, is_suspected, account, minute = given
    row = bought(number, amount, text=text, is_suspected=is_suspected, account=account)
    at = bought(minute).at
    return replace(row, at=at, shown_at=at)


@settings(deadline=None)
@given(rows)
def test_an_honest_portal_is_never_accused(rows: list[BankRow]) -> None:
    assert judge(changed(world(*rows), accounts={"a": "acc", "b": "other"})).is_clean


@settings(deadline=None)
@given(rows, st.data())
def test_whatever_is_taken_away_is_lost_and_whatever_comes_twice_is_doubled(
    rows: list[BankRow], data: st.DataObject
) -> None:
    seen = changed(world(*rows), accounts={"a": "acc", "b": "other"})
    cards = seen.customers[0].cards
    kept = data.draw(st.lists(st.integers(0, 2), min_size=len(cards), max_size=len(cards)))

    told = [card for card, times in zip(cards, kept, strict=True) for _ in range(times)]
    verdict = judge(changed(seen, cards=told, thread=[each.message for each in told]))

    assert verdict.faults["lost"] == kept.count(0)
    assert verdict.faults["duplicated"] == kept.count(2)
    assert verdict.faults["out_of_order"] == 0


@given(st.lists(st.integers(1, 30), unique=True))
def test_a_row_of_cards_is_in_order_only_when_it_is_sorted(numbers: list[int]) -> None:
    moved = out_of_order([bought(each) for each in numbers])

    assert (moved == 0) == (numbers == sorted(numbers))
    assert moved < max(len(numbers), 1)


@given(st.lists(st.integers(1, 30), unique=True, min_size=2), st.data())
def test_one_card_out_of_its_place_is_one(numbers: list[int], data: st.DataObject) -> None:
    ordered = sorted(numbers)
    place = data.draw(st.integers(0, len(ordered) - 2))
    ordered[place], ordered[place + 1] = ordered[place + 1], ordered[place]

    assert out_of_order([bought(each) for each in ordered]) == 1
