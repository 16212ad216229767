from dataclasses import astuple
from datetime import UTC, datetime

import pytest
from django.utils import translation

from messaging.notices.words import fraud_words, proof_words, reminder_words

TOLD_AT = datetime(2026, 11, 24, 14, 2, tzinfo=UTC)


def words(language: str, phone: str = "+39 02 0000 0000") -> tuple[str, ...]:
    with translation.override(language):
        said = fraud_words(name="Ada", bank="Banca Aurelia", phone=phone, told_at=TOLD_AT)
        return tuple(map(str, astuple(said)))


@pytest.mark.parametrize("language", ["it", "es"])
def test_every_sentence_has_been_translated(language: str) -> None:
    here, there = words(language), words("en")

    assert [mine for mine, english in zip(here, there, strict=True) if mine == english] == []
    assert all("14:02" in each[3] for each in (here, there))


def test_a_bank_without_a_telephone_is_not_said_to_have_one() -> None:
    assert words("en", phone="")[6] == ""


@pytest.mark.parametrize("language", ["it", "es"])
def test_every_sentence_about_a_code_has_been_translated(language: str) -> None:
    def said(each: str) -> tuple[str, ...]:
        with translation.override(each):
            words = proof_words(name="Ada", bank="Banca Aurelia", code="012345", until=TOLD_AT)
            return tuple(map(str, astuple(words)))

    pairs = zip(said(language), said("en"), strict=True)
    assert [mine for mine, english in pairs if mine == english] == ["012345"]


@pytest.mark.parametrize("language", ["it", "es"])
@pytest.mark.parametrize("is_near", [True, False])
def test_every_sentence_of_a_reminder_has_been_translated_and_holds_no_number(
    language: str,
    *,
    is_near: bool,
) -> None:
    def said(each: str) -> tuple[str, ...]:
        with translation.override(each):
            words = reminder_words(name="Ada", bank="Banca Aurelia", is_near=is_near)
            return tuple(map(str, astuple(words)))

    pairs = list(zip(said(language), said("en"), strict=True))
    assert [mine for mine, english in pairs if mine == english] == [""]
    assert not any(letter.isdigit() for pair in pairs for text in pair for letter in text)
