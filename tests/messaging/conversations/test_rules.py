import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.conversations.rules import (
    DISMISSED,
    INSTRUCTED,
    OPEN,
    CardState,
    Wish,
    card_state,
    mask_secrets,
    passes_luhn,
    wish_of,
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("my card is 4111 1111 1111 1111", "my card is •••• •••• •••• 1111"),
        ("4111-1111-1111-1111 please", "••••-••••-••••-1111 please"),
        ("4111111111111111", "••••••••••••1111"),
        ("378282246310005", "•••••••••••0005"),
        ("(4111.1111.1111.1111)", "(••••.••••.••••.1111)"),
        ("two: 4111111111111111, 5500000000000004", "two: ••••••••••••1111, ••••••••••••0004"),
        ("my PIN is 1234", "my PIN is ••••"),
        ("pin:98765 cvv 123", "pin:••••• cvv •••"),
        ("il mio codice segreto è 4821", "il mio codice segreto è ••••"),
        ("mi clave: 4821", "mi clave: ••••"),
    ],
)
def test_card_numbers_and_pins_are_masked(typed: str, kept: str) -> None:
    assert mask_secrets(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "I paid 1234.50 on 24/11/2026 at 14:02",
        "call me on +39 333 123 4567",
        "order 4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "pineapple 1234",
        "spin 1234",
        "",
        "ciao 🙂",
    ],
)
def test_other_numbers_are_left_alone(typed: str) -> None:
    assert mask_secrets(typed) == typed


@settings(max_examples=60)
@given(
    st.from_regex(r"[1-9][0-9]{11,17}", fullmatch=True),
    st.sampled_from(["", " ", "-"]),
    st.text("abc ,:", max_size=8),
)
def test_no_card_number_is_kept_however_it_is_grouped(
    body: str, separator: str, around: str
) -> None:
    number = next(body + str(check) for check in range(10) if passes_luhn(body + str(check)))
    typed = separator.join(number[at : at + 4] for at in range(0, len(number), 4))

    kept = mask_secrets(f"{around} {typed} {around}")

    left = "".join(each for each in kept if each.isdigit())
    assert len(left) <= len(number) - 4
    assert mask_secrets(kept) == kept


@pytest.mark.parametrize(
    ("typed", "wish"),
    [
        ("saldo", Wish.BALANCE),
        ("What is my balance?", Wish.BALANCE),
        ("SALDO!", Wish.BALANCE),
        ("last transactions please", Wish.TRANSACTIONS),
        ("movimenti", Wish.TRANSACTIONS),
        ("balance and transactions", None),
        ("the balance of my life was upset by what your bank did today", None),
        ("imbalance", None),
        ("", None),
        ("hello", None),
    ],
)
def test_a_wish_is_an_exact_word_in_a_short_text(typed: str, wish: Wish | None) -> None:
    assert wish_of(typed) == wish


@pytest.mark.parametrize(
    ("kept", "status", "state"),
    [
        (OPEN, None, CardState.OPEN),
        (DISMISSED, None, CardState.DISMISSED),
        (INSTRUCTED, "requested", CardState.ASKING),
        (INSTRUCTED, "done", CardState.FROZEN),
        (INSTRUCTED, "failed", CardState.FAILED),
        (INSTRUCTED, "unknown", CardState.UNKNOWN),
        (INSTRUCTED, None, CardState.UNKNOWN),
        (INSTRUCTED, "something new", CardState.UNKNOWN),
    ],
)
def test_a_card_never_claims_more_than_the_bank_said(
    kept: str, status: str | None, state: CardState
) -> None:
    assert card_state(kept=kept, instruction_status=status) == state
