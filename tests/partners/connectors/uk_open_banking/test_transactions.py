"""What is particular to UK Open Banking's transactions."""

import json
from datetime import date
from urllib.parse import parse_qs, urlsplit

import pytest

from partners.connectors.base import (
    BankRefused,
    PeriodRefused,
    Response,
    TransactionPage,
    drive,
)
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    V4,
    Row,
    UkDialect,
    answer,
)

bank = UkOpenBanking(ADDRESS)
dialect = UkDialect(V4)


def page_of(*rows: Row) -> TransactionPage:
    steps = bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1))
    return drive(steps, lambda _request: dialect.page(rows))


def exchange(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "SourceCurrency": "EUR",
        "TargetCurrency": "GBP",
        "ExchangeRate": 0.86,
        "InstructedAmount": {"Amount": "20.49", "Currency": "EUR"},
    }
    kept = {name: value for name, value in (usual | changes).items() if value is not None}
    return {"CurrencyExchange": kept}


def test_the_first_page_is_asked_from_a_day_early_in_case_the_bank_minds_the_zone() -> None:
    steps = bank.transactions(grant=GRANT, account_external_id="a/b?c", since=date(2026, 3, 1))

    asked = urlsplit(next(steps).url)

    assert asked.path == "/open-banking/v4.0/aisp/accounts/a%2Fb%3Fc/transactions"
    assert parse_qs(asked.query) == {"fromBookingDateTime": ["2026-02-28T00:00:00Z"]}


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (400, {"Errors": [{"ErrorCode": "U003"}]}, PeriodRefused),
        (400, {"code": "bad_request.outside_sca"}, PeriodRefused),
        (403, {"Errors": [{"ErrorCode": "UK.OBIE.Resource.ConsentMismatch"}]}, PeriodRefused),
        (403, {"message": "something on the way"}, BankRefused),
        (404, {"Errors": [{"ErrorCode": "U011"}]}, BankRefused),
    ],
)
def test_a_refusal_of_the_list_may_be_of_its_days(
    status: int, body: dict[str, object], means: type[BankRefused]
) -> None:
    """There is no word for it: banks say it by 400, or by 403 in words of their own."""
    steps = bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1))

    with pytest.raises(BankRefused) as refused:
        drive(steps, lambda _request: answer(body, status))

    assert (type(refused.value), refused.value.status) == (means, status)


@pytest.mark.parametrize("status", ["FUTR", "INFO", "RJCT", "Rejected"])
def test_what_is_no_entry_is_left_out(status: str) -> None:
    page = page_of(Row("t-1", extra={"Status": status}), Row("t-2"))

    assert [row.external_id for row in page.records] == ["t-2"]
    assert page.rejected == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("Status", "SETTLED"),
        ("Status", None),
        ("CreditDebitIndicator", "DBIT"),
        ("CreditDebitIndicator", ["Debit"]),
        ("BookingDateTime", "29/03/2026"),
        ("BookingDateTime", 1774742400),
        ("ValueDateTime", "soon"),
        ("TransactionId", "x" * 211),
        ("TransactionId", "a\nb"),
        ("TransactionId", 42),
    ],
)
def test_a_row_that_is_wrong_in_money_time_or_identity_is_set_aside(
    field: str, value: object
) -> None:
    page = page_of(Row("t-1", extra={field: value}), Row("t-2"))

    assert [row.external_id for row in page.records] == ["t-2"]
    assert [(row.position, row.field) for row in page.rejected] == [(0, field)]


@pytest.mark.parametrize(
    "extra",
    [
        {"MerchantDetails": "Pastelaria Aurora"},
        {"MerchantDetails": {"MerchantName": 7, "MerchantCategoryCode": [5812]}},
        {"CardInstrument": {"Identification": None}},
        {"SupplementaryData": ["suspected"]},
        {"SupplementaryData": {"FraudSignal": True, "MerchantCountry": "Portugal"}},
        {"TransactionInformation": {"text": "?"}},
        {"ProprietaryBankTransactionCode": 5, "BankTransactionCode": {"Code": ["x"]}},
    ],
)
def test_a_row_keeps_its_money_when_only_its_decoration_is_wrong(extra: dict[str, object]) -> None:
    page = page_of(Row("t-1", extra=extra))

    row = page.records[0]
    assert row.amount_minor == -1230
    assert not row.fraud_suspected
    assert (row.merchant_name, row.merchant_category, row.merchant_country) == (None,) * 3


def test_an_exchange_keeps_the_original_amount_its_sign_and_the_rate_as_written() -> None:
    row = page_of(Row(credit=True, extra=exchange(ExchangeRate=1))).records[0]

    assert (row.original_amount_minor, row.original_currency) == (2049, "EUR")
    assert row.exchange_rate == "1"


@pytest.mark.parametrize(
    ("written", "kept"),
    [("0.8601", "0.8601"), ("1.10", "1.10"), ("1E-5", "0.00001"), ("12e2", "1200")],
)
def test_a_rate_keeps_every_digit_that_the_bank_wrote(written: str, kept: str) -> None:
    body = dialect.page([Row(extra=exchange(ExchangeRate=123456.5))]).body
    steps = bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1))

    page = drive(
        steps, lambda _request: Response(200, {}, body.replace(b"123456.5", written.encode()))
    )

    assert [row.exchange_rate for row in page.records] == [kept]


@pytest.mark.parametrize(
    "changes",
    [
        {"SourceCurrency": None, "TargetCurrency": None},
        {"SourceCurrency": "euro"},
        {"SourceCurrency": "USD", "TargetCurrency": "CHF"},
        {"InstructedAmount": {"Amount": "20.49", "Currency": "JPY"}},
        {"InstructedAmount": {"Amount": "2000", "Currency": "USD"}},
        {"InstructedAmount": "20.49 EUR"},
        {"ExchangeRate": 0},
        {"ExchangeRate": -1.5},
        {"ExchangeRate": True},
        {"ExchangeRate": "1/2"},
        {"ExchangeRate": 1e300},
        {"ExchangeRate": None},
    ],
)
def test_an_exchange_that_mixes_up_currencies_is_set_aside(changes: dict[str, object]) -> None:
    page = page_of(Row(extra=exchange(**changes)))

    assert page.records == ()
    assert page.rejected[0].field.startswith("CurrencyExchange")


@pytest.mark.parametrize(
    ("identification", "shown"),
    [
        ("**** 4821", "4821"),
        ("XXXX-XXXX-XXXX-4821 ", "4821"),
        ("000000******4821", "4821"),
        ("card ending", None),
        ("4821 ****", None),
        ("", None),
    ],
)
def test_of_a_card_number_the_last_four_digits_are_kept(
    identification: str, shown: str | None
) -> None:
    row = Row(extra={"CardInstrument": {"Identification": identification}})

    assert [record.card_last4 for record in page_of(row).records] == [shown]


def test_a_first_available_day_before_ours_changes_nothing() -> None:
    answer = json.loads(dialect.page([]).body)
    answer["Meta"] = {"FirstAvailableDateTime": "2020-01-01T00:00:00Z"}
    steps = bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1))

    page = drive(steps, lambda _request: Response(200, {}, json.dumps(answer).encode()))

    assert page.covered_from == date(2026, 3, 1)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00", "1753-01-01T00:00:00Z", "always", 7])
def test_a_bank_that_always_gave_everything_may_say_so_in_its_own_way(written: object) -> None:
    answer = json.loads(dialect.page([Row()]).body)
    answer["Meta"] = {"FirstAvailableDateTime": written}
    steps = bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1))

    page = drive(steps, lambda _request: Response(200, {}, json.dumps(answer).encode()))

    assert len(page.records) == 1
    assert page.covered_from == date(2026, 3, 1)
