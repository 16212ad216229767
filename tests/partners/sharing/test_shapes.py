"""How payments and balances are shown: what we make of them beside the bank's own words, and neither where it is masked."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from messaging.conversations.words import credit_line_text
from partners.feeds.masks import BY_MONTH, IN_BANDS, masks_of
from partners.ledger.models import Account, Balance, Entry
from partners.sharing.shapes import (
    balance_shape,
    card_account,
    card_transaction,
    transaction_shape,
)

NOTHING: frozenset[str] = frozenset()


def bought(**fields: Any) -> Entry:
    told: dict[str, Any] = {
        "bank_id": UUID(int=1),
        "kind": "card_purchase",
        "status": "posted",
        "amount_minor": -12_30,
        "currency": "EUR",
        "booked_on": date(2026, 3, 14),
        "description": "SQ *KETTLE LANE COFFEE 0042 GB",
        "merchant_name": "KETTLE LANE 0042",
        "merchant_category": "5814",
        "merchant_country": "GB",
    }
    return Entry(**(told | fields))


def test_the_banks_own_words_stay_beside_the_cleaned_name() -> None:
    shown = transaction_shape(bought(), NOTHING)

    assert (shown["merchant"], shown["category"]) == ("Kettle Lane", "eating_out")
    assert shown["merchant_name"] == "KETTLE LANE 0042"
    assert shown["description"] == "SQ *KETTLE LANE COFFEE 0042 GB"
    assert shown["merchant_category"] == "5814"


def test_a_card_payment_without_a_name_is_named_by_its_text() -> None:
    shown = transaction_shape(bought(merchant_name=""), NOTHING)

    assert shown["merchant"] == "Kettle Lane Coffee"


@pytest.mark.parametrize(
    ("kind", "text", "merchant"),
    [
        ("other", "LAMPHOUSE 3217", "Lamphouse"),
        ("other", "INVOICE OF MARCH FOR THE SHOP IN THE OLD HARBOUR", None),
        ("transfer_out", "RENT MARCH 2026", None),
        ("fee", "ACCOUNT FEE 03/2026", None),
        ("card_purchase", "", None),
    ],
)
def test_what_is_no_shops_line_names_no_merchant(
    kind: str, text: str, merchant: str | None
) -> None:
    shown = transaction_shape(bought(kind=kind, description=text, merchant_name=""), NOTHING)

    assert shown["merchant"] == merchant


def test_no_category_is_guessed_where_the_bank_gives_no_code() -> None:
    assert transaction_shape(bought(merchant_category=""), NOTHING)["category"] is None
    assert transaction_shape(bought(merchant_category="9999"), NOTHING)["category"] is None


@pytest.mark.parametrize(
    ("masks", "name", "merchant"),
    [
        ({"merchant_name", "description"}, "KETTLE LANE", None),
        ({"merchant_name", "description"}, "", None),
        ({"description"}, "", None),
        ({"description"}, "KETTLE LANE", "Kettle Lane"),
        # Taking the country away would tell which one it is.
        ({"merchant_country"}, "KETTLE LANE GB", "Kettle Lane GB"),
    ],
)
def test_what_a_name_is_cleaned_from_is_masked_with_the_name(
    masks: set[str], name: str, merchant: str | None
) -> None:
    shown = transaction_shape(bought(merchant_name=name), frozenset(masks))

    assert shown["merchant"] == merchant


def test_a_masked_kind_of_merchant_is_in_no_category() -> None:
    masks = frozenset({"merchant_category"})

    assert transaction_shape(bought(), masks)["category"] is None
    card = card_transaction(bought(), None, masks)
    assert (card["category"], card["category_text"]) == (None, None)


def test_a_card_says_what_the_bank_wrote_where_that_is_something_else() -> None:
    card = card_transaction(bought(), "Household", NOTHING)
    same = card_transaction(bought(merchant_name="", description="Lamp House"), None, NOTHING)
    masked = card_transaction(bought(), None, frozenset({"merchant_name", "description"}))
    prose = bought(kind="transfer_out", merchant_name="", description="RENT MARCH")

    assert (card["merchant"], card["category_text"]) == ("Kettle Lane", "Eating and drinking out")
    assert card["statement_text"] == "SQ *KETTLE LANE COFFEE 0042 GB"
    assert (same["merchant"], same["statement_text"]) == ("Lamp House", None)
    assert (masked["merchant"], masked["statement_text"]) == (None, None)
    told = card_transaction(prose, None, NOTHING)
    assert (told["merchant"], told["statement_text"]) == ("RENT MARCH", None)


def held(**fields: Any) -> Balance:
    told: dict[str, Any] = {
        "bank_id": UUID(int=1),
        "kind": "available",
        "amount_minor": 250_00,
        "currency": "EUR",
        "credit_line_minor": 500_00,
        "credit_line_included": True,
        "as_of": datetime(2026, 3, 14, 9, 0, tzinfo=UTC),
    }
    return Balance(**(told | fields))


def test_a_credit_line_is_shown_beside_the_balance_and_in_bands_where_that_is() -> None:
    plain = balance_shape(held(), NOTHING)
    banded = balance_shape(held(), frozenset({IN_BANDS}))
    untold = balance_shape(held(credit_line_minor=None, credit_line_included=None), NOTHING)

    assert plain["balance"] == {"amount": "250.00", "currency": "EUR"}
    assert plain["credit_line"] == {"amount": "500.00", "currency": "EUR"}
    assert (plain["credit_line_band"], plain["credit_line_included"]) == (None, True)
    assert banded["credit_line"] is None
    assert banded["credit_line_band"] == {"above": "200.00", "up_to": "500.00", "currency": "EUR"}
    assert (untold["credit_line"], untold["credit_line_included"]) == (None, None)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "Counts a credit line of 500.00 EUR"),
        ({"credit_line_included": False}, "Without the credit line of 500.00 EUR"),
        ({"credit_line_minor": None}, "Counts the credit line"),
        ({"credit_line_minor": None, "credit_line_included": False}, "Without the credit line"),
        ({"credit_line_minor": 0}, ""),
        ({"credit_line_minor": None, "credit_line_included": None}, ""),
    ],
)
def test_a_card_says_whether_what_is_available_counts_the_credit_line(
    fields: dict[str, Any], text: str
) -> None:
    account = Account(bank_id=UUID(int=1), name="Household", currency="EUR")
    booked = held(kind="booked", credit_line_minor=1, credit_line_included=False)

    card = card_account(account, [booked, held(**fields)], NOTHING, of_accounts=NOTHING)

    assert credit_line_text(card) == text


def abroad(rate: str) -> Entry:
    return bought(original_amount_minor=-13_35, original_currency="USD", exchange_rate=rate)


def test_what_was_paid_abroad_is_shown_with_its_rate_as_the_bank_wrote_it() -> None:
    shown = transaction_shape(abroad("0.9213"), NOTHING)
    card = card_transaction(abroad("0.9213"), None, NOTHING)

    assert shown["original_amount"] == {"amount": "-13.35", "currency": "USD"}
    assert (shown["original_currency"], shown["exchange_rate"]) == ("USD", "0.9213")
    assert shown["exchange_rate_fits"] is True
    assert card["exchange_rate"] == "0.9213"


def test_a_rate_that_leads_nowhere_is_flagged_and_not_on_the_card() -> None:
    shown = transaction_shape(abroad("92.13"), NOTHING)
    card = card_transaction(abroad("92.13"), None, NOTHING)

    assert (shown["exchange_rate"], shown["exchange_rate_fits"]) == ("92.13", False)
    assert (card["original_amount"]["amount"], card["exchange_rate"]) == ("-13.35", None)


def test_a_rate_without_an_amount_is_told_as_far_as_it_goes() -> None:
    entry = bought(original_currency="USD", exchange_rate="0.9213")

    shown = transaction_shape(entry, NOTHING)

    assert (shown["original_amount"], shown["exchange_rate_fits"]) == (None, None)
    assert (shown["original_currency"], shown["exchange_rate"]) == ("USD", "0.9213")


def test_of_a_masked_original_neither_currency_nor_rate_is_told() -> None:
    masks = masks_of("transactions", {"transactions": ["original_amount"]})

    shown = transaction_shape(abroad("0.9213"), masks)

    told = {name: shown[name] for name in shown if "original" in name or "exchange" in name}
    assert set(told.values()) == {None}
    assert len(told) == 4


def test_what_a_payment_sums_up_is_shown_and_held_back_with_its_description() -> None:
    batch = '[{"counterparty":"Bar Sport","amount_minor":-250,"currency":"EUR"},{"description":"?20raw"}]'
    payment = bought(details=batch)

    assert transaction_shape(payment, NOTHING)["details"] == [
        {
            "amount": {"amount": "-2.50", "currency": "EUR"},
            "counterparty": "Bar Sport",
            "description": None,
            "reference": None,
        },
        {"amount": None, "counterparty": None, "description": "?20raw", "reference": None},
    ]
    for chosen in ("description", "merchant_name", "merchant_country", IN_BANDS, BY_MONTH):
        masks = masks_of("transactions", {"transactions": [chosen]})
        assert transaction_shape(payment, masks)["details"] is None, chosen
    assert transaction_shape(bought(), NOTHING)["details"] is None
