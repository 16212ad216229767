"""Counts and queues in the words of the operator's page."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.banks.models import Bank
from portal.telemetry.queues import Standing
from portal.telemetry.totals import Totals, within

# Work of each table, in words; one that is not named is shown by its table.
QUEUES: Mapping[str, Any] = {
    "partners_feedcursor": gettext_lazy("Feeds to read at banks"),
    "partners_instruction": gettext_lazy("Instructions to banks"),
    "partners_statementimport": gettext_lazy("Statement files to read"),
    "partners_erasurejob": gettext_lazy("Customers to erase"),
    "messaging_notice": gettext_lazy("Customers to tell by notification or mail"),
    "messaging_addressproof": gettext_lazy("New addresses to prove by mail"),
    "messaging_webhookdelivery": gettext_lazy("Webhooks to send"),
    "portal_outboxdelivery": gettext_lazy("Events to hand on"),
    "accounts_unsealed": gettext_lazy("Disclosures to seal"),
}
# Processes that say when they were last about, and how long silence is no news.
SILENCE = {
    "relay": timedelta(seconds=10),
    "worker": timedelta(seconds=30),
    "sealer": timedelta(seconds=10),
}
LATE = timedelta(seconds=30)
# Queues of which more is promised.
SOONER = {"accounts_unsealed": timedelta(seconds=2)}
WAYS: Mapping[str, Any] = {
    "push": gettext_lazy("Notification"),
    "mail": gettext_lazy("Mail"),
}
_MINUTE, _HOUR = 60, 3600


def process_words(name: str, seen: Mapping[str, float], at: datetime) -> dict[str, Any]:
    """How long ago a process did its round; `tone` is danger where that is too long."""
    stamp = seen.get(name)
    quiet = None if stamp is None else max(0.0, at.timestamp() - stamp)
    well = quiet is not None and quiet <= SILENCE[name].total_seconds()
    return {
        "name": name,
        "label": _("Working") if well else _("Silent"),
        "tone": "good" if well else "danger",
        "seconds": None if quiet is None else round(quiet),
    }


def queue_rows(tables: Sequence[str], found: Sequence[Standing]) -> list[dict[str, Any]]:
    """A row a queue, all banks together."""
    rows = []
    for table in tables:
        mine = [each for each in found if each.queue == table]
        late = max((each.late for each in mine), default=timedelta())
        rows.append(
            {
                "label": str(QUEUES.get(table, table)),
                "due": sum(each.due for each in mine),
                "held": sum(each.held for each in mine),
                "seconds": round(late.total_seconds()),
                "is_late": late > SOONER.get(table, LATE),
            }
        )
    return rows


def unreadable_row(n: int) -> dict[str, Any]:
    """What waits for banks to put it right, and so is nobody's to hurry."""
    label = _("Rows that could not be read")
    return {"label": label, "due": n, "held": 0, "seconds": None, "is_late": False}


def sealed_words(counted: Totals) -> str:
    """Within what time nearly all records were sealed; empty where none was yet."""
    bound = within(counted.sealing, 0.99)
    if bound is None:
        return ""
    return _("99 %% of disclosures sealed within %(span)s") % {"span": _span(bound)}


def reached_rows(counted: Totals) -> list[dict[str, Any]]:
    """How long fraud alerts took to reach customers who had not seen them, a row a way."""
    return [
        {
            "label": str(WAYS.get(way, way)),
            "count": buckets[-1][1],
            "half": _span(within(buckets, 0.5)),
            "most": _span(within(buckets, 0.99)),
        }
        for way, buckets in counted.reached.items()
        if buckets and buckets[-1][1]
    ]


def _span(bound: float | None) -> str:
    """A bucket's bound as people say it: the time was no longer than that."""
    if bound is None or math.isinf(bound):
        return _("more than a day")
    if bound < _MINUTE:
        return _("%(n)s s") % {"n": f"{bound:g}"}
    if bound < _HOUR:
        return _("%(n)s min") % {"n": f"{bound / _MINUTE:g}"}
    return _("%(n)s h") % {"n": f"{bound / _HOUR:g}"}


def bank_rows(banks: Sequence[Bank], found: Sequence[Standing]) -> list[dict[str, Any]]:
    """The banks that something waits for, longest first."""
    of_bank: dict[UUID, list[Standing]] = {}
    for each in found:
        of_bank.setdefault(each.bank_id, []).append(each)
    rows = [
        {
            "name": bank.name,
            "due": sum(each.due for each in of_bank[bank.id]),
            "seconds": round(max(each.late for each in of_bank[bank.id]).total_seconds()),
            "is_late": max(each.late for each in of_bank[bank.id]) > LATE,
        }
        for bank in banks
        if bank.id in of_bank
    ]
    return sorted(rows, key=lambda row: (-row["seconds"], row["name"]))


def counts_body(counted: Totals, at: datetime) -> dict[str, Any]:
    """What the plot asks for: counts since the start, and the buckets of event to screen."""
    return {
        "at": at.timestamp(),
        "requests": counted.requests,
        "bank_calls": counted.bank_calls,
        "delivered": counted.delivered,
        "failed": counted.failed,
        "sockets": counted.sockets,
        # JSON has no infinity: the last bucket's bound is null.
        "screen": [[None if math.isinf(le) else le, n] for le, n in counted.screen],
    }
