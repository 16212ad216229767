"""What is to be reviewed, and what was decided; each function is called in a bank's block."""

from typing import TypeVar

from django.db.models import QuerySet

from partners.banks.paging import KeyPage, Place, newest_first
from partners.ledger.models import EntryConflict, EntryPair

PAGE = 10
OPEN = "open"

Row = TypeVar("Row", EntryPair, EntryConflict)


def pairs_page(*, decided: bool, place: Place | None) -> KeyPage[EntryPair]:
    """Pairs of entries with their accounts, the newest first."""
    rows = EntryPair.objects.select_related("account", "first", "second")
    return _page(rows, decided=decided, place=place)


def conflicts_page(*, decided: bool, place: Place | None) -> KeyPage[EntryConflict]:
    """Contradictions with their accounts and entries, the newest first."""
    rows = EntryConflict.objects.select_related("account", "entry")
    return _page(rows, decided=decided, place=place)


def _page(rows: "QuerySet[Row]", *, decided: bool, place: Place | None) -> KeyPage[Row]:
    wanted = rows.exclude(state=OPEN) if decided else rows.filter(state=OPEN)
    return newest_first(wanted, size=PAGE, place=place)


def how_many_open() -> tuple[int, int]:
    """Open pairs, and open contradictions."""
    return (
        EntryPair.objects.filter(state=OPEN).count(),
        EntryConflict.objects.filter(state=OPEN).count(),
    )
