"""A statement's rows as the ledger's records: exact, or refused with their place."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import orjson
import pytest

from partners.ledger.rules import rows_of
from partners.ledger.statement_rows import record_of
from partners.statements.base import Detail, Entry, Malformed
from portal.tenancy.ids import new_id

ROW = Entry(
    where="line 7",
    amount=Decimal("-12.5"),
    currency="",
    booked_on=date(2026, 11, 20),
    reference="A1",
    customer_reference="NONREF",
    counterparty="Forno Lume",
    description="card 4242",
)
ROW_OF = new_id()


def row(**fields: Any) -> Entry:
    return replace(ROW, **fields)


def test_a_row_is_a_record_in_minor_units_under_no_id() -> None:
    record = record_of(ROW, currency="EUR")

    assert (record.external_id, record.status) == (None, "posted")
    assert (record.amount_minor, record.currency) == (-1250, "EUR")
    assert (record.merchant_name, record.description) == ("Forno Lume", "card 4242")
    assert (record.booked_on, record.booked_on_source) == (date(2026, 11, 20), "date")
    assert record.references == ("A1",)


@pytest.mark.parametrize(
    ("code", "amount", "kind"),
    [
        ("POS", "-1", "card_purchase"),
        ("PMNT.CCRD.POSD", "-1", "card_purchase"),
        ("PMNT.CCRD.POSD", "1", "card_refund"),
        ("NDDT", "-1", "direct_debit"),
        ("PMNT.RCDT.ESCT", "1", "transfer_in"),
        ("NMSC", "1", "other"),
        ("", "1", "other"),
    ],
)
def test_codes_of_three_formats_are_kinds(code: str, amount: str, kind: str) -> None:
    assert record_of(row(code=code, amount=Decimal(amount)), currency="EUR").kind == kind


@pytest.mark.parametrize(
    "fields",
    [
        {"booked_on": None},
        {"amount": Decimal("1.005")},
        {"currency": "XXX"},
        {"original_amount": Decimal(1), "original_currency": ""},
        {"original_amount": Decimal("77.77"), "original_currency": "EUR"},
        {"currency": "USD", "changes_to": "EUR", "exchange_rate": "0.91234"},
    ],
)
def test_what_cannot_be_kept_exactly_is_refused_with_its_place(fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed) as refused:
        record_of(row(**fields), currency="EUR")

    assert refused.value.where == "line 7"


def test_a_row_is_named_by_what_it_says_and_which_of_its_equals_it_is() -> None:
    account_id = new_id()
    told = [row(), row(reference="A2"), row(), row(amount=Decimal("-12.50"))]
    records = [record_of(each, currency="EUR") for each in told]

    rows = rows_of(records, account_id=account_id, source="statement:ofx")

    first, other, second, third = (each.external_id.rsplit(":", 1) for each in rows)
    assert first[0] == second[0] == third[0] != other[0]
    assert [first[1], other[1], second[1], third[1]] == ["1", "1", "2", "3"]


def test_what_a_row_sums_up_is_kept_with_it_and_names_it_no_otherwise() -> None:
    batch = (
        Detail(Decimal(-10), "EUR", "E2E-1", "Forno Lume", "March"),
        Detail(Decimal("-2.5"), "", "", "Bar Sport", ""),
        Detail(None, "", "", "", "no amount"),
        Detail(Decimal("0.001"), "EUR", "", "", "finer than a cent"),
    )
    alone, summed = record_of(row(), currency="EUR"), record_of(row(details=batch), currency="EUR")

    named = [
        rows_of([each], account_id=ROW_OF, source="statement:camt.053")[0].external_id
        for each in (alone, summed)
    ]

    assert alone.details == ""
    assert named[0] == named[1]
    assert summed.amount_minor == -1250
    assert orjson.loads(summed.details) == [
        {
            "counterparty": "Forno Lume",
            "description": "March",
            "reference": "E2E-1",
            "amount_minor": -1000,
            "currency": "EUR",
        },
        {"counterparty": "Bar Sport", "amount_minor": -250, "currency": "EUR"},
        {"description": "no amount"},
        {"description": "finer than a cent"},
    ]


def test_one_detail_that_says_what_the_row_says_is_not_kept_twice() -> None:
    same = row(details=(Detail(description="card 4242", counterparty="Forno Lume"),))
    raw = row(details=(Detail(description="?20card?214242"),))

    assert record_of(same, currency="EUR").details == ""
    assert orjson.loads(record_of(raw, currency="EUR").details) == [
        {"description": "?20card?214242"}
    ]


def test_what_was_paid_at_home_is_paid_in_no_other_currency() -> None:
    same = row(amount=Decimal(-5), original_amount=Decimal(-5), original_currency="EUR")

    record = record_of(same, currency="EUR")

    assert (record.amount_minor, record.original_amount_minor) == (-500, None)
    assert (record.original_currency, record.exchange_rate) == (None, None)


@pytest.mark.parametrize(
    ("rate", "amount", "kept"),
    [
        ("1.1", "-12.30", (-1353, "EUR", -1230, "USD")),
        ("2,0000", "-12.30", (-2460, "EUR", -1230, "USD")),
        ("0.00000001", "1000000", (1, "EUR", 100000000, "USD")),
        # Not said, or no rate: it stays in the other currency, and is set aside with all such.
        ("", "-12.30", (-1230, "USD", None, None)),
        ("0", "-12.30", (-1230, "USD", None, None)),
        ("-1.1", "-12.30", (-1230, "USD", None, None)),
    ],
)
def test_an_amount_still_in_another_currency_is_the_accounts_by_its_rate(
    rate: str, amount: str, kept: tuple[int, str, int | None, str | None]
) -> None:
    fields = {"currency": "USD", "changes_to": "EUR", "exchange_rate": rate}

    record = record_of(row(amount=Decimal(amount), **fields), currency="EUR")

    told = record.amount_minor, record.currency
    assert (*told, record.original_amount_minor, record.original_currency) == kept


def test_what_is_changed_to_another_accounts_currency_is_left_in_its_own() -> None:
    fields = {"currency": "USD", "changes_to": "CHF", "exchange_rate": "1.1"}

    assert record_of(row(**fields), currency="EUR").currency == "USD"
