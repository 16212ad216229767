"""One account's number in its many spellings."""

import pytest

from partners.ledger.numbers import Names, is_iban, names_of

# The examples of ISO 13616's registry.
GERMAN, BRITISH, ITALIAN = (
    "DE89370400440532013000",
    "GB29NWBK60161331926819",
    "IT60X0542811101000000123456",
)


def are_one(one: Names, other: Names) -> bool:
    """Whether they name the same account anywhere."""
    return bool(set(one.full) & set(other.full))


@pytest.mark.parametrize(
    "written",
    [
        "DE89 3704 0044 0532 0130 00",
        "de89370400440532013000",
        " DE89-3704-0044-0532-0130-00 ",
        "DE89\u00a03704\u00a00044\u00a00532\u00a00130\u00a000",
    ],
)
def test_an_iban_is_the_same_however_it_is_written(written: str) -> None:
    assert names_of(written) == names_of(GERMAN)
    assert names_of(written).full[0] == GERMAN


@pytest.mark.parametrize(
    "written",
    [f"{GERMAN} EUR", f"{GERMAN}EUR", f"{GERMAN}/EUR", "DE89 3704 0044 0532 0130 00 usd"],
)
def test_an_iban_is_found_with_its_currency_behind_it(written: str) -> None:
    assert names_of(written) == names_of(GERMAN)


def test_letters_that_are_of_the_number_stay_with_it() -> None:
    # What stands before its last three is an IBAN by its check digits too, and not one of Malta's.
    maltese = "MT84MALT01100000000000000039EUR"

    assert is_iban(maltese)
    assert is_iban(maltese[:-3])
    assert names_of(maltese).full[0] == maltese
    assert names_of("DE88370400440532013000EUR") != names_of("DE88370400440532013000")
    assert names_of(f"{GERMAN}XYZ") != names_of(GERMAN)


@pytest.mark.parametrize(
    ("iban", "domestic"),
    [
        (GERMAN, "370400440532013000"),
        (GERMAN, "37040044/0532013000"),
        (GERMAN, "37040044/532013000"),
        (BRITISH, "NWBK60161331926819"),
        (BRITISH, "60161331926819"),
        (BRITISH, "601613/31926819"),
        (ITALIAN, "X0542811101000000123456"),
    ],
)
def test_a_domestic_number_is_the_iban_that_it_is_within(iban: str, domestic: str) -> None:
    assert are_one(names_of(domestic), names_of(iban))


@pytest.mark.parametrize(
    ("iban", "number", "bank_code"),
    [
        (BRITISH, "31926819", "60-16-13"),
        (BRITISH, "31926819", "601613"),
        (BRITISH, "3192 6819", "60 16 13"),
        (GERMAN, "0532013000", "37040044"),
        (GERMAN, "532013000", "370 400 44"),
    ],
)
def test_bank_and_number_told_apart_are_one_number(iban: str, number: str, bank_code: str) -> None:
    assert are_one(names_of(number, bank_code=bank_code), names_of(iban))


def test_another_bank_makes_another_account() -> None:
    ours = names_of(BRITISH)

    assert not are_one(names_of("31926819", bank_code="60-16-14"), ours)
    assert not are_one(names_of("601614/31926819"), ours)


def test_a_number_without_its_bank_is_of_one_bank_alone() -> None:
    alone, whole = names_of("31926819"), names_of(BRITISH)

    assert alone.bare == whole.bare == ("31926819",)
    assert not are_one(alone, whole)


def test_noughts_before_a_number_say_nothing() -> None:
    assert names_of("0000532013000") == names_of("532013000")


def test_a_country_without_a_known_layout_is_still_found_by_all_behind_its_digits() -> None:
    assert is_iban("SA0380000000608010167519")
    assert names_of("SA03 8000 0000 6080 1016 7519") == Names(
        ("SA0380000000608010167519", "80000000608010167519"), ()
    )


@pytest.mark.parametrize(
    "written",
    ["", " ", "-", "/", "1234", "0000000", "1234*", "******32013000", "•••• 32013000"],
)
def test_what_tells_no_account_from_others_is_no_name(written: str) -> None:
    assert names_of(written) == Names((), ())


def test_what_is_too_long_for_a_number_is_none() -> None:
    assert names_of("1" * 64) != Names((), ())
    assert names_of("1" * 65) == Names((), ())


def test_digits_of_other_scripts_are_passed_over() -> None:
    assert names_of("\u0663\u0661\u0669\u0662\u0666\u0668\u0661\u0669") == Names((), ())


@pytest.mark.parametrize(
    "wrong",
    [
        "DE88370400440532013000",
        "DE8937040044053201300",
        "89DE370400440532013000",
        GERMAN.lower(),
        "",
    ],
)
def test_wrong_check_digits_or_another_form_make_no_iban(wrong: str) -> None:
    assert is_iban(GERMAN)
    assert not is_iban(wrong)


def test_an_iban_with_wrong_check_digits_is_not_taken_for_the_right_one() -> None:
    assert not are_one(names_of("DE88370400440532013000"), names_of(GERMAN))
