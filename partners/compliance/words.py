"""What is answered for, in the words that the templates show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.consent.models import Consent
from accounts.consent.queries import LiveCount
from accounts.disclosure.models import Disclosure
from accounts.disclosure.notes import instant
from accounts.disclosure.nothing import can_be_stated
from accounts.disclosure.queries import STAFF
from partners.banks.models import Customer
from partners.banks.rules import masked_name
from partners.compliance.queries import (
    ALL_STAFF,
    REFUSED,
    RELEASED,
    Readings,
    Recipients,
    Total,
    is_own,
)
from partners.compliance.reporting import Report
from partners.compliance.rules import (
    BAR,
    DAYS_PLOTTED,
    PLOT_HEIGHT,
    Period,
    month_before,
    month_of,
)
from partners.console.words import (
    CODE_WORDS,
    REASON_WORDS,
    Beside,
    disclosure_row,
    recipient_words,
)
from partners.records.models import ErasureJob, LegalHold
from partners.records.rules import as_cell
from partners.sharing.words import purpose_words

# Beside those whom customers allow something: who reads for them, or is told what they ask.
_OTHERS: Mapping[str, Any] = {
    "portal": gettext_lazy(
        "Reads at your bank what customers allow to the recipients above, and shows it to nobody else."
    ),
    "bank": gettext_lazy("Is told what its customers ask of it: to freeze a card, and the like."),
    ALL_STAFF: gettext_lazy(
        "Looked at this record in the console. No data of a customer's is in it."
    ),
}
_ICONS = {"chat": "chat", "portal": "refresh", "bank": "bank", ALL_STAFF: "staff"}
_EMPTY = Readings()


def recipient_rows(found: Recipients) -> list[dict[str, Any]]:
    """Those whom customers allow something first: the chat, then programs by their names; then the others."""
    allowed = {"chat", *found.live, *(each for each in found.readings if each not in _OTHERS)}
    rows = [_recipient(each, found) for each in allowed]
    others = [_recipient(each, found) for each in _OTHERS if each in found.readings]
    return [*sorted(rows, key=lambda it: (it["kind"] != "chat", it["name"].casefold())), *others]


def _recipient(recipient: str, found: Recipients) -> dict[str, Any]:
    read = found.readings.get(recipient, _EMPTY)
    live = found.live.get(recipient, ())
    client = found.clients.get(recipient)
    feeds = _feeds(live, found, None if client is None else client.feeds)
    return {
        "key": recipient,
        "kind": recipient.partition(":")[0],
        "icon": _ICONS.get(recipient, ""),
        "name": recipient_name(recipient, {} if client is None else {recipient: client.name}),
        "website": client.website if client else "",
        "suspended": client is not None and client.status == client.Status.SUSPENDED,
        "about": _OTHERS.get(recipient, ""),
        "consents": sum(each.consents for each in live),
        "first_end": min((each.first_end for each in live), default=None),
        "purposes": _purposes(live, found),
        "feeds": [{"code": each, "label": CODE_WORDS[each]} for each in feeds],
        "off": [CODE_WORDS[each] for each in feeds if each not in found.feeds_on],
        "last_at": read.last_at,
        "times": read.times,
        "refused": read.refused,
        "lately": [
            {"label": CODE_WORDS.get(code, code), "times": times}
            for code, times in sorted(read.by_feed.items(), key=lambda it: (-it[1], it[0]))
        ],
        "plot": plot(read.by_day, found.since),
    }


def recipient_name(recipient: str, names: Mapping[str, str]) -> str:
    return str(_("Bank staff")) if recipient == ALL_STAFF else recipient_words(recipient, names)


def _feeds(
    live: Iterable[LiveCount], found: Recipients, registered: Iterable[str] | None
) -> list[str]:
    """What their purposes need, and they registered for: no consent of theirs names more."""
    needed = {code for each in live for code in found.purposes[each.purpose_id].feeds}
    return sorted(needed if registered is None else needed & set(registered))


def _purposes(live: Iterable[LiveCount], found: Recipients) -> list[dict[str, Any]]:
    counted: dict[str, int] = {}
    for each in live:
        purpose = found.purposes[each.purpose_id]
        title = purpose_words(purpose.code, purpose.title)
        counted[title] = counted.get(title, 0) + each.consents
    return [{"title": title, "consents": n} for title, n in sorted(counted.items())]


def plot(times: Mapping[date, int], since: date) -> list[dict[str, Any]]:
    """A bar a day, oldest first, each as high as its share of the highest; none where nothing was read."""
    most = max(times.values(), default=0)
    if not most:
        return []
    days = [since + timedelta(days=step) for step in range(DAYS_PLOTTED)]
    heights = [ceil(times.get(day, 0) * PLOT_HEIGHT / most) for day in days]
    return [
        {
            "x": place * BAR,
            "day": day,
            "times": times.get(day, 0),
            "height": height,
            "y": PLOT_HEIGHT - height,
        }
        for place, (day, height) in enumerate(zip(days, heights, strict=True))
    ]


# --- what was shared --------------------------------------------------------------------------------


def total_row(row: Total, beside: Beside) -> dict[str, Any]:
    """A line of the totals."""
    refused = row.decision == Disclosure.Decision.REFUSED
    return {
        "recipient": recipient_words(row.recipient, beside.names),
        "purpose": purpose_words(row.purpose, beside.purposes.get(row.purpose, row.purpose)),
        "feed": CODE_WORDS.get(row.feed, row.feed),
        "refused": refused,
        "reason": REASON_WORDS.get(row.reason, row.reason) if refused else "",
        "records": row.records,
        "times": row.times,
        "rows": row.row_count,
        "last_at": row.last_at,
    }


def sums_of(totals: Sequence[Total]) -> dict[str, int]:
    """What stands above all: to how many others it was shown, how often, and how often it was not."""
    shown = [each for each in totals if is_shown_to_others(each)]
    return {
        "shown": sum(each.times for each in shown),
        "rows": sum(each.row_count for each in shown),
        "recipients": len({each.recipient for each in shown}),
        "refused": sum(each.times for each in totals if each.decision == REFUSED),
    }


def is_shown_to_others(row: Total) -> bool:
    """Released, and not to us, to the bank itself or to its staff."""
    return row.decision == RELEASED and not is_own(row.recipient)


def found_row(
    row: Disclosure, beside: Beside, consents: Mapping[UUID, Consent], *, at: datetime
) -> dict[str, Any]:
    """A line of what was found: that of the ledger, and under which consent."""
    consent = consents.get(row.consent_id) if row.consent_id else None
    return disclosure_row(row, beside, at=at) | {
        "id": row.id,
        "consent_id": row.consent_id,
        "consent": consent
        and {"granted_at": consent.granted_at, "expires_at": consent.expires_at},
    }


COLUMNS = (
    *("disclosure_id", "at", "decision", "reason", "reason_words", "recipient", "recipient_name"),
    *("purpose", "purpose_words", "consent_id", "feed", "door", "account_ids", "row_count"),
    *("times", "pseudonym", "request_id"),
)


def found_cells(row: Disclosure, beside: Beside) -> list[str]:
    """The same as cells of a table, in the order of COLUMNS."""
    refused = row.decision == Disclosure.Decision.REFUSED
    values = (
        *(row.id, instant(row.at), row.decision, row.reason),
        REASON_WORDS.get(row.reason, row.reason) if refused else "",
        *(row.recipient, recipient_words(row.recipient, beside.names), row.purpose),
        purpose_words(row.purpose, beside.purposes.get(row.purpose, row.purpose)),
        *(row.consent_id, row.feed, row.door, " ".join(row.account_ids), row.row_count),
        *(beside.times.get(row.id, 1), row.pseudonym, row.request_id),
    )
    return [as_cell(each) for each in values]


def recipient_options(recipients: Iterable[str], names: Mapping[str, str]) -> list[dict[str, str]]:
    named = [{"key": each, "name": recipient_name(each, names)} for each in {"chat", *recipients}]
    return sorted(named, key=lambda it: (it["key"] != "chat", it["name"].casefold()))


def period_words(period: Period, today: date) -> list[dict[str, Any]]:
    """Periods that are asked for most, each with its first and last day."""
    named = (
        (_("This month"), month_of(today)),
        (_("Last month"), month_before(today)),
        (_("The month before"), month_before(month_before(today)[0])),
        (_("A year"), (today - timedelta(days=364), today)),
    )
    return [
        {
            "label": label,
            "since": since.isoformat(),
            "until": until.isoformat(),
            "current": (period.since, period.until) == (since, until),
        }
        for label, (since, until) in named
    ]


# --- a report ---------------------------------------------------------------------------------------


def report_words(report: Report, today: date) -> dict[str, Any]:
    """The sums of a report in the order of its page."""
    beside = Beside(report.names, report.purposes, {})
    shown = [each for each in report.totals if is_shown_to_others(each)]
    own = [each for each in report.totals if each.decision == RELEASED and is_own(each.recipient)]
    refused = [each for each in report.totals if each.decision == REFUSED]
    return {
        "period": report.period,
        "periods": period_words(report.period, today),
        "made_at": report.made_at,
        "sums": sums_of(report.totals),
        "shown": [total_row(each, beside) for each in shown],
        "own": [total_row(each, beside) for each in own],
        "refused": [total_row(each, beside) for each in refused],
        "by_recipient": _added(shown, lambda it: recipient_words(it.recipient, report.names)),
        "by_purpose": _added(
            shown,
            lambda it: purpose_words(it.purpose, report.purposes.get(it.purpose, it.purpose)),
        ),
        "by_feed": _added(shown, lambda it: str(CODE_WORDS.get(it.feed, it.feed))),
        "by_reason": _added(refused, lambda it: str(REASON_WORDS.get(it.reason, it.reason))),
        "consents": report.consents,
        "erasures": report.erasures,
        "checkpoints": [
            {"label": label, "size": each.size, "at": each.at, "root": bytes(each.root).hex()}
            for label, each in (
                (_("Before"), report.before),
                (_("At the end"), report.at_end),
                (_("Counted up to"), report.counted),
            )
            if each is not None
        ],
    }


def _added(rows: Iterable[Total], name_of: Callable[[Total], str]) -> list[dict[str, Any]]:
    """Most first."""
    times: dict[str, int] = {}
    for each in rows:
        name = name_of(each) or "\u2014"
        times[name] = times.get(name, 0) + each.times
    most = max(times.values(), default=0)
    ordered = sorted(times.items(), key=lambda it: (-it[1], it[0]))
    return [{"name": name, "times": n, "share": n * 100 // most} for name, n in ordered]


def nothing_words(report: Report, grew: tuple[int, int], *, at: datetime) -> dict[str, Any]:
    """Whether it can be stated that nothing was shared, and if not why."""
    shared = sum(
        each.times
        for each in report.totals
        if each.decision == RELEASED and not each.recipient.startswith(STAFF)
    )
    over = can_be_stated(report.period.end, at=at)
    return {
        "is_so": not shared and over,
        "shared": shared,
        "over": over,
        "leaves": grew[1] - grew[0],
    }


# --- erasures ---------------------------------------------------------------------------------------

_ERASURE_TONES = {
    ErasureJob.Status.DONE: "good",
    ErasureJob.Status.HELD: "warn",
    ErasureJob.Status.ERASING: "accent",
}


def erasure_row(row: ErasureJob, slug: str, *, may_see: bool) -> dict[str, Any]:
    """A line of the erasures; `customer` is carried along, while there is one."""
    customer: Customer | None = getattr(row, "customer", None)
    return {
        "id": row.id,
        "requested_at": row.requested_at,
        "finished_at": row.finished_at,
        "by": _("The customer") if row.by == "customer" else recipient_words(row.by, {}),
        "state_label": row.get_status_display(),
        "tone": _ERASURE_TONES.get(ErasureJob.Status(row.status), ""),
        "rows": sum(row.erased.values()),
        "ended_at_bank": row.ended_at_bank,
        "left_at_bank": row.left_at_bank,
        "reference": customer.external_id if customer else "",
        "url": _customer_url(customer, slug) if may_see else "",
        "evidence_url": reverse("console:erasure_evidence", args=[slug, row.id])
        if row.status == ErasureJob.Status.DONE
        else "",
    }


def hold_row(row: LegalHold, slug: str, *, may_see: bool) -> dict[str, Any]:
    return {
        "reference": row.customer.external_id,
        "name": masked_name(row.customer.display_name),
        "reason": row.reason,
        "placed_at": row.placed_at,
        "url": _customer_url(row.customer, slug) if may_see else "",
    }


def _customer_url(customer: Customer | None, slug: str) -> str:
    return "" if customer is None else reverse("console:customer", args=[slug, customer.id])
