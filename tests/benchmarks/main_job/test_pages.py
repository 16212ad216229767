"""Reading the portal's pages as a customer does."""

from decimal import Decimal

import pytest

from benchmarks.main_job.pages import Page, money_in, rules_on
from benchmarks.main_job.records import Money


@pytest.mark.parametrize(
    ("words", "amount", "currency"),
    [
        ("One payment takes out more than £400.00.", "400.00", "GBP"),
        ("Over €1,250.00", "1250.00", "EUR"),
        ("Less than 1.250,50\u00a0€ is left.", "1250.50", "EUR"),
        ("more than CHF\u00a01,000.00.", "1000.00", "CHF"),
        ("more than JPY 40,000.", "40000", "JPY"),
        ("Under 99 EUR.", "99", "EUR"),
    ],
)
def test_an_amount_is_read_as_people_write_it(words: str, amount: str, currency: str) -> None:
    assert money_in(words) == Money(Decimal(amount), currency)


def test_a_sentence_without_an_amount_is_no_rule() -> None:
    with pytest.raises(LookupError):
        money_in("A large payment leaves.")


def test_the_rules_are_those_that_the_page_offers() -> None:
    page = Page.read(
        """<label><input type="checkbox" name="alert_types" value="large_payment">
        <span>Large payment</span><span>One payment takes out more than &pound;400.00.</span></label>
        <label><input type="checkbox" name="alert_types" value="refund"> A shop gives back</label>
        <label><input type="checkbox" name="feeds" value="balances"> Balances</label>"""
    )

    rules = rules_on(page)

    assert {name: rule.over for name, rule in rules.items()} == {
        "large_payment": Money(Decimal(400), "GBP"),
        "refund": None,
    }
