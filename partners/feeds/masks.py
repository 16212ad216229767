"""What a bank holds back, or shows less exactly: decided here for every door, as pure functions.

A mask is the name of a field, or `field:grain` for a coarser value in its place. What would tell the
same in other words is masked with it.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import Any, TypedDict

from partners.feeds.rules import BELONG_TO_PAYMENTS, BY_MONTH, IN_BANDS
from portal.rest.money import Money, decimal_text, exponent_of, money

Masks = frozenset[str]

__all__ = [
    "BY_MONTH",
    "IN_BANDS",
    "Band",
    "Masks",
    "band",
    "day",
    "edges_of",
    "exact",
    "masks_of",
    "month",
    "shown",
    "tells_what_is_masked",
]

PAYMENTS = "transactions"
# What says the same as a masked field, or lets it be worked out.
_TELLS_TOO: Mapping[str, Iterable[str]] = {
    # A statement's text mostly names the shop, the place and the day.
    "merchant_name": ("description",),
    # The shop's own currency is its country's.
    "merchant_country": ("description", "original_amount", "merchant_place"),
    "original_amount": ("exchange_rate",),
    "booked_at": ("issued_at",),
    BY_MONTH: ("booked_at", "value_on", "issued_at", "ordered_at", "description"),
    # The lines of a receipt come to its total.
    IN_BANDS: ("original_amount", "lines", "description"),
}
# Of a payment's masks, those that hold for what belongs to it too.
_HANDED_ON = frozenset({"merchant_name", "merchant_country", "booked_at", BY_MONTH, IN_BANDS})
# An alert whose very existence tells what is masked, by the feed that it is found in.
_TOLD_BY_ALERT: Mapping[str, Masks] = {
    "foreign": frozenset({"merchant_country", "original_amount"}),
}
# Between these an amount lies, in whole units of a currency with cents. Above the last there is no end.
_EDGES = (0, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)


class Band(TypedDict):
    """Above one amount, up to and including another, as credits are; the other way round for debits.

    Null: there is no end on that side.
    """

    above: str | None
    up_to: str | None
    currency: str


def masks_of(feed: str, chosen: Mapping[str, Iterable[str]]) -> Masks:
    """All that is masked of a feed, from what the bank chose of each."""
    masks = set(chosen.get(feed, ()))
    if feed in BELONG_TO_PAYMENTS:
        masks |= set(chosen.get(PAYMENTS, ())) & _HANDED_ON
    return _with_what_tells_it(masks)


def _with_what_tells_it(masks: Iterable[str]) -> Masks:
    found = set(masks)
    while more := {it for each in found for it in _TELLS_TOO.get(each, ())} - found:
        found |= more
    return frozenset(found)


def tells_what_is_masked(alert_type: str, parameters: Mapping[str, Any], masks: Masks) -> bool:
    """Whether an alert of that type, by being raised, tells what is masked of the feed it is found in."""
    if masks & _TOLD_BY_ALERT.get(alert_type, frozenset()):
        return True
    threshold = parameters.get("threshold_minor")
    if threshold is None or IN_BANDS not in masks:
        return False
    # A limit between two edges would cut a band in two.
    return int(threshold) not in edges_of(str(parameters.get("currency", "")))


def edges_of(currency: str) -> tuple[int, ...]:
    """Where one band ends and the next begins, in minor units."""
    # What is counted without decimals is counted in larger numbers.
    unit = 10 ** (exponent_of(currency) or 2)
    return tuple(each * unit for each in _EDGES)


def shown(name: str, value: Any, masks: Masks) -> Any:
    """The value, or null where it is masked, as where the bank gave none."""
    return None if name in masks or value == "" else value


def exact(amount_minor: int | None, currency: str, masks: Masks) -> Money | None:
    """The amount, or null where amounts are shown in bands."""
    return None if amount_minor is None or IN_BANDS in masks else money(amount_minor, currency)


def band(amount_minor: int | None, currency: str, masks: Masks) -> Band | None:
    """The band that the amount lies in, where amounts are shown in bands; else null."""
    if amount_minor is None or IN_BANDS not in masks:
        return None
    above, up_to = _between(abs(amount_minor), currency)
    sign = -1 if amount_minor < 0 else 1

    def text(edge: int | None) -> str | None:
        return None if edge is None else decimal_text(sign * edge, currency)

    return {"above": text(above), "up_to": text(up_to), "currency": currency}


def _between(size: int, currency: str) -> tuple[int, int | None]:
    edges = edges_of(currency)
    if size == 0:
        return 0, 0
    for lower, upper in pairwise(edges):
        if size <= upper:
            return lower, upper
    return edges[-1], None


def day(on: date | None, masks: Masks) -> str | None:
    """The calendar day, or null where months alone are shown."""
    return None if on is None or BY_MONTH in masks else on.isoformat()


def month(on: date, masks: Masks) -> str | None:
    """The month of the day (`2026-11`), where months alone are shown; else null."""
    return f"{on:%Y-%m}" if BY_MONTH in masks else None
