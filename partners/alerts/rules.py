"""When an alert is raised, as docs/words.md defines it: pure functions of what was read.

Money is minor units, credit positive. Nothing here looks at a clock or a table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

# What is older than this when we first hear of it is history, not news.
NEWS_DAYS = 3


@dataclass(frozen=True)
class Facts:
    """What a rule may look at of one entry."""

    kind: str
    amount_minor: int
    currency: str
    booked_on: date
    booked_at: datetime | None = None
    original_currency: str = ""
    merchant_country: str = ""
    fraud_suspected: bool = False


@dataclass(frozen=True)
class Home:
    """What is not foreign: the bank's country, and the account's own currency."""

    country: str
    currency: str


Rules = Mapping[str, Mapping[str, Any]]  # the enabled alert types, each with its parameters


def is_news(facts: Facts, *, since: datetime, at: datetime, zone: ZoneInfo) -> bool:
    """Whether an entry happened since the account was first linked, and lately."""
    if facts.booked_on < at.astimezone(zone).date() - timedelta(days=NEWS_DAYS):
        return False
    if facts.booked_at is not None:
        return facts.booked_at >= since
    return facts.booked_on >= since.astimezone(zone).date()


def alert_types_of(facts: Facts, *, rules: Rules, home: Home) -> tuple[str, ...]:
    """The enabled types that one entry raises, in the order of the table in docs/words.md."""
    tests = (
        ("fraud_suspected", facts.fraud_suspected),
        ("large_payment", _is_large(facts, rules.get("large_payment", {}))),
        ("foreign", _is_foreign(facts, home)),
        ("refund", facts.kind == "card_refund" and facts.amount_minor > 0),
        ("salary", facts.kind == "salary" and facts.amount_minor > 0),
    )
    return tuple(alert_type for alert_type, holds in tests if holds and alert_type in rules)


def _is_large(facts: Facts, parameters: Mapping[str, Any]) -> bool:
    threshold = parameters.get("threshold_minor")
    if threshold is None or facts.currency != parameters.get("currency"):
        return False
    return -facts.amount_minor > int(threshold)


def _is_foreign(facts: Facts, home: Home) -> bool:
    if facts.kind != "card_purchase":
        return False
    elsewhere = facts.merchant_country not in {"", home.country}
    return elsewhere or facts.original_currency not in {"", home.currency}


def is_low(
    *, before_minor: int | None, now_minor: int, currency: str, parameters: Mapping[str, Any]
) -> bool:
    """Whether the available balance has just fallen under the threshold.

    `before_minor` is the reading before: with none, or one that was low already, nothing fell.
    """
    threshold = parameters.get("threshold_minor")
    if threshold is None or before_minor is None or currency != parameters.get("currency"):
        return False
    return before_minor >= int(threshold) > now_minor


def once_key(alert_type: str, about: object) -> str:
    """What makes an alert the same alert: its type, and the entry or the reading it is about."""
    return f"{alert_type}:{about}"
