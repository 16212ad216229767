"""Whether a rate of exchange leads from one amount to the other. A pure function, in exact decimals."""

from decimal import Decimal, InvalidOperation

from portal.rest.money import exponent_of

# Banks quote either way, and their fee may stand between: what is further off is another payment's rate, or a slip.
_OFF_BY_AT_MOST = Decimal("0.1")


def rate_fits(
    rate: str, *, original_minor: int, original_currency: str, amount_minor: int, currency: str
) -> bool | None:
    """Whether the rate, or what it is turned round, leads from the original amount to the account's.

    None where nothing can be said: no rate, or an amount of nothing.
    """
    try:
        exact = Decimal(rate)
    except InvalidOperation:
        return None
    original = abs(_units(original_minor, original_currency))
    amount = abs(_units(amount_minor, currency))
    if not exact.is_finite() or exact <= 0 or not original or not amount:
        return None
    return _is_near(original * exact, amount, currency) or _is_near(
        amount * exact, original, original_currency
    )


def _units(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent_of(currency))


def _is_near(worked_out: Decimal, told: Decimal, currency: str) -> bool:
    # Of small amounts, rounding alone is more than the fee.
    return abs(worked_out - told) <= max(told * _OFF_BY_AT_MOST, _units(1, currency))
