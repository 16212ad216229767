"""A report on a time: read as one, told as a page, as JSON that `verify.py` counts again, and as a table."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q

from accounts.consent.models import Consent, ConsentEvent
from accounts.disclosure.models import Checkpoint
from accounts.disclosure.notes import instant
from accounts.disclosure.proofs import signed_head
from accounts.disclosure.sealing import hold_sealing, origin_of
from partners.banks.models import Bank
from partners.compliance.queries import Total, totals_of
from partners.compliance.rules import Period
from partners.console.queries import DisclosureFilter, purpose_titles, recipient_names
from partners.console.words import REASON_WORDS, recipient_words
from partners.records.models import ErasureJob, LegalHold
from partners.records.rules import as_cell
from partners.sharing.words import purpose_words

VERSION = "portal.report/1"
_FIGURES = ("recipient", "purpose", "feed", "decision", "reason")


@dataclass(frozen=True)
class Consents:
    """What customers did, of those who are not erased since."""

    given: int
    replaced: int
    revoked: int
    ran_out: int
    declined: int


@dataclass(frozen=True)
class Erasures:
    asked: int
    done: int
    held: int  # holds in force now


@dataclass(frozen=True)
class Report:
    """What is sealed of a time, and under which checkpoints: before it, at its end, and when it was counted."""

    period: Period
    made_at: datetime
    origin: str
    totals: Sequence[Total]
    before: Checkpoint | None
    at_end: Checkpoint | None
    counted: Checkpoint | None
    consents: Consents
    erasures: Erasures
    names: Mapping[str, str]
    purposes: Mapping[str, str]


def report_of(bank: Bank, period: Period, *, at: datetime) -> Report:
    """In the bank's block; costs the same however much was shared."""
    hold_sealing()
    everything = DisclosureFilter(since=period.since, until=period.until)
    totals = totals_of(everything, period)
    heads = Checkpoint.objects.order_by("-at", "-size")
    return Report(
        period=period,
        made_at=at,
        origin=origin_of(bank.id),
        totals=totals,
        before=heads.filter(at__lt=period.begin).first(),
        at_end=heads.filter(at__lt=period.end).first(),
        counted=Checkpoint.objects.order_by("-size").first(),
        consents=_consents(period, at),
        erasures=_erasures(period),
        names=recipient_names({each.recipient for each in totals}),
        purposes=purpose_titles(),
    )


def _consents(period: Period, at: datetime) -> Consents:
    kinds = ConsentEvent.Kind
    events = ConsentEvent.objects.filter(at__gte=period.begin, at__lt=period.end).order_by()
    counted = dict(events.values_list("kind").annotate(n=Count("*")))
    ran_out = Consent.objects.filter(
        ended_at__isnull=True, expires_at__gte=period.begin, expires_at__lt=min(period.end, at)
    )
    return Consents(
        given=counted.get(kinds.GRANTED, 0),
        replaced=counted.get(kinds.SUPERSEDED, 0),
        revoked=counted.get(kinds.REVOKED, 0),
        ran_out=ran_out.count(),
        declined=counted.get(kinds.DENIED, 0),
    )


def _erasures(period: Period) -> Erasures:
    counted = ErasureJob.objects.aggregate(
        asked=Count("id", filter=Q(requested_at__gte=period.begin, requested_at__lt=period.end)),
        done=Count("id", filter=Q(finished_at__gte=period.begin, finished_at__lt=period.end)),
    )
    return Erasures(**counted, held=LegalHold.objects.filter(lifted_at=None).count())


def report_body(bank: Bank, report: Report) -> dict[str, Any]:
    """As JSON. `figures` and `checkpoints` are what the log says, and can be checked; the rest is ours."""
    period = report.period
    return {
        "version": VERSION,
        "bank": {"slug": bank.slug, "name": bank.name},
        "origin": report.origin,
        "made_at": instant(report.made_at),
        "since": instant(period.begin),
        "until": instant(period.end),
        "days": {
            "since": period.since.isoformat(),
            "until": period.until.isoformat(),
            "time_zone": bank.time_zone,
        },
        "checkpoints": {
            "before": _note(report.before),
            "at_end": _note(report.at_end),
            "counted": _note(report.counted),
        },
        "figures": [_figure(each, report) for each in report.totals],
        "consents": vars(report.consents),
        "erasures": vars(report.erasures),
    }


def _figure(row: Total, report: Report) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _FIGURES} | {
        "records": row.records,
        "times": row.times,
        "rows": row.row_count,
        "recipient_name": recipient_words(row.recipient, report.names),
        "purpose_words": purpose_words(row.purpose, report.purposes.get(row.purpose, row.purpose)),
        "reason_words": str(REASON_WORDS.get(row.reason, row.reason)),
    }


_HEAD = (
    *("section", "recipient", "recipient_name", "purpose", "purpose_words", "feed", "decision"),
    *("reason", "reason_words", "records", "times", "rows"),
)


def report_table(bank: Bank, report: Report) -> bytes:
    """As one table (RFC 4180, UTF-8): a line a figure, the log's first."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _HEAD, restval="")
    writer.writeheader()
    for row in _table_rows(bank, report):
        writer.writerow({name: as_cell(value) for name, value in row.items()})
    return text.getvalue().encode()


def _table_rows(bank: Bank, report: Report) -> Iterator[Mapping[str, Any]]:
    body = report_body(bank, report)
    yield from ({"section": "log"} | each for each in body["figures"])
    for section in ("consents", "erasures"):
        for name, n in body[section].items():
            yield {"section": section, "decision": name, "times": n}
    for name, note in body["checkpoints"].items():
        yield {"section": "checkpoint", "decision": name, "reason": note}


def _note(row: Checkpoint | None) -> str:
    return "" if row is None else signed_head(row).note
