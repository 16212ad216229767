"""How amounts, names and plots are written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.design.rules import bar_heights, browser_words, grouped, initials_of, money_words
from portal.rest.money import exponent_of


def in_english(amount_minor: int, currency: str, *, with_plus: bool = False) -> str:
    return money_words(
        amount_minor,
        currency,
        decimal_mark=".",
        thousands_mark=",",
        symbol_first=True,
        with_plus=with_plus,
    )


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
            "Firefox on Linux",
        ),
        ("curl/8.5.0", "curl"),
        ("", "\u2014"),
    ],
)
def test_a_browser_is_named_in_words(header: str, words: str) -> None:
    assert browser_words(header) == words


@pytest.mark.parametrize(
    ("amount_minor", "currency", "words"),
    [
        (0, "EUR", "€0.00"),
        (5, "GBP", "£0.05"),
        (-123450, "GBP", "\u2212£1,234.50"),
        (100000000, "EUR", "€1,000,000.00"),
        (-1980, "JPY", "JPY\u00a0\u22121,980"),
        (1234, "KWD", "KWD\u00a01.234"),
        (1200, "CHF", "CHF\u00a012.00"),
    ],
)
def test_money_is_written_as_in_english(amount_minor: int, currency: str, words: str) -> None:
    assert in_english(amount_minor, currency) == words


def test_money_is_written_as_in_italian() -> None:
    words = money_words(-123450, "EUR", decimal_mark=",", thousands_mark=".", symbol_first=False)

    assert words == "\u22121.234,50\u00a0€"


def test_money_that_came_in_has_a_plus_where_it_is_asked_for() -> None:
    assert in_english(250, "EUR", with_plus=True) == "+€2.50"
    assert in_english(-250, "EUR", with_plus=True) == "\u2212€2.50"
    assert in_english(0, "EUR", with_plus=True) == "€0.00"


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["EUR", "JPY", "KWD", "CHF"]))
def test_no_digit_of_an_amount_is_lost(amount_minor: int, currency: str) -> None:
    words = in_english(amount_minor, currency)

    digits = int("".join(each for each in words if each.isdigit()))
    assert digits == abs(amount_minor)
    assert ("\u2212" in words) == (amount_minor < 0)
    assert len(words.partition(".")[2]) == exponent_of(currency)


def test_grouped_puts_a_mark_before_each_three_digits() -> None:
    assert [grouped(each, " ") for each in ("1", "123", "1234", "123456")] == [
        "1",
        "123",
        "1 234",
        "123 456",
    ]


@pytest.mark.parametrize(
    ("name", "initials"),
    [("Marta Bellini", "MB"), ("Quillon", "Q"), ("Anna de la Cruz", "AC"), ("  ", "\u2022")],
)
def test_initials_are_of_the_first_and_last_word(name: str, initials: str) -> None:
    assert initials_of(name) == initials


def test_bars_reach_the_top_once_and_small_counts_are_seen() -> None:
    assert bar_heights([0, 1, 500, 1000], tall=80) == [0, 2, 40, 80]
    assert bar_heights([0, 0], tall=80) == [0, 0]
    assert bar_heights([], tall=80) == []
