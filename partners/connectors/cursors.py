"""Our cursor over a bank's pages: its own next link, whose it is, and what the pages before it covered."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date
from typing import Self

from partners.connectors import links
from partners.connectors.base import BadCursor

_MAX_CURSOR = 4096


@dataclass(frozen=True, slots=True)
class PageCursor:
    """Where the next page is, whose it is, and from which day on the pages before it were."""

    account: str
    url: str
    covered_from: date

    def sealed(self) -> str:
        parts = [self.account, self.url, self.covered_from.isoformat()]
        return urlsafe_b64encode(json.dumps(parts).encode()).decode()

    @classmethod
    def opened(cls, written: str, *, account: str, within: str) -> Self:
        """Read a cursor back as warily as a link: it may have lain anywhere in between."""
        if len(written) > _MAX_CURSOR:
            raise BadCursor
        try:
            parts = json.loads(urlsafe_b64decode(written.encode("ascii")))
            owner, url, covered_from = parts
            cursor = cls(account, url, date.fromisoformat(covered_from))
        except (ValueError, TypeError, RecursionError):
            raise BadCursor from None
        if owner != account or not isinstance(url, str) or not links.is_within(url, within):
            raise BadCursor
        return cursor
