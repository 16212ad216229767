"""Amounts lose nothing on the way in."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partners.connectors.base import BadAnswer
from partners.connectors.money import exponent, minor_units

currencies = st.sampled_from(["EUR", "GBP", "JPY", "KWD", "CLF", "CHF", "ISK", "HUF"])


@settings(max_examples=200, deadline=None)
@given(minor=st.integers(0, 10**13 - 1), currency=currencies)
def test_every_whole_number_of_minor_units_survives(minor: int, currency: str) -> None:
    digits = exponent(currency)
    written = f"{Decimal(minor).scaleb(-digits):.{digits}f}"

    assert minor_units(written, currency) == minor


@settings(max_examples=200, deadline=None)
@given(written=st.from_regex(r"[0-9]{1,13}\.[0-9]{1,5}", fullmatch=True), currency=currencies)
def test_an_amount_is_exact_or_refused(written: str, currency: str) -> None:
    exact = Decimal(written).scaleb(exponent(currency))

    if exact == exact.to_integral_value():
        assert minor_units(written, currency) == exact
    else:
        with pytest.raises(BadAnswer):
            minor_units(written, currency)
