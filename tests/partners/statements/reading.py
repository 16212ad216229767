"""Files made for a test, and what a reader gives of them."""

import io
from collections.abc import Sequence

from partners.statements.base import Balance, Entry, Flag, Part, Reader, Statement


def parts_of(reader: Reader, text: str | bytes) -> list[Part]:
    written = text.encode() if isinstance(text, str) else text
    return list(reader(io.BytesIO(written)))


def entries(parts: Sequence[Part]) -> list[Entry]:
    return [each for each in parts if isinstance(each, Entry)]


def balances(parts: Sequence[Part]) -> list[Balance]:
    return [each for each in parts if isinstance(each, Balance)]


def statements(parts: Sequence[Part]) -> list[Statement]:
    return [each for each in parts if isinstance(each, Statement)]


def flags(parts: Sequence[Part]) -> list[str]:
    return [each.reason for each in parts if isinstance(each, Flag)]
