"""What the chat's cards show of a bank's data, read through the gate when they leave.

In a customer's block. What is shown is disclosed in the same transaction; what is not comes back as
`Withheld`, and that is written down too.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from partners.alerts.models import Alert
from partners.ledger.models import Entry
from partners.ledger.queries import accounts_of, balances_of, entries_page, get_entries
from partners.purchases.queries import (
    ENDS,
    accounts_told_of,
    lines_of,
    receipts_of,
    shipments_of,
    stops_of,
)
from partners.sharing.gate import (
    CHAT,
    Allowed,
    Ask,
    Door,
    Reason,
    Refused,
    Scope,
    authorize,
    disclosed,
    note_refusal,
    refuse,
)
from partners.sharing.receipts_beside import receipts_beside
from partners.sharing.shapes import (
    by_account,
    card_account,
    card_name,
    card_transaction,
    receipt_shape,
    shipment_shape,
)
from portal.middleware import current_request_id

BALANCES, TRANSACTIONS = "balances", "transactions"
RECEIPTS, SHIPMENTS = "receipts", "shipments"
# Parcels that a customer may mean: those on their way, lately ordered.
_ON_THEIR_WAY = timedelta(days=45)
MOST_PARCELS = 3
NOT_SHARED = "not_shared"


@dataclass(frozen=True)
class Withheld:
    """Something that may not be shown (any more)."""

    reason: Reason


@dataclass(frozen=True)
class AlertView:
    """An alert that may be shown. `transaction` is None where there is none, or where `withheld` says
    that its details are not shared."""

    alert_id: UUID
    alert_type: str
    account_id: UUID
    entry_id: UUID | None
    raised_at: datetime
    transaction: dict[str, Any] | None
    withheld: str | None
    # Of an alert that is about an account as a whole.
    account_name: str | None = None


def render_alerts(
    alert_ids: Sequence[UUID], *, door: Door, at: datetime
) -> dict[UUID, AlertView | Withheld]:
    """Each alert as the chat may show it; one that is out of reach is withheld like one not shared."""
    unknown = Withheld(Reason.ACCOUNT_NOT_SHARED)
    views: dict[UUID, AlertView | Withheld] = dict.fromkeys(alert_ids, unknown)
    by_type: dict[str, list[Alert]] = defaultdict(list)
    for each in Alert.objects.filter(pk__in=alert_ids):
        by_type[each.alert_type].append(each)
    shown: list[Alert] = []
    names: dict[UUID, str | None] = {}
    for alert_type, alerts in sorted(by_type.items()):
        allowed = _gate(Scope.ALERT, alert_type, [each.account_id for each in alerts], door, at)
        if isinstance(allowed, Refused):
            views |= {each.id: Withheld(allowed.reason) for each in alerts}
            continue
        passed = [each for each in alerts if each.account_id in allowed.consents]
        disclosed(allowed, Counter(each.account_id for each in passed))
        shown += passed
        # Of the accounts that an alert is about as a whole.
        names |= _names([each.account_id for each in passed if each.entry_id is None], allowed)
    details = _details(shown, door, at)
    return views | {each.id: _view(each, details, names) for each in shown}


def require_alert(alert_id: UUID, *, door: Door, at: datetime) -> tuple[Alert, Allowed]:
    """The alert that somebody acts on in the chat, and the gate's word for it.

    A card that shows nothing takes no tap. Raises NotShared; out of reach is refused like not shared.
    """
    alert = Alert.objects.select_related("entry").filter(pk=alert_id).first()
    if alert is None:
        refuse(Refused(Reason.ACCOUNT_NOT_SHARED, _ask(Scope.ALERT, "", [], door, at)))
    decision = authorize(_ask(Scope.ALERT, alert.alert_type, [alert.account_id], door, at))
    if isinstance(decision, Refused):
        refuse(decision)
    return alert, decision


def may_announce(alert_id: UUID, *, door: Door, at: datetime, noted: bool) -> bool:
    """Whether the customer may be told that there is this alert, and nothing of it.

    The telling is disclosed, unless it was `noted` when it was tried before.
    """
    alert = Alert.objects.filter(pk=alert_id).first()
    if alert is None:
        return False
    allowed = _gate(Scope.ALERT, alert.alert_type, [alert.account_id], door, at)
    if isinstance(allowed, Refused):
        return False
    if not noted:
        disclosed(allowed, {alert.account_id: 1})
    return True


def render_balances(
    account_ids: Sequence[UUID], *, door: Door, at: datetime
) -> list[dict[str, Any]] | Withheld:
    """The accounts with what they hold; those that are not shared are left out."""
    allowed = _gate(Scope.FEED, BALANCES, account_ids, door, at)
    if isinstance(allowed, Refused):
        return Withheld(allowed.reason)
    held = by_account(balances_of(allowed.account_ids))
    accounts = accounts_of(allowed.account_ids)
    disclosed(allowed, {each.id: len(held.get(each.id, ())) for each in accounts})
    return [
        card_account(
            each,
            held.get(each.id, ()),
            allowed.masked_fields,
            of_accounts=allowed.masked_of_accounts,
        )
        for each in accounts
    ]


def are_read(account_ids: Sequence[UUID], since: datetime) -> bool:
    """Whether the bank was asked for the balances of all of these since then, and has answered."""
    read = {each.account_id for each in balances_of(account_ids) if each.read_at >= since}
    return read.issuperset(account_ids)


def render_transactions(
    account_ids: Sequence[UUID], *, limit: int, door: Door, at: datetime
) -> list[dict[str, Any]] | Withheld:
    """The newest transactions of the accounts, at most `limit`."""
    allowed = _gate(Scope.FEED, TRANSACTIONS, account_ids, door, at)
    if isinstance(allowed, Refused):
        return Withheld(allowed.reason)
    entries = entries_page(
        allowed.account_ids,
        limit=limit,
        history_from=allowed.history_from,
        by_month=allowed.by_month,
    )
    disclosed(allowed, Counter(each.account_id for each in entries))
    names = _names(allowed.account_ids, allowed)
    return [
        card_transaction(each, names[each.account_id], allowed.masked_fields) for each in entries
    ]


def render_receipts(
    receipt_ids: Sequence[UUID], *, door: Door, at: datetime
) -> dict[UUID, dict[str, Any] | Withheld]:
    """Each receipt as the chat may show it; one that is out of reach is withheld like one not shared."""
    told = accounts_told_of(receipt_ids=receipt_ids)
    allowed = _gate(Scope.FEED, RECEIPTS, list(told), door, at) if told else None
    views, names = _withheld(receipt_ids, allowed)
    if not isinstance(allowed, Allowed):
        return views
    found = list(receipts_of(allowed.history_from).filter(pk__in=receipt_ids))
    disclosed(allowed, Counter(each.account_id for each in found))
    lines = lines_of([each.id for each in found])
    for each in found:
        shape = receipt_shape(each, lines.get(each.id, ()), allowed.masked_fields)
        views[each.id] = shape | {"account_name": names[each.account_id]}
    return views


def render_shipments(
    shipment_ids: Sequence[UUID], *, door: Door, at: datetime
) -> dict[UUID, dict[str, Any] | Withheld]:
    """The same of shipments, as they are now."""
    told = accounts_told_of(shipment_ids=shipment_ids)
    allowed = _gate(Scope.FEED, SHIPMENTS, list(told), door, at) if told else None
    views, names = _withheld(shipment_ids, allowed)
    if not isinstance(allowed, Allowed):
        return views
    found = list(shipments_of(allowed.history_from).filter(pk__in=shipment_ids))
    disclosed(allowed, Counter(each.account_id for each in found))
    stops = stops_of([each.id for each in found])
    receipts = receipts_beside(found, allowed)
    for each in found:
        shape = shipment_shape(
            each,
            stops.get(each.id, ()),
            allowed.masked_fields,
            receipt_id=receipts.get(each.id),
        )
        views[each.id] = shape | {"account_name": names[each.account_id]}
    return views


def _withheld(
    ids: Sequence[UUID], allowed: Allowed | Refused | None
) -> tuple[dict[UUID, dict[str, Any] | Withheld], Mapping[UUID, str | None]]:
    """All of them withheld, for now; and the names of the accounts that may be shown."""
    why = allowed.reason if isinstance(allowed, Refused) else Reason.ACCOUNT_NOT_SHARED
    names = _names(allowed.account_ids, allowed) if isinstance(allowed, Allowed) else {}
    return dict.fromkeys(ids, Withheld(why)), names


@dataclass(frozen=True)
class Meant:
    """What a customer may mean when they ask for a receipt or a parcel; each with its revision."""

    found: tuple[tuple[UUID, int], ...]


def last_receipt(account_ids: Sequence[UUID], *, door: Door, at: datetime) -> Meant | Withheld:
    """The receipt that was issued last. That there is none is an answer too, and disclosed as one."""
    allowed = _gate(Scope.FEED, RECEIPTS, account_ids, door, at)
    if isinstance(allowed, Refused):
        return Withheld(allowed.reason)
    # Which one was issued last tells when, where that is masked: then it is the one heard of last.
    last_first = ("-id",) if "issued_at" in allowed.masked_fields else ("-issued_at", "-id")
    last = receipts_of(allowed.history_from).order_by(*last_first).first()
    if last is None:
        disclosed(allowed, {})
    return Meant(((last.id, last.revision),) if last else ())


def parcels_under_way(
    account_ids: Sequence[UUID], *, door: Door, at: datetime
) -> Meant | Withheld:
    """The parcels on their way, newest first, at most three; else the one that moved last."""
    allowed = _gate(Scope.FEED, SHIPMENTS, account_ids, door, at)
    if isinstance(allowed, Refused):
        return Withheld(allowed.reason)
    newest = shipments_of(allowed.history_from).order_by("-updated_at", "-id")
    moving = newest.exclude(status__in=ENDS).filter(updated_at__gte=at - _ON_THEIR_WAY)
    found = list(moving[:MOST_PARCELS]) or list(newest[:1])
    if not found:
        disclosed(allowed, {})
    return Meant(tuple((each.id, each.revision) for each in found))


def _details(alerts: Sequence[Alert], door: Door, at: datetime) -> Mapping[UUID, dict[str, Any]]:
    """The transactions behind the alerts, by entry, as far as their feed is shared."""
    about = [each for each in alerts if each.entry_id is not None]
    if not about:
        return {}
    allowed = _gate(Scope.FEED, TRANSACTIONS, [each.account_id for each in about], door, at)
    if isinstance(allowed, Refused):
        return {}
    entry_ids = [each.entry_id for each in about if each.entry_id is not None]
    entries = [each for each in get_entries(entry_ids).values() if _within(each, allowed)]
    disclosed(allowed, Counter(each.account_id for each in entries))
    names = _names(allowed.account_ids, allowed)
    return {
        each.id: card_transaction(each, names[each.account_id], allowed.masked_fields)
        for each in entries
    }


def _names(account_ids: Sequence[UUID], allowed: Allowed) -> dict[UUID, str | None]:
    """What those accounts are called; null where the bank holds it back."""
    found = accounts_of(account_ids) if account_ids else ()
    return {each.id: card_name(each, allowed.masked_of_accounts) for each in found}


def _within(entry: Entry, allowed: Allowed) -> bool:
    since = allowed.history_from.get(entry.account_id)
    return since is not None and entry.booked_on >= since


def _view(
    alert: Alert, details: Mapping[UUID, dict[str, Any]], names: Mapping[UUID, str | None]
) -> AlertView:
    transaction = None if alert.entry_id is None else details.get(alert.entry_id)
    hidden = alert.entry_id is not None and transaction is None
    return AlertView(
        alert_id=alert.id,
        alert_type=alert.alert_type,
        account_id=alert.account_id,
        entry_id=alert.entry_id,
        raised_at=alert.raised_at,
        transaction=transaction,
        withheld=NOT_SHARED if hidden else None,
        account_name=names.get(alert.account_id) if alert.entry_id is None else None,
    )


def _gate(
    scope: Scope, code: str, account_ids: Sequence[UUID], door: Door, at: datetime
) -> Allowed | Refused:
    """Ask for the chat, and write down what was refused, in whole or in part."""
    ask = _ask(scope, code, account_ids, door, at)
    decision = authorize(ask)
    if isinstance(decision, Refused):
        note_refusal(decision)
    elif decision.refused_ids:
        note_refusal(Refused(Reason.ACCOUNT_NOT_SHARED, ask))
    return decision


def _ask(scope: Scope, code: str, account_ids: Sequence[UUID], door: Door, at: datetime) -> Ask:
    return Ask(
        recipient=CHAT,
        purpose=None,
        scope=scope,
        code=code,
        account_ids=tuple(sorted(set(account_ids))),
        door=door,
        at=at,
        request_id=current_request_id(),
    )
