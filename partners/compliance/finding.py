"""What a search found as a table, read a little at a time: the file is never whole in memory."""

import csv
import io
from collections.abc import Iterator
from uuid import UUID

from accounts.disclosure.queries import times_of
from partners.banks.paging import Place
from partners.compliance.rules import Period
from partners.compliance.words import COLUMNS, found_cells
from partners.console.queries import (
    DisclosureFilter,
    disclosures_page,
    purpose_titles,
    recipient_names,
)
from partners.console.words import Beside
from portal.tenancy.blocks import serving

CHUNK = 500


def found_lines(bank_id: UUID, wanted: DisclosureFilter, period: Period) -> Iterator[bytes]:
    """The head, then a line a record, newest first (RFC 4180, UTF-8); a block of its own each few hundred."""
    yield _line([list(COLUMNS)])
    place: Place | None = None
    while True:
        with serving(bank_id):
            page = disclosures_page(wanted, zone=period.zone, place=place, size=CHUNK)
            beside = Beside(
                names=recipient_names({each.recipient for each in page.rows}),
                purposes=purpose_titles(),
                times=times_of(page.rows),
            )
        yield _line([found_cells(each, beside) for each in page.rows])
        if page.next_key is None:
            return
        place = Place("after", page.next_key)


def _line(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
