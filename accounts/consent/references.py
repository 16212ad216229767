"""How a consent is named to the client that it is for: the name says the bank too, since nothing of a
bank is readable before that is known. It is no secret: it opens nothing without the client's token.
"""

import re
from uuid import UUID

_FORM = re.compile(r"con_([0-9a-f]{32})_([0-9a-f]{32})")


def consent_reference(bank_id: UUID, consent_id: UUID) -> str:
    """`con_<bank>_<consent>`, both in hexadecimal."""
    return f"con_{bank_id.hex}_{consent_id.hex}"


def read_consent_reference(text: str) -> tuple[UUID, UUID] | None:
    """The bank and the consent, None where `text` is not of that form. Says nothing of what exists."""
    found = _FORM.fullmatch(text)
    return None if found is None else (UUID(hex=found[1]), UUID(hex=found[2]))
