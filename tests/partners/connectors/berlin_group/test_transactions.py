"""What is particular to the Berlin Group's transactions."""

from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from partners.connectors.base import BadAnswer, Response, TransactionPage, TransactionRecord, drive
from partners.connectors.berlin_group.connector import BerlinGroup
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    BerlinGroupDialect,
    Row,
    answer,
)

bank = BerlinGroup(ADDRESS)
dialect = BerlinGroupDialect()


def read(response: Response) -> TransactionPage:
    steps = bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1))
    return drive(steps, lambda _request: response)


def one(**members: object) -> TransactionRecord:
    row = {
        "bookingDate": "2026-03-28",
        "transactionAmount": {"amount": "-12.30", "currency": "GBP"},
        **members,
    }
    (record,) = read(dialect.page([row])).records
    return record


def test_a_first_page_asks_for_both_lists_from_a_day_early() -> None:
    steps = bank.transactions(grant=GRANT, account_external_id="a/b?c", since=date(2026, 3, 1))

    request = next(steps)

    parts = urlsplit(request.url)
    assert parts.path == "/psd2/v1/accounts/a%2Fb%3Fc/transactions"
    assert parse_qs(parts.query) == {"bookingStatus": ["both"], "dateFrom": ["2026-02-28"]}


def test_all_that_a_row_says_is_kept() -> None:
    row = one(transactionId="t-1", **dialect.abroad())

    assert row == TransactionRecord(
        external_id="t-1",
        status="posted",
        amount_minor=-1230,
        currency="GBP",
        booked_on=date(2026, 3, 28),
        booked_on_source="date",
        booked_at=datetime(2026, 3, 28, 10, 15, tzinfo=UTC),
        value_on=date(2026, 3, 30),
        kind="card_purchase",
        description="CARD 4821 LISBOA",
        original_amount_minor=-1417,
        original_currency="EUR",
        exchange_rate="0.8678",
        merchant_name="Pastelaria Aurora",
        merchant_category="5812",
        merchant_country=None,
        card_id="c-1",
        card_last4="4821",
        fraud_suspected=True,
    )


@pytest.mark.parametrize(
    ("members", "external_id"),
    [
        ({"transactionId": "t-1", "entryReference": "e-1"}, "t-1"),
        ({"entryReference": "e-1"}, "e-1"),
        ({"transactionId": "", "entryReference": "e-1"}, "e-1"),
        ({}, None),
    ],
)
def test_a_row_is_known_by_its_id_else_by_its_entrys_reference(
    members: dict[str, object], external_id: str | None
) -> None:
    assert one(**members).external_id == external_id


def test_a_pending_row_without_a_booking_date_lies_on_its_value_date() -> None:
    pending = {
        "valueDate": "2026-03-29",
        "transactionAmount": {"amount": "5.00", "currency": "GBP"},
    }
    undated = {"transactionAmount": {"amount": "5.00", "currency": "GBP"}}
    told = answer({"transactions": {"pending": [undated, pending], "_links": {}}})

    page = read(told)

    assert [(row.status, row.booked_on) for row in page.records] == [
        ("pending", date(2026, 3, 29))
    ]
    assert [(row.position, row.field) for row in page.rejected] == [(0, "bookingDate")]


def test_what_cannot_be_read_is_named_by_its_place_among_all_rows() -> None:
    rows = [Row("t-1", pending=True), Row("t-2", pending=True), Row("t-3"), 7]

    page = read(dialect.page(rows))

    assert [row.external_id for row in page.records] == ["t-1", "t-2", "t-3"]
    assert [row.position for row in page.rejected] == [3]


@pytest.mark.parametrize(
    ("occurred", "booked_at"),
    [
        ("2026-03-28T23:30:00+00:00", datetime(2026, 3, 28, 23, 30, tzinfo=UTC)),
        ("2026-03-29T00:30:00+00:00", None),  # not of the day that was booked
        ("2026-03-28T00:00:00+00:00", None),  # how banks write a date
        ("noon", None),
        (7, None),
    ],
)
def test_a_moment_is_taken_where_it_is_of_the_day_as_written(
    occurred: object, booked_at: datetime | None
) -> None:
    row = one(SupplementaryData={"OccurredAt": occurred})

    assert (row.booked_on, row.booked_on_source) == (date(2026, 3, 28), "date")
    assert row.booked_at == booked_at


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"proprietaryBankTransactionCode": "SALARY"}, "salary"),
        ({"bankTransactionCode": "PMNT-RCDT-SALA"}, "salary"),
        ({"bankTransactionCode": "PMNT-ICDT-ESCT"}, "transfer_out"),
        ({"bankTransactionCode": "PMNT-RCDT-ESCT", "purposeCode": "SALA"}, "salary"),
        ({"bankTransactionCode": "PMNT-RDDT-ESDD"}, "direct_debit"),
        ({"bankTransactionCode": "PMNT-CCRD-POSD"}, "card_purchase"),
        ({"bankTransactionCode": "PMNT"}, "other"),
        ({"bankTransactionCode": 7}, "other"),
        ({}, "other"),
    ],
)
def test_kinds_follow_the_codes(members: dict[str, object], kind: str) -> None:
    assert one(**members).kind == kind


def test_money_in_on_a_card_is_a_refund_from_whoever_paid() -> None:
    row = one(
        transactionAmount={"amount": "12.30", "currency": "GBP"},
        bankTransactionCode="PMNT-CCRD-POSD",
        debtorName="Pastelaria Aurora",
        creditorName="the customer",
    )

    assert (row.kind, row.amount_minor, row.merchant_name) == (
        "card_refund",
        1230,
        "Pastelaria Aurora",
    )


def test_texts_are_read_in_the_order_in_which_they_were_written() -> None:
    assert one(remittanceInformationUnstructuredArray=["Rent", 7, "March"]).description == (
        "Rent March"
    )
    assert one(additionalInformation="Standing order").description == "Standing order"


@pytest.mark.parametrize(
    "exchange",
    [
        {"sourceCurrency": "EUR", "targetCurrency": "USD"},
        {"sourceCurrency": "EUR"},
        {"sourceCurrency": "euro", "targetCurrency": "GBP"},
        {"sourceCurrency": "EUR", "targetCurrency": "GBP", "exchangeRate": "0"},
        {
            "sourceCurrency": "EUR",
            "targetCurrency": "GBP",
            "instructedAmount": {"amount": "1.00", "currency": "USD"},
        },
        {
            "sourceCurrency": "EUR",
            "targetCurrency": "GBP",
            "instructedAmount": {"amount": "-1.00", "currency": "EUR"},
        },
    ],
)
def test_a_mix_up_of_currencies_is_set_aside(exchange: dict[str, object]) -> None:
    mixed_up = {"exchangeRate": "0.86"} | exchange

    page = read(dialect.page([Row("t-1", extra={"currencyExchange": [mixed_up]}), Row("t-2")]))

    assert [row.external_id for row in page.records] == ["t-2"]


def test_a_rate_without_its_amount_is_kept_as_it_is() -> None:
    row = one(
        currencyExchange=[
            {"sourceCurrency": "EUR", "targetCurrency": "GBP", "exchangeRate": "0.86"}
        ]
    )

    assert (row.original_amount_minor, row.original_currency, row.exchange_rate) == (
        None,
        None,
        "0.86",
    )


def test_a_page_without_lists_is_empty_and_without_a_report_is_refused() -> None:
    assert read(answer({"transactions": {"_links": {}}})).records == ()
    with pytest.raises(BadAnswer):
        read(answer({"account": {"iban": "GB00NORT00000000000001"}}))
