"""Whether a rate leads from one amount to the other, whichever way round the bank quotes it."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.ledger.exchange import rate_fits


@pytest.mark.parametrize(
    ("rate", "original", "amount", "fits"),
    [
        ("0.9213", (-12_00, "USD"), (-11_06, "EUR"), True),
        # The other way round, and with a fee of three in a hundred between.
        ("1.0854", (-12_00, "USD"), (-11_06, "EUR"), True),
        ("0.9213", (-12_00, "USD"), (-11_39, "EUR"), True),
        # Without a minor unit, and with three digits of one.
        ("163.2", (-1632, "JPY"), (-10_00, "EUR"), True),
        ("2.98", (10_000, "KWD"), (29_80, "EUR"), True),
        # So small that rounding is all there is.
        ("0.0897", (-10, "SEK"), (-1, "EUR"), True),
        ("1.9213", (-12_00, "USD"), (-11_06, "EUR"), False),
        # For a hundred units, as some quote.
        ("0.6127", (-1632, "JPY"), (-10_00, "EUR"), False),
        ("", (-12_00, "USD"), (-11_06, "EUR"), None),
        ("0", (-12_00, "USD"), (-11_06, "EUR"), None),
        ("about one", (-12_00, "USD"), (-11_06, "EUR"), None),
        ("NaN", (-12_00, "USD"), (-11_06, "EUR"), None),
        ("0.92", (0, "USD"), (-11_06, "EUR"), None),
    ],
)
def test_a_rate_fits_where_it_leads_from_one_amount_to_the_other(
    rate: str, original: tuple[int, str], amount: tuple[int, str], fits: object
) -> None:
    assert judged(rate, original, amount) is fits


@given(
    st.integers(1, 10**12),
    st.decimals("0.0001", "10000", places=4),
    st.sampled_from(["USD", "JPY", "KWD"]),
    st.sampled_from([1, -1]),
)
def test_what_a_rate_made_fits_it_to_the_last_digit(
    original: int, rate: Decimal, currency: str, sign: int
) -> None:
    digits = {"USD": 2, "JPY": 0, "KWD": 3}[currency]
    euro = (Decimal(original).scaleb(-digits) * rate).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    amount = int(euro.scaleb(2))

    fits = judged(str(rate), (sign * original, currency), (sign * amount, "EUR"))

    assert fits is (True if amount else None)


def judged(rate: str, original: tuple[int, str], amount: tuple[int, str]) -> bool | None:
    return rate_fits(
        rate,
        original_minor=original[0],
        original_currency=original[1],
        amount_minor=amount[0],
        currency=amount[1],
    )
