"""`docs/words.md` once more, written from its text alone: what is told of a transaction, and to whom."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from benchmarks.main_job.records import BankRow, Home, Rule

# In the order of the table: of several about one payment, the first is shown.
IN_ORDER = ("fraud_suspected", "large_payment", "low_balance", "foreign", "refund", "salary")
LOW_BALANCE = "low_balance"
NEWS = timedelta(days=3)


def holds(alert_type: str, row: BankRow, rule: Rule, home: Home) -> bool:
    """Whether a transaction is what this alert type is about."""
    amount = row.money.amount
    if alert_type == "fraud_suspected":
        return row.is_suspected
    if alert_type == "large_payment":
        over = rule.over
        return over is not None and over.currency == row.money.currency and -amount > over.amount
    if alert_type == "foreign":
        abroad = row.country not in {"", home.country}
        other_money = row.original_currency not in {"", row.money.currency}
        return row.kind == "CARD_PURCHASE" and (abroad or other_money)
    if alert_type == "refund":
        return row.kind == "CARD_REFUND" and amount > 0
    return alert_type == "salary" and row.kind == "SALARY" and amount > 0


def is_news(row: BankRow, *, linked_at: datetime, home: Home) -> bool:
    """Only what happened since the link is told, and only within three days of it being read.

    The harness reads for no longer than that, so that a row is read on the day it was written.
    """
    read_on = row.committed_at.astimezone(home.zone).date()
    if row.at.astimezone(home.zone).date() < read_on - NEWS:
        return False
    # Banks write whole seconds: the link's own second counts.
    return row.at.replace(microsecond=0) >= linked_at.replace(microsecond=0)


def alerts_of(
    row: BankRow, *, rules: Mapping[str, Rule], home: Home, linked_at: datetime
) -> tuple[str, ...]:
    """The alerts that a transaction raises at a bank with these rules, weightiest first."""
    if row.status == "removed" or not is_news(row, linked_at=linked_at, home=home):
        return ()
    return tuple(
        each for each in IN_ORDER if each in rules and holds(each, row, rules[each], home)
    )


def card_of(alerts: Collection[str], allowed: Collection[str]) -> str | None:
    """One payment is one card: the weightiest alert that the customer allows."""
    return next((each for each in IN_ORDER if each in alerts and each in allowed), None)
