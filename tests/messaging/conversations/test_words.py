from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from messaging.conversations.rules import CardState
from messaging.conversations.words import Outcome, state_text

NOW = datetime(2026, 11, 24, 13, 10, tzinfo=UTC)
FROZEN_AT = datetime(2026, 11, 24, 13, 2, 30, tzinfo=UTC)


def text(outcome: Outcome, phone: str = "+39 02 0000 0000", zone: str = "Europe/Rome") -> str:
    return state_text(outcome, zone=ZoneInfo(zone), phone=phone, now=NOW)


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Outcome(CardState.OPEN, None), "Was this you?"),
        (Outcome(CardState.ASKING, NOW), "Asking your bank"),
        (Outcome(CardState.FROZEN, FROZEN_AT), "Frozen at 14:02"),
        (Outcome(CardState.FROZEN, None), "Frozen"),
        (Outcome(CardState.DISMISSED, NOW), "You said it was you"),
        (
            Outcome(CardState.UNKNOWN, NOW),
            "We could not reach your bank: call +39 02 0000 0000",
        ),
        (
            Outcome(CardState.UNKNOWN, NOW, "unsettled"),
            "Your bank has not said yet whether the card is frozen: call +39 02 0000 0000",
        ),
        (
            Outcome(CardState.UNKNOWN, NOW, "not_connected"),
            "The chat can no longer ask your bank whether the card is frozen: "
            "call +39 02 0000 0000",
        ),
        (
            Outcome(CardState.UNKNOWN, NOW, "suspended"),
            "The chat cannot ask your bank at the moment: call +39 02 0000 0000",
        ),
        (
            Outcome(CardState.FAILED, NOW, "not_connected"),
            "Your bank could not be asked, because the account is not connected any more: "
            "call +39 02 0000 0000",
        ),
        (
            Outcome(CardState.FAILED, NOW, "suspended"),
            "The chat could not ask your bank: call +39 02 0000 0000",
        ),
        (
            Outcome(CardState.FAILED, NOW, "card_not_found"),
            "Your bank refused: it does not find this card",
        ),
        (
            Outcome(CardState.FAILED, NOW, "whatever_next"),
            "Your bank refused: call +39 02 0000 0000",
        ),
    ],
)
def test_the_words_say_what_is_so(outcome: Outcome, said: str) -> None:
    assert text(outcome) == said


def test_times_are_the_banks_own_and_an_older_day_is_named() -> None:
    yesterday = Outcome(CardState.FROZEN, datetime(2026, 11, 23, 23, 30, tzinfo=UTC))

    assert text(yesterday, zone="Europe/Rome") == "Frozen at 00:30"
    assert text(yesterday, zone="Europe/London") == "Frozen on 23 November at 23:30"


def test_without_a_phone_number_the_card_has_one() -> None:
    said = text(Outcome(CardState.UNKNOWN, NOW), phone="")

    assert said == "We could not reach your bank: call the number on your card"


@pytest.mark.parametrize(
    ("language", "said"), [("it", "Bloccata alle 14:02"), ("es", "Bloqueada a las 14:02")]
)
def test_the_words_are_the_readers(language: str, said: str) -> None:
    with translation.override(language):
        assert text(Outcome(CardState.FROZEN, FROZEN_AT)) == said
