"""How a delivery is named to the program it is for: the name says the bank too, since nothing of a bank is
readable before that is known. It opens nothing without the program's token.
"""

import re
from uuid import UUID

_FORM = re.compile(r"whd_([0-9a-f]{32})_([0-9a-f]{32})")


def delivery_reference(bank_id: UUID, delivery_id: UUID) -> str:
    """`whd_<bank>_<delivery>`, both in hexadecimal."""
    return f"whd_{bank_id.hex}_{delivery_id.hex}"


def read_delivery_reference(text: str) -> tuple[UUID, UUID] | None:
    """The bank and the delivery, None where `text` is not of that form. Says nothing of what exists."""
    found = _FORM.fullmatch(text)
    return None if found is None else (UUID(hex=found[1]), UUID(hex=found[2]))
