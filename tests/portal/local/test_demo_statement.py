"""Which payment the demonstration's statement tells of in other words."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from portal.local.demo_statement import lone_payment

ROME, UNTIL = ZoneInfo("Europe/Rome"), datetime(2026, 3, 20, tzinfo=UTC)


def told(at: str, amount: int, **said: Any) -> dict[str, Any]:
    row = {"AccountId": "aur-1", "kind": "CARD_PURCHASE", "status": "booked"}
    return row | {"occurred_at": at, "amount_minor": amount} | said


def found(*ledger: dict[str, Any]) -> tuple[date, int] | None:
    return lone_payment(ledger, "aur-1", zone=ROME, until=UNTIL)


def test_it_is_the_newest_card_payment_that_is_alone_with_its_day_and_amount() -> None:
    ledger = [
        told("2026-03-10T09:00:00+00:00", -500),
        # Past midnight at the bank: another day.
        told("2026-03-11T23:30:00+00:00", -700),
        told("2026-03-12T09:00:00+00:00", -800),
        told("2026-03-13T09:00:00+00:00", -900),
        told("2026-03-13T19:00:00+00:00", -900, kind="REFUND"),
        told("2026-03-14T09:00:00+00:00", -900, kind="TRANSFER"),
        told("2026-03-15T09:00:00+00:00", -900, status="pending"),
        told("2026-03-16T09:00:00+00:00", -900, AccountId="aur-2"),
        told("2026-03-20T09:00:00+00:00", -900),
    ]

    assert found(*ledger[:2]) == (date(2026, 3, 12), -700)
    assert found(*ledger) == (date(2026, 3, 12), -800)
    assert found(*ledger[3:]) is None
