"""How a payment is shown: its shop cleaned, the bank's own words beside it, and neither where it is masked."""

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from partners.ledger.models import Entry
from partners.sharing.shapes import card_transaction, transaction_shape

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
