from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from portal.rest.money import decimal_text, exponent_of

CURRENCIES = st.sampled_from(["EUR", "GBP", "CHF", "JPY", "KWD", "CLF"])


@given(st.integers(min_value=-(10**17), max_value=10**17), CURRENCIES)
def test_no_cent_is_lost_on_the_wire(amount_minor: int, currency: str) -> None:
    text = decimal_text(amount_minor, currency)

    assert Decimal(text).scaleb(exponent_of(currency)) == amount_minor
    assert len(text.partition(".")[2]) == exponent_of(currency)
