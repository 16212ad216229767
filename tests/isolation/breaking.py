"""A database that breaks off in the middle: the n-th row that is written is refused, whoever writes it."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection

_WRITES = re.compile(
    r"\s*(?:WITH\b.*?\)\s*)?(?:INSERT|UPDATE|DELETE)\b", re.IGNORECASE | re.DOTALL
)
_TABLE = re.compile(r'(?:INTO|UPDATE|FROM)\s+"?(\w+)', re.IGNORECASE)


class BrokenOff(OperationalError):
    """What a database says that goes away."""


@dataclass
class Breaking:
    """How many writes were tried, and at which table it broke off; empty where it did not."""

    at: int
    tried: int = 0
    broke_at: str = ""

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, *rest: Any) -> Any:
        text = sql if isinstance(sql, str) else str(sql)
        if _WRITES.match(text):
            self.tried += 1
            if self.tried == self.at:
                found = _TABLE.search(text)
                self.broke_at = found[1] if found else text[:60]
                raise BrokenOff("broken off")
        return execute(sql, params, *rest)


@contextmanager
def breaking_at(number: int) -> Iterator[Breaking]:
    """The `number`-th write of the block raises; none after it does, as if the database were back."""
    breaking = Breaking(number)
    with connection.execute_wrapper(breaking):
        yield breaking
