"""Adding up what is sealed, by the bank's own calendar days: in the transaction that seals it, so that it is
added once and what is under a checkpoint is what was added up.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.disclosure.models import Disclosure, DisclosureCount, Tally
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id

# One row a day and kind; in one order, so that nobody waits for us the other way round.
_ADD = """
    INSERT INTO accounts_tally
        (bank_id, id, day, recipient, purpose, feed, decision, reason, records, times, row_count, last_at)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
    ON CONFLICT (bank_id, day, recipient, purpose, feed, decision, reason)
    DO UPDATE SET records = accounts_tally.records + excluded.records,
        times = accounts_tally.times + excluded.times,
        row_count = accounts_tally.row_count + excluded.row_count,
        last_at = greatest(accounts_tally.last_at, excluded.last_at)
"""
_Kind = tuple[Any, ...]


@dataclass
class _Sum:
    last_at: datetime
    records: int = 0
    times: int = 0
    row_count: int = 0


def tally(shown: Iterable[Disclosure], counts: Iterable[DisclosureCount]) -> None:
    """Add records that are sealed now, and how often those of before turned out to stand."""
    zone = _zone()
    sums: dict[_Kind, _Sum] = {}
    for each in shown:
        found = sums.setdefault(_kind(each, zone), _Sum(each.at))
        found.last_at = max(found.last_at, each.at)
        found.records += 1
        found.times += 1
        found.row_count += each.row_count
    for each, more in _counted_further(counts):
        sums.setdefault(_kind(each, zone), _Sum(each.at)).times += more
    values = [
        (current_bank_id(), new_id(), *kind, it.records, it.times, it.row_count, it.last_at)
        for kind, it in sorted(sums.items())
    ]
    if values:
        with connection.cursor() as cursor:
            cursor.executemany(_ADD, values)


def _counted_further(counts: Iterable[DisclosureCount]) -> Iterable[tuple[Disclosure, int]]:
    """The records that stand for more than themselves, and for how many more."""
    more: dict[Any, int] = defaultdict(int)
    for each in counts:
        more[each.disclosure_id] += each.count - 1
    more = {record_id: n for record_id, n in more.items() if n}
    found = Disclosure.objects.filter(pk__in=more) if more else ()
    return [(each, more[each.id]) for each in found]


def _kind(row: Disclosure, zone: ZoneInfo) -> _Kind:
    day = row.at.astimezone(zone).date()
    return (day, row.recipient, row.purpose, row.feed, row.decision, row.reason)


def _zone() -> ZoneInfo:
    # The registry belongs to the banks' side, which this side does not import.
    banks: Any = Tally._meta.get_field("bank").related_model
    return ZoneInfo(banks.objects.values_list("time_zone", flat=True).get(pk=current_bank_id()))
