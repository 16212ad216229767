"""What a client program is told of: read through the gate when it leaves, within its consent.

Like `cards` for the chat. What is shown is disclosed in the same transaction; what is not comes back as
`Withheld`, and that is written down too.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from partners.alerts.models import Alert
from partners.ledger.models import Entry
from partners.ledger.queries import entries_between, get_entries
from partners.sharing.cards import NOT_SHARED, Withheld
from partners.sharing.gate import (
    Allowed,
    Ask,
    Reason,
    Refused,
    Scope,
    authorize,
    disclosed,
    note_refusal,
)
from partners.sharing.reading import TRANSACTIONS, Reader
from partners.sharing.shapes import instant, transaction_shape
from portal.middleware import current_request_id

MOST_IDS = 100

Body = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """Changes of one account: those numbered after `since`, up to `through`."""

    account_id: UUID
    since: int
    through: int


def tell_alerts(reader: Reader, alert_ids: Sequence[UUID]) -> dict[UUID, Body | Withheld]:
    """Each alert, with its transaction as REST shows it; one out of reach is like one not shared."""
    told: dict[UUID, Body | Withheld] = dict.fromkeys(
        alert_ids, Withheld(Reason.ACCOUNT_NOT_SHARED)
    )
    by_type: dict[str, list[Alert]] = defaultdict(list)
    for each in Alert.objects.filter(pk__in=alert_ids):
        by_type[each.alert_type].append(each)
    shown: list[Alert] = []
    for alert_type, alerts in sorted(by_type.items()):
        allowed = _gate(reader, Scope.ALERT, alert_type, [each.account_id for each in alerts])
        if isinstance(allowed, Refused):
            told |= {each.id: Withheld(allowed.reason) for each in alerts}
            continue
        passed = [each for each in alerts if each.account_id in allowed.consents]
        disclosed(allowed, Counter(each.account_id for each in passed))
        shown += passed
    details = _details(reader, shown)
    return told | {each.id: _alert_body(each, details) for each in shown}


def tell_changes(reader: Reader, spans: Sequence[Span]) -> dict[Span, Body | Withheld]:
    """Which transactions changed; one that has changed again since is told of by the later span."""
    if not spans:
        return {}
    allowed = _gate(reader, Scope.FEED, TRANSACTIONS, [each.account_id for each in spans])
    if isinstance(allowed, Refused):
        return dict.fromkeys(spans, Withheld(allowed.reason))
    told: dict[Span, Body | Withheld] = {}
    counts: Counter[UUID] = Counter()
    for span in spans:
        if span.account_id not in allowed.consents:
            told[span] = Withheld(Reason.ACCOUNT_NOT_SHARED)
            continue
        found = entries_between(
            span.account_id,
            since=span.since,
            through=span.through,
            booked_from=allowed.history_from[span.account_id],
            limit=MOST_IDS + 1,
        )
        counts[span.account_id] += len(found[:MOST_IDS])
        told[span] = _change_body(span, found)
    disclosed(allowed, counts)
    return told


def _alert_body(alert: Alert, details: Mapping[UUID, Body]) -> Body:
    transaction = None if alert.entry_id is None else details.get(alert.entry_id)
    hidden = alert.entry_id is not None and transaction is None
    return {
        "alert_id": str(alert.id),
        "alert_type": alert.alert_type,
        "account_id": str(alert.account_id),
        "raised_at": instant(alert.raised_at),
        "transaction": transaction,
        "withheld": NOT_SHARED if hidden else None,
    }


def _details(reader: Reader, alerts: Iterable[Alert]) -> dict[UUID, Body]:
    """The transactions behind the alerts, by entry, as far as their feed is shared."""
    about = {each.entry_id: each.account_id for each in alerts if each.entry_id is not None}
    if not about:
        return {}
    allowed = _gate(reader, Scope.FEED, TRANSACTIONS, list(about.values()))
    if isinstance(allowed, Refused):
        return {}
    entries = [each for each in get_entries(list(about)).values() if _within(each, allowed)]
    disclosed(allowed, Counter(each.account_id for each in entries))
    return {each.id: transaction_shape(each, allowed.masked_fields) for each in entries}


def _within(entry: Entry, allowed: Allowed) -> bool:
    since = allowed.history_from.get(entry.account_id)
    return since is not None and entry.booked_on >= since


def _change_body(span: Span, found: Sequence[UUID]) -> Body:
    return {
        "account_id": str(span.account_id),
        "transaction_ids": [str(each) for each in found[:MOST_IDS]],
        "has_more": len(found) > MOST_IDS,
    }


def _gate(
    reader: Reader, scope: Scope, code: str, account_ids: Sequence[UUID]
) -> Allowed | Refused:
    """Ask, and write down what was refused, in whole or in part."""
    ask = Ask(
        recipient=reader.recipient,
        purpose=None,
        scope=scope,
        code=code,
        account_ids=tuple(sorted(set(account_ids))),
        door=reader.door,
        at=reader.at,
        request_id=current_request_id(),
    )
    decision = authorize(ask)
    if isinstance(decision, Refused):
        note_refusal(decision)
    elif decision.refused_ids:
        note_refusal(Refused(Reason.ACCOUNT_NOT_SHARED, ask))
    return decision
