"""Decisions about messages: what typed text may keep, what it asks for, what a card says."""

import re
from datetime import timedelta
from enum import StrEnum

LONGEST_TEXT = 4000
MASK = "•"
_CARD_DIGITS = range(13, 20)
# Runs of digits as people type card numbers: in groups, by spaces, dots or dashes.
_DIGIT_RUN = re.compile(r"\d(?:[ .\-\u00a0\u2013]?\d){12,}")
# A word for a secret, then at most a few small words, then the secret itself.
_SECRET = re.compile(
    r"\b(?P<word>pin|cvv2?|cvc2?|otp|passcode|codice (?:segreto|di sicurezza)|"
    r"c[oó]digo (?:secreto|de seguridad)|clave)\b(?P<between>[^\d\n]{0,16})(?P<digits>\d{3,8})\b",
    re.IGNORECASE,
)


class Wish(StrEnum):
    """What a customer's words ask for, where they ask for it in so many words."""

    BALANCE = "balance"
    TRANSACTIONS = "transactions"
    RECEIPT = "receipt"
    PARCEL = "parcel"


# Exact words, compared whole and without case; anything else is for a person to answer.
WISHES: dict[str, Wish] = {
    "balance": Wish.BALANCE,
    "balances": Wish.BALANCE,
    "saldo": Wish.BALANCE,
    "saldi": Wish.BALANCE,
    "saldos": Wish.BALANCE,
    "transactions": Wish.TRANSACTIONS,
    "transaction": Wish.TRANSACTIONS,
    "movimenti": Wish.TRANSACTIONS,
    "transazioni": Wish.TRANSACTIONS,
    "movimientos": Wish.TRANSACTIONS,
    "transacciones": Wish.TRANSACTIONS,
    "receipt": Wish.RECEIPT,
    "receipts": Wish.RECEIPT,
    "scontrino": Wish.RECEIPT,
    "scontrini": Wish.RECEIPT,
    "ricevuta": Wish.RECEIPT,
    "ricevute": Wish.RECEIPT,
    "recibo": Wish.RECEIPT,
    "recibos": Wish.RECEIPT,
    "parcel": Wish.PARCEL,
    "parcels": Wish.PARCEL,
    "package": Wish.PARCEL,
    "shipment": Wish.PARCEL,
    "delivery": Wish.PARCEL,
    "pacco": Wish.PARCEL,
    "pacchi": Wish.PARCEL,
    "spedizione": Wish.PARCEL,
    "consegna": Wish.PARCEL,
    "paquete": Wish.PARCEL,
    "paquetes": Wish.PARCEL,
    "envío": Wish.PARCEL,
    "envio": Wish.PARCEL,
    "entrega": Wish.PARCEL,
}
# A wish is short: in a longer text the word is part of a question that a person has to read.
_LONGEST_WISH = 8


class CardState(StrEnum):
    """What a card about an alert says. Never more than the bank has said."""

    OPEN = "open"
    ASKING = "asking"
    FROZEN = "frozen"
    FAILED = "failed"
    UNKNOWN = "unknown"
    DISMISSED = "dismissed"


# A card of balances for which the bank was asked anew; how long its reader is told that we wait.
REFRESHING = "refreshing"
PATIENCE = timedelta(seconds=20)

# What a message's own row keeps of it: an instruction's state is read from the instruction.
OPEN, DISMISSED, INSTRUCTED = "open", "dismissed", "instructed"

_BY_INSTRUCTION = {
    "requested": CardState.ASKING,
    "done": CardState.FROZEN,
    "failed": CardState.FAILED,
    "unknown": CardState.UNKNOWN,
}


def card_state(*, kept: str, instruction_status: str | None) -> CardState:
    """The state of an alert's card. An instruction that cannot be seen is one that nobody can vouch for."""
    if instruction_status is not None:
        return _BY_INSTRUCTION.get(instruction_status, CardState.UNKNOWN)
    if kept == DISMISSED:
        return CardState.DISMISSED
    return CardState.UNKNOWN if kept == INSTRUCTED else CardState.OPEN


def mask_secrets(text: str) -> str:
    """`text` without card numbers (Luhn, ISO/IEC 7812-1) but their last four, and without PINs and the like."""
    masked = _DIGIT_RUN.sub(lambda found: _masked_run(found.group()), text)
    return _SECRET.sub(
        lambda found: found["word"] + found["between"] + MASK * len(found["digits"]), masked
    )


def _masked_run(run: str) -> str:
    places = [at for at, each in enumerate(run) if each.isdigit()]
    digits = "".join(run[at] for at in places)
    hidden: set[int] = set()
    at = 0
    while at < len(digits):
        # A card number begins where a group of digits does.
        begins = at == 0 or places[at] != places[at - 1] + 1
        length = _card_length(digits[at:]) if begins else 0
        hidden.update(places[at : at + max(length - 4, 0)])
        at += length or 1
    return "".join(MASK if at in hidden else each for at, each in enumerate(run))


def _card_length(digits: str) -> int:
    """How many of the first digits are a card number, the longest reading first; 0 where none is."""
    for length in reversed(_CARD_DIGITS):
        if len(digits) >= length and passes_luhn(digits[:length]):
            return length
    return 0


def passes_luhn(digits: str) -> bool:
    """Whether the check digit is right; a row of one digit alone is no card."""
    total = 0
    for place, each in enumerate(reversed(digits)):
        value = int(each) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  # the digits' sum
    return total % 10 == 0 and len(set(digits)) > 1


def wish_of(text: str) -> Wish | None:
    """What the text asks for by an exact word of the table, None where a person has to read it."""
    words = re.findall(r"\w+", text.casefold())
    if len(words) > _LONGEST_WISH:
        return None
    found = {WISHES[each] for each in words if each in WISHES}
    return found.pop() if len(found) == 1 else None
