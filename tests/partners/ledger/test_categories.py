"""Every code that some list has is in one category; what none has is in none."""

import iso18245
import pytest
from django.utils import translation

from partners.ledger.categories import Category, category_of


def test_every_listed_code_has_a_category_and_every_category_a_code() -> None:
    listed = {each.mcc: category_of(each.mcc) for each in iso18245.get_all_mccs()}

    assert [code for code, category in listed.items() if category is None] == []
    assert set(listed.values()) == set(Category)


@pytest.mark.parametrize(
    ("code", "category"),
    [
        ("5411", Category.GROCERIES),
        ("5814", Category.EATING_OUT),
        ("4111", Category.TRANSPORT),
        ("5541", Category.CAR),
        ("3005", Category.TRAVEL),
        ("3357", Category.CAR),
        ("3501", Category.TRAVEL),
        ("5651", Category.CLOTHING),
        ("5712", Category.HOME),
        ("5732", Category.SHOPPING),
        ("5912", Category.HEALTH),
        ("5977", Category.CARE),
        ("5815", Category.LEISURE),
        ("7995", Category.GAMBLING),
        ("8220", Category.EDUCATION),
        ("4900", Category.BILLS),
        ("6011", Category.CASH),
        ("6300", Category.FINANCE),
        ("9222", Category.PUBLIC),
        ("8661", Category.COMMUNITY),
    ],
)
def test_a_code_is_what_its_trade_is(code: str, category: Category) -> None:
    assert category_of(code) == category


@pytest.mark.parametrize("code", ["0000", "0699", "1234", "9999", "", "54", "99999", "fuel"])
def test_a_code_that_no_list_has_is_in_no_category(code: str) -> None:
    assert category_of(code) is None


@pytest.mark.parametrize("language", ["es", "it"])
def test_every_category_is_said_in_the_readers_language(language: str) -> None:
    english = {each.value: str(each.label) for each in Category}

    with translation.override(language):
        assert [key for key in english if str(Category(key).label) == english[key]] == []
