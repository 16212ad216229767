"""The definitions of docs/words.md as the judge reads them."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from benchmarks.main_job.definitions import alerts_of, card_of
from benchmarks.main_job.records import BankRow, Money
from tests.benchmarks.main_job.seen import HOME, LINKED, RULES, bought


def alerts(row: BankRow) -> tuple[str, ...]:
    return alerts_of(row, rules=RULES, home=HOME, linked_at=LINKED)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (bought(1, "-500.00"), ()),
        (bought(1, "-500.01"), ("large_payment",)),
        (bought(1, "-0.01", is_suspected=True), ("fraud_suspected",)),
        (bought(1, "-500.01", is_suspected=True), ("fraud_suspected", "large_payment")),
        (bought(1, "0.00"), ()),
        (bought(1, "5.00"), ("refund",)),
        (bought(1, "5.00", kind="TRANSFER_IN"), ()),
        (bought(1, "5.00", kind="SALARY"), ("salary",)),
        (bought(1, "-5.00", country="FR"), ("foreign",)),
        (bought(1, "-5.00", country="IT"), ()),
        (bought(1, "-5.00", country="FR", kind="FEE"), ()),
        (bought(1, "-5.00", original_currency="USD"), ("foreign",)),
        (bought(1, money=Money(Decimal(-9999), "GBP")), ()),
        (bought(1, status="removed"), ()),
    ],
)
def test_a_row_raises_what_the_table_says(row: BankRow, expected: tuple[str, ...]) -> None:
    assert alerts(row) == expected


def test_only_news_is_told() -> None:
    row = bought(1)

    def at(delta: timedelta) -> BankRow:
        return replace(row, at=LINKED + delta, committed_at=LINKED)

    assert alerts(at(timedelta(seconds=-1))) == ()
    assert alerts(at(timedelta(0))) == ("large_payment",)
    assert alerts(replace(row, committed_at=row.at + timedelta(days=4))) == ()


def test_the_weightiest_that_is_allowed_is_the_card() -> None:
    both = ("fraud_suspected", "large_payment")

    assert card_of(both, {"large_payment", "fraud_suspected"}) == "fraud_suspected"
    assert card_of(both, {"large_payment"}) == "large_payment"
    assert card_of(both, {"refund"}) is None
