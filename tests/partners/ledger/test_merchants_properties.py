"""Merchants' names, for any text at all: cleaning ends, never adds, never loses all, and knows every script."""

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from partners.ledger.merchants import clean_name

_pieces = st.sampled_from(
    [
        *("POS", "SQ *", "PAYPAL *", "SumUp  *", "CARD PAYMENT TO", "COMPRA EN", "KARTENZAHLUNG"),
        *("BOTTEGA", "Verde", "lanterna", "O'NEILL", "H&M", "STORE", "REF", "CARD ENDING", "NO."),
        *(
            "3217",
            "42",
            "03-11",
            "2026-03-14",
            "14:02",
            "12 NOV 2026",
            "ON",
            "2AB4CD9",
            "+44 20-79",
        ),
        *(
            "//",
            "        ",
            "*",
            "#",
            "-",
            "GB",
            "GBR",
            "www.",
            ".co.uk",
            "/bill",
            "ß",
            "İ",
            "ΟΔΟΣ",
        ),
    ]
)
_lines = st.lists(_pieces | st.text(max_size=8), max_size=8).flatmap(
    lambda parts: st.sampled_from(["", " "]).map(lambda between: between.join(parts))
)
_countries = st.sampled_from(["", "GB", "IT", "SE", "XX"])
_letters = st.characters(categories=["L"])


@given(_lines, _countries)
def test_a_cleaned_name_is_clean(text: str, country: str) -> None:
    cleaned = clean_name(text, country)

    assert clean_name(cleaned, country) == cleaned


@given(_lines, _countries)
def test_a_name_is_never_longer_and_never_empty(text: str, country: str) -> None:
    cleaned = clean_name(text, country)

    assert len(cleaned) <= len(text)
    assert bool(cleaned) == bool(text)
    assert any(map(str.isalpha, cleaned)) == any(map(str.isalpha, text))


@example(["\u0131aa"])
@given(st.lists(st.text(_letters, min_size=3, max_size=12), min_size=1, max_size=4))
def test_words_of_letters_stay_whatever_their_script(words: list[str]) -> None:
    # A word that is known for how something is paid is not among these by chance.
    text = " ".join(words)

    assert folded(clean_name(text)) == folded(text)


@given(st.text(max_size=40))
def test_nothing_is_in_a_name_that_the_text_does_not_say(text: str) -> None:
    left = iter(folded(text))

    assert all(letter in left for letter in folded(clean_name(text)) if not letter.isspace())


def folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text.casefold())
