"""Samples that we wrote, with what a person reads in them."""

from datetime import UTC, date, datetime
from pathlib import Path

from partners.connectors.base import (
    AccountRecord,
    BalanceRecord,
    RejectedRow,
    Response,
    TransactionRecord,
    drive,
)
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from tests.contracts.connectors.dialects import (
    ADDRESS,
    GRANT,
)

SAMPLES = Path(__file__).resolve().parents[3] / "samples" / "uk_open_banking"
ACCOUNT = "nm-acc-7001"
bank = UkOpenBanking(ADDRESS)


def sample(name: str) -> Response:
    return Response(200, {}, (SAMPLES / name).read_bytes())


def test_transactions_of_the_sample() -> None:
    steps = bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2025, 6, 1))

    page = drive(steps, lambda _request: sample("transactions_v4.json"))

    assert page.rejected == ()
    # The bank says that it keeps no more than this.
    assert page.covered_from == date(2025, 12, 28)
    assert page.records == (
        TransactionRecord(
            external_id="nm-tx-90001",
            status="pending",
            amount_minor=-1762,
            currency="GBP",
            booked_on=date(2026, 3, 29),
            booked_on_source="instant",
            booked_at=datetime(2026, 3, 29, 0, 12, 44, tzinfo=UTC),
            kind="card_purchase",
            description="PASTELARIA AURORA LISBOA",
            original_amount_minor=-2049,
            original_currency="EUR",
            exchange_rate="0.8601",
            merchant_name="Pastelaria Aurora",
            merchant_category="5812",
            merchant_country="PT",
            card_id="nm-card-31",
            card_last4="4821",
            fraud_suspected=True,
        ),
        TransactionRecord(
            external_id="nm-tx-90002",
            status="posted",
            amount_minor=215_000,
            currency="GBP",
            booked_on=date(2026, 3, 27),
            booked_on_source="date",
            value_on=date(2026, 3, 27),
            kind="salary",
            description="HOLLIN MARCH SALARY",
        ),
        TransactionRecord(
            external_id=None,
            status="posted",
            amount_minor=-300,
            currency="GBP",
            booked_on=date(2026, 3, 26),
            booked_on_source="instant",
            booked_at=datetime(2026, 3, 26, 8, tzinfo=UTC),
            kind="direct_debit",
        ),
        TransactionRecord(
            external_id="nm-tx-90005",
            status="posted",
            amount_minor=999,
            currency="GBP",
            booked_on=date(2026, 3, 25),
            booked_on_source="instant",
            booked_at=datetime(2026, 3, 25, 14, 20, tzinfo=UTC),
            kind="card_refund",
            merchant_name="Copper & Reed",
            merchant_category="0742",
            card_last4="4821",
        ),
    )


def test_accounts_of_the_sample() -> None:
    listed = drive(bank.accounts(grant=GRANT), lambda _request: sample("accounts_v4.json"))

    assert listed.records == (
        # Of a card there is no account's number.
        AccountRecord("nm-acc-7001", "current", "Bills", "GBP", "**** 5678", ("00000012345678",)),
        AccountRecord("nm-acc-7002", "credit_card", "Reward card", "GBP", "**** 4821"),
    )
    assert listed.rejected == (RejectedRow(3, "Currency", "not a string"),)


def test_balances_of_the_sample_are_the_newest_of_each_kind_without_the_credit_line() -> None:
    steps = bank.balances(grant=GRANT, account_external_id=ACCOUNT)

    balances = drive(steps, lambda _request: sample("balances_v4.json"))

    assert balances == (
        BalanceRecord(
            ACCOUNT,
            "available",
            95_025,
            "GBP",
            datetime(2026, 3, 30, 8, 0, tzinfo=UTC),
            # As the one that counts it says.
            credit_line_minor=50_000,
            credit_line_included=False,
        ),
        BalanceRecord(
            ACCOUNT, "booked", 96_787, "GBP", datetime(2026, 3, 29, 22, 59, 59, tzinfo=UTC)
        ),
    )
