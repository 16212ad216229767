"""Small worlds for the judge: one bank, one customer, and what they saw."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from benchmarks.main_job.definitions import alerts_of, card_of
from benchmarks.main_job.records import (
    BankRow,
    BankView,
    Card,
    CustomerView,
    Home,
    Hook,
    Mail,
    Money,
    PortalRow,
    ProgramView,
    Rule,
    Seen,
)

HOME = Home("IT", "EUR", ZoneInfo("Europe/Rome"))
LINKED = datetime(2026, 11, 20, 9, tzinfo=UTC)
RULES = {
    "fraud_suspected": Rule("fraud_suspected"),
    "large_payment": Rule("large_payment", Money(Decimal(500), "EUR")),
    "low_balance": Rule("low_balance", Money(Decimal(100), "EUR")),
    "foreign": Rule("foreign"),
    "refund": Rule("refund"),
    "salary": Rule("salary"),
}
ALL = frozenset(RULES)


def euros(text: str) -> Money:
    return Money(Decimal(text), "EUR")


def bought(number: int, amount: str = "-600.00", **more: object) -> BankRow:
    """A purchase in the minute of its number; over the threshold where nothing else is said."""
    at = LINKED + timedelta(minutes=number)
    row = BankRow(
        key=f"aurelia/{number}",
        account="acc",
        holders=("giulia",),
        kind="CARD_PURCHASE" if Decimal(amount) <= 0 else "CARD_REFUND",
        money=euros(amount),
        at=at,
        shown_at=at,
        seq=number,
        committed_at=at,
        text=f"Bottega {number}",
    )
    return replace(row, **more)  # type: ignore[arg-type]  # the row's own fields


def shown(row: BankRow) -> PortalRow:
    """The row as an honest portal shows it."""
    return PortalRow(
        id=f"id-{row.key}",
        account=row.account,
        status={"pending": "pending", "booked": "posted"}[row.status],
        kind=row.kind.lower(),
        money=row.money,
        booked_on=row.at.astimezone(HOME.zone).date(),
        at=row.shown_at,
        text=row.text,
    )


def card(row: BankRow, alert_type: str) -> Card:
    """The card that came half a second later."""
    return Card(
        message=f"m-{row.key}",
        seq=row.seq,
        alert_type=alert_type,
        row=f"id-{row.key}",
        money=row.money,
        received_at=row.committed_at.timestamp() + 0.5,
    )


def mail(row: BankRow) -> Mail:
    """The mail about the row's card."""
    return Mail(id=f"<{row.key}@portal.example>", message=f"m-{row.key}")


def hook(row: BankRow, alert_type: str) -> Hook:
    """The webhook about one alert."""
    return Hook(
        id=f"{alert_type}-{row.key}",
        type="alert.raised",
        account="acc",
        alert_type=alert_type,
        row=f"id-{row.key}",
        money=row.money,
    )


def change(*rows: BankRow) -> Hook:
    """The webhook that names these as changed."""
    ids = tuple(f"id-{each.key}" for each in rows)
    return Hook(id=f"change-{'-'.join(ids)}", type="transactions.changed", account="acc", rows=ids)


def world(*rows: BankRow, allowed: frozenset[str] = ALL) -> Seen:
    """Everything as it must be."""
    cards, mails = [], []
    hooks = [change(*rows)] if rows else []
    for row in rows:
        alerts = alerts_of(row, rules=RULES, home=HOME, linked_at=LINKED)
        hooks += [hook(row, each) for each in alerts]
        kind = card_of(alerts, allowed)
        if kind:
            cards.append(card(row, kind))
        if kind == "fraud_suspected":
            mails.append(mail(row))
    listed = [shown(row) for row in rows if row.status in {"pending", "booked"}]
    customer = CustomerView(
        name="aurelia/giulia",
        bank="aurelia",
        linked_at=LINKED,
        alert_types=allowed,
        history_from=date(2025, 11, 20),
        accounts={"portal-acc": "acc"},
        rows=listed,
        cards=cards,
        synced=listed,
        thread=[each.message for each in cards],
        mails=mails,
    )
    program = ProgramView(
        customer=customer.name,
        accounts=customer.accounts,
        history_from=customer.history_from,
        rows=listed,
        synced=listed,
        alerts=frozenset(("acc", each) for each in ALL),
        hooks=hooks,
    )
    banks = {"aurelia": BankView("aurelia", HOME, RULES, list(rows))}
    return Seen(banks, [customer], [program])


def changed(seen: Seen, **more: object) -> Seen:
    """The same world, with something else about its customer; nobody asks the program."""
    return replace(seen, customers=[replace(seen.customers[0], **more)], programs=[])  # type: ignore[arg-type]  # the view's own fields
