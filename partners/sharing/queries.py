"""What the gate reads: what the bank shares, and what was allowed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import OuterRef, Subquery

from accounts.clients.models import Client
from accounts.consent.latch import HELD_OPEN, held_open, latch_number
from accounts.consent.models import Consent
from accounts.consent.queries import get_consent, resources_of
from accounts.consent.references import consent_reference
from partners.alerts.models import Alert, AlertRule, AlertType
from partners.banks.models import Bank
from partners.feeds.masks import masks_of, tells_what_is_masked
from partners.feeds.models import Feed
from partners.feeds.queries import enabled_kinds
from partners.feeds.rules import ACCOUNTS
from partners.sharing.rules import FEED_OF_ALERT, PORTAL, Allowance, Ask, BankShares, Scope
from partners.sharing.shapes import instant
from portal.tenancy.blocks import NotServed, current_bank_id, served
from portal.tenancy.prepared import ask_prepared

# What the gate asks at every release, past the ORM: how it is put together is most of what such a question costs.
_FEEDS = f"""
    SELECT f.kind, f.enabled, f.masked_fields, b.status, {HELD_OPEN}
    FROM partners_feed f JOIN partners_bank b ON b.id = f.bank_id
    WHERE f.bank_id = %s
"""  # noqa: S608  # a word of our own
_ALLOWANCES = """
    SELECT r.account_id, r.scope, r.code, r.consent_id, c.recipient, c.client_id, k.feeds, k.status,
           p.code, c.granted_at, c.expires_at, c.ended_at, c.history_from,
           EXISTS (
               SELECT FROM accounts_link l
               WHERE l.bank_id = r.bank_id AND l.customer_id = r.customer_id
                   AND l.account_id = r.account_id AND l.ended_at IS NULL
           ) AND NOT EXISTS (
               SELECT FROM accounts_objection o
               WHERE o.bank_id = r.bank_id AND o.account_id = r.account_id
                   AND o.client_id = c.client_id AND o.customer_id <> r.customer_id
           )
    FROM accounts_consentresource r
    JOIN accounts_consent c ON c.bank_id = r.bank_id AND c.id = r.consent_id
    JOIN accounts_purpose p ON p.id = c.purpose_id
    LEFT JOIN accounts_client k ON k.id = c.client_id
    WHERE r.bank_id = %s"""
_OF_CUSTOMER = " AND r.customer_id = %s"
_OF_CONSENT = " AND r.consent_id = %s"
_OF_ACCOUNTS = " AND r.account_id = ANY(%s)"
_OF_CHAT = " AND c.recipient = %s AND c.client_id IS NULL"
_OF_CLIENT = " AND c.recipient = %s AND c.client_id = %s"
_LIVE = " AND c.granted_at <= %s AND c.expires_at > %s AND c.ended_at IS NULL"


def bank_shares(scope: str, code: str) -> BankShares:
    """What the served bank shares, as far as it matters for that scope: one query.

    Where there is anything to share it holds the customer's latch open too, so that what is asked of the
    database next is what they allow until the block ends.
    """
    if scope == Scope.ALERT:
        return _shared_alerts(code)
    feeds = [
        (kind, on, orjson.loads(masked), status)
        for kind, on, masked, status, _latch in ask_prepared(
            _FEEDS, [latch_number(served().customer_id), current_bank_id()]
        )
    ]
    # Of a feed that is off too: what belongs to its payments is masked as they are.
    chosen = {kind: masked for kind, _on, masked, _status in feeds}
    on = {kind: masks_of(kind, chosen) for kind, enabled, _masked, _status in feeds if enabled}
    return BankShares(
        _admitted([each[3] for each in feeds]), feeds=on, accounts=masks_of(ACCOUNTS, chosen)
    )


def _shared_alerts(alert_type: str) -> BankShares:
    feed = FEED_OF_ALERT.get(alert_type, "")
    rules = AlertRule.objects.filter(alert_type=alert_type, enabled=True)
    held = rules.annotate(latch=held_open())
    rows = list(
        held.values_list(
            "parameters", "bank__status", _masked_of(feed), _masked_of(ACCOUNTS), "latch"
        )
    )
    types = frozenset(
        alert_type
        for parameters, _status, chosen, _accounts, _latch in rows
        if not tells_what_is_masked(alert_type, parameters, masks_of(feed, {feed: chosen or ()}))
    )
    chosen = next((each for *_rest, each, _latch in rows if each), ())
    return BankShares(
        _admitted([each[1] for each in rows]),
        alert_types=types,
        accounts=masks_of(ACCOUNTS, {ACCOUNTS: chosen}),
    )


def _masked_of(kind: str) -> Subquery:
    chosen = Feed.objects.filter(bank_id=OuterRef("bank_id"), kind=kind)
    return Subquery(chosen.values("masked_fields")[:1])


def shares_anything() -> bool:
    """Whether a customer of the served bank could see anything of it here."""
    return bool(enabled_kinds())


def weightier_alert_types(alert_id: UUID) -> tuple[str, ...]:
    """The types of the alerts about the same entry that stand before this one in AlertType."""
    alert = Alert.objects.select_related("entry").filter(pk=alert_id).first()
    if alert is None or alert.entry is None:
        return ()
    raised = Alert.objects.filter(entry=alert.entry).values_list("alert_type", flat=True)
    order = list(AlertType.values)
    before = order[: order.index(alert.alert_type)]
    return tuple(each for each in before if each in set(raised))


def _admitted(statuses: list[str]) -> bool:
    # Of a bank without a row nothing is shared anyway, whatever its status.
    return all(status == Bank.Status.ADMITTED for status in statuses)


def allowances(ask: Ask, *, live_only_at: datetime | None) -> list[Allowance]:
    """What was allowed to the recipient within the open block's reach, ended consents too where
    `live_only_at` is None: one query."""
    now = served()
    parts: list[tuple[str, list[Any]]] = [(_ALLOWANCES, [now.bank_id])]
    if now.customer_id is not None:
        parts.append((_OF_CUSTOMER, [now.customer_id]))
    if now.consent_id is not None:
        parts.append((_OF_CONSENT, [now.consent_id]))
    if ask.recipient.kind == PORTAL.kind:
        if ask.account_ids is not None:
            parts.append((_OF_ACCOUNTS, [list(ask.account_ids)]))
    elif ask.recipient.client_id is None:
        parts.append((_OF_CHAT, [ask.recipient.kind]))
    else:
        parts.append((_OF_CLIENT, [ask.recipient.kind, ask.recipient.client_id]))
    if live_only_at is not None:
        parts.append((_LIVE, [live_only_at] * 2))
    statement = "".join(text for text, _values in parts)
    return list(
        map(_allowance, ask_prepared(statement, [it for _text, its in parts for it in its]))
    )


def consent_view(*, at: datetime) -> dict[str, Any]:
    """The consent of the open block as its client sees it: what was allowed, no data."""
    now = served()
    if now.consent_id is None:
        raise NotServed
    consent = get_consent(now.consent_id)
    bank = Bank.objects.get(pk=now.bank_id)
    purpose = consent.purpose
    return {
        "id": consent_reference(now.bank_id, consent.id),
        "status": status_of(consent, at),
        "status_elsewhere": ELSEWHERE[status_of(consent, at)],
        "bank": {"slug": bank.slug, "name": bank.name},
        "purpose": {"code": purpose.code, "version": purpose.version, "title": purpose.title},
        "granted_at": instant(consent.granted_at),
        "expires_at": instant(consent.expires_at),
        "ended_at": instant(consent.ended_at),
        "history_from": consent.history_from.isoformat(),
        "resources": [
            {"account_id": str(each.account_id), "scope": each.scope, "code": each.code}
            for each in resources_of([consent.id])
        ],
    }


# What others call a state: UK Open Banking's, and FDX's (docs/words.md).
ELSEWHERE: Mapping[str, Mapping[str, str]] = {
    "live": {"uk_open_banking": "AUTH", "fdx": "ACTIVE"},
    "expired": {"uk_open_banking": "EXPD", "fdx": "EXPIRED"},
    "revoked": {"uk_open_banking": "CANC", "fdx": "REVOKED"},
    "superseded": {"uk_open_banking": "CANC", "fdx": "REVOKED"},
}


def status_of(consent: Consent, at: datetime) -> str:
    """`live`, `expired`, or why it ended."""
    if consent.ended_at is not None:
        return consent.ended_why
    return "live" if consent.expires_at > at else "expired"


def _allowance(row: tuple[Any, ...]) -> Allowance:
    account_id, scope, code, consent_id, recipient, client_id, registered, status, *rest = row
    purpose, granted_at, expires_at, ended_at, history_from, linked = rest
    return Allowance(
        account_id=account_id,
        scope=scope,
        code=code,
        consent_id=consent_id,
        recipient=recipient,
        client_id=client_id,
        registered=None if registered is None else frozenset(orjson.loads(registered)),
        suspended=status == Client.Status.SUSPENDED,
        purpose=purpose,
        granted_at=granted_at,
        expires_at=expires_at,
        ended_at=ended_at,
        history_from=history_from,
        linked=linked,
    )
