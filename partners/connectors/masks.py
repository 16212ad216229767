"""Of an account's or a card's number, no more than tells it apart."""

import re

_LONG_ENOUGH_TO_SHOW_FOUR = 8
_MASKS = "*\u2022"
_LAST_FOUR = re.compile(r"([0-9]{4})\s*\Z")


def masked_account(written: str) -> str:
    """The last four characters of an account's identification."""
    return f"**** {_last_characters(written)}".strip()


def _last_characters(written: str) -> str:
    """Nothing of a number so short that four characters would be most of it."""
    known = "".join(mark for mark in written if mark.isascii() and mark.isalnum())
    masked_already = any(mark in written for mark in _MASKS) and written.endswith(known[-4:])
    if masked_already or len(known) >= _LONG_ENOUGH_TO_SHOW_FOUR:
        return known[-4:]
    return ""


def last_four_of_card(written: object) -> str | None:
    """Of a masked card number alone the last four digits, wherever it was masked."""
    if not isinstance(written, str):
        return None
    found = _LAST_FOUR.search(written[-40:])
    return found[1] if found else None
