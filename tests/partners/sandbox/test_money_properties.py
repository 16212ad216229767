"""Money: text and minor units say the same, and exchange never invents a sign."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.sandbox import money

CURRENCIES = st.sampled_from(["EUR", "GBP", "JPY", "KWD", "CHF"])
MINORS = st.integers(-(10**12), 10**12)


@given(minor=MINORS, currency=CURRENCIES)
@settings(max_examples=100)
def test_text_and_minor_units_say_the_same(minor: int, currency: str) -> None:
    assert money.to_minor(money.to_text(minor, currency), currency) == minor


@given(minor=MINORS, source=st.sampled_from(["USD", "SEK", "JPY"]))
@settings(max_examples=100)
def test_exchange_is_odd_and_within_half_a_unit(minor: int, source: str) -> None:
    rate = money.exchange_rate(source, "EUR")

    there = money.convert(minor, source=source, target="EUR", rate=rate)

    shift = Decimal(10) ** (money.exponent("EUR") - money.exponent(source))
    assert abs(Decimal(there) - minor * rate * shift) <= Decimal("0.5")
    assert money.convert(-minor, source=source, target="EUR", rate=rate) == -there


@pytest.mark.parametrize("text", ["", "1.2.3", "1e3", "١٢", "12.345", "NaN", "- 1", "1,00"])
def test_what_is_not_an_amount_is_refused(text: str) -> None:
    with pytest.raises(money.MoneyError):
        money.to_minor(text, "EUR")


@pytest.mark.parametrize(
    ("minor", "currency", "locale", "shown"),
    [
        (123456789, "EUR", "it", "€ 1.234.567,89"),
        (-50, "GBP", "en", "−£0.50"),  # noqa: RUF001 - a true minus
        (-123450, "CHF", "de", "−CHF 1’234.50"),  # noqa: RUF001 - a true minus
        (1500, "JPY", "en", "JPY 1,500"),
    ],
)
def test_pages_print_money_as_the_country_does(
    minor: int, currency: str, locale: str, shown: str
) -> None:
    assert money.to_display(minor, currency, locale) == shown
