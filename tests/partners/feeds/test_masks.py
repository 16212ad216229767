"""What is masked, as pure functions: bands hold their amounts, and nothing says the same in other words."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.feeds.masks import (
    BY_MONTH,
    IN_BANDS,
    band,
    day,
    edges_of,
    exact,
    masks_of,
    month,
    tells_what_is_masked,
)
from portal.rest.money import exponent_of

BANDED = frozenset({IN_BANDS})
NOTHING: frozenset[str] = frozenset()
_currencies = st.sampled_from(["EUR", "JPY", "KWD"])


def minor(text: str, currency: str) -> int:
    return int(text.replace(".", "")) if exponent_of(currency) else int(text)


@given(st.integers(-(10**12), 10**12), _currencies)
def test_a_band_holds_its_amount_and_says_no_more(amount: int, currency: str) -> None:
    said = band(amount, currency, BANDED)

    assert said is not None
    assert exact(amount, currency, BANDED) is None
    lower = abs(minor(said["above"] or "", currency))
    assert lower in edges_of(currency)
    if said["up_to"] is None:
        assert abs(amount) > lower == edges_of(currency)[-1]
    else:
        upper = minor(said["up_to"], currency)
        assert upper == 0 or (upper < 0) == (amount < 0)
        assert lower < abs(amount) <= abs(upper) or amount == lower == upper == 0


@given(st.integers(0, 10**9), st.integers(0, 10**9), _currencies)
def test_equal_bands_are_all_that_is_told_of_two_amounts(
    one: int, other: int, currency: str
) -> None:
    def place(amount: int) -> int:
        return sum(amount > each for each in edges_of(currency)) + (amount > 0)

    same = band(one, currency, BANDED) == band(other, currency, BANDED)

    assert same == (place(one) == place(other))


def test_without_the_mask_there_is_no_band_and_no_month() -> None:
    on = date(2026, 3, 14)

    assert band(-1230, "EUR", NOTHING) is None
    assert exact(-1230, "EUR", NOTHING) == {"amount": "-12.30", "currency": "EUR"}
    assert (day(on, NOTHING), month(on, NOTHING)) == ("2026-03-14", None)
    assert (day(on, frozenset({BY_MONTH})), month(on, frozenset({BY_MONTH}))) == (None, "2026-03")


@pytest.mark.parametrize(
    ("mask", "too"),
    [
        ("merchant_name", {"description"}),
        ("merchant_country", {"description", "original_amount", "exchange_rate"}),
        (BY_MONTH, {"booked_at", "value_on", "description"}),
        (IN_BANDS, {"original_amount", "exchange_rate", "description"}),
    ],
)
def test_what_says_the_same_in_other_words_is_masked_too(mask: str, too: set[str]) -> None:
    assert {mask, *too} <= masks_of("transactions", {"transactions": [mask]})


def test_what_belongs_to_a_payment_is_masked_as_the_payment_is() -> None:
    chosen = {"transactions": ["merchant_name", BY_MONTH, IN_BANDS, "card_last4"]}

    receipts = masks_of("receipts", chosen)

    assert {"merchant_name", "issued_at", "lines", IN_BANDS} <= receipts
    assert "card_last4" not in receipts
    assert {"merchant_name", "ordered_at"} <= masks_of("shipments", chosen)
    assert masks_of("balances", chosen) == NOTHING


@pytest.mark.parametrize(
    ("alert_type", "threshold", "masks", "tells"),
    [
        ("large_payment", 500_00, BANDED, False),
        ("large_payment", 400_00, BANDED, True),
        ("large_payment", 400_00, NOTHING, False),
        ("low_balance", 100_00, BANDED, False),
        ("low_balance", 99_00, BANDED, True),
        ("foreign", None, frozenset({"merchant_country"}), True),
        ("foreign", None, BANDED, False),
        ("salary", None, BANDED, False),
    ],
)
def test_an_alert_is_held_back_where_being_raised_tells_what_is_masked(
    alert_type: str,
    threshold: int | None,
    masks: frozenset[str],
    tells: bool,  # noqa: FBT001  # a parameter of the table
) -> None:
    parameters = {} if threshold is None else {"threshold_minor": threshold, "currency": "EUR"}

    assert tells_what_is_masked(alert_type, parameters, masks) == tells
