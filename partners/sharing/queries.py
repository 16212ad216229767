"""What the gate reads: what the bank shares, and what was allowed."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery

from accounts.clients.models import Client
from accounts.consent.models import Consent, ConsentResource
from accounts.consent.queries import get_consent, live_at, resources_of
from accounts.consent.references import consent_reference
from accounts.linking.queries import live_links
from partners.alerts.models import Alert, AlertRule, AlertType
from partners.banks.models import Bank
from partners.feeds.masks import masks_of, tells_what_is_masked
from partners.feeds.models import Feed
from partners.feeds.queries import enabled_kinds
from partners.sharing.rules import FEED_OF_ALERT, PORTAL, Allowance, Ask, BankShares, Scope
from partners.sharing.shapes import instant
from portal.tenancy.blocks import NotServed, current_bank_id, served

_COLUMNS = (
    "account_id",
    "scope",
    "code",
    "consent_id",
    "consent__recipient",
    "consent__client_id",
    "consent__client__feeds",
    "consent__client__status",
    "consent__purpose__code",
    "consent__granted_at",
    "consent__expires_at",
    "consent__ended_at",
    "consent__history_from",
    "linked",
)


def bank_shares(scope: str, code: str) -> BankShares:
    """What the served bank shares, as far as it matters for that scope: one query."""
    if scope == Scope.ALERT:
        return _shared_alerts(code)
    feeds = list(Feed.objects.values_list("kind", "enabled", "masked_fields", "bank__status"))
    # Of a feed that is off too: what belongs to its payments is masked as they are.
    chosen = {kind: masked for kind, _on, masked, _status in feeds}
    on = {kind: masks_of(kind, chosen) for kind, enabled, _masked, _status in feeds if enabled}
    return BankShares(_admitted([each[3] for each in feeds]), feeds=on)


def _shared_alerts(alert_type: str) -> BankShares:
    feed = FEED_OF_ALERT.get(alert_type, "")
    masked = Feed.objects.filter(bank_id=OuterRef("bank_id"), kind=feed).values("masked_fields")
    rules = AlertRule.objects.filter(alert_type=alert_type, enabled=True)
    rows = list(rules.values_list("parameters", "bank__status", Subquery(masked[:1])))
    types = frozenset(
        alert_type
        for parameters, _status, chosen in rows
        if not tells_what_is_masked(alert_type, parameters, masks_of(feed, {feed: chosen or ()}))
    )
    return BankShares(_admitted([each[1] for each in rows]), alert_types=types)


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
    found = _reached(ConsentResource.objects.all())
    if live_only_at is not None:
        found = found.filter(live_at(live_only_at, "consent__"))
    if ask.recipient.kind != PORTAL.kind:
        whose: dict[str, Any] = {
            "consent__recipient": ask.recipient.kind,
            "consent__client_id": ask.recipient.client_id,
        }
        found = found.filter(**whose)
    elif ask.account_ids is not None:
        found = found.filter(account_id__in=ask.account_ids)
    tied = live_links().filter(
        bank_id=OuterRef("bank_id"),
        customer_id=OuterRef("customer_id"),
        account_id=OuterRef("account_id"),
    )
    rows = found.annotate(linked=Exists(tied)).order_by().values_list(*_COLUMNS)
    return [_allowance(row) for row in rows]


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


def _reached(resources: "QuerySet[ConsentResource]") -> "QuerySet[ConsentResource]":
    now = served()
    resources = resources.filter(bank_id=current_bank_id(), consent__bank_id=F("bank_id"))
    if now.customer_id is not None:
        resources = resources.filter(customer_id=now.customer_id)
    if now.consent_id is not None:
        resources = resources.filter(consent_id=now.consent_id)
    return resources


def _allowance(row: tuple[Any, ...]) -> Allowance:
    values = dict(zip(_COLUMNS, row, strict=True))
    registered = values["consent__client__feeds"]
    return Allowance(
        account_id=values["account_id"],
        scope=values["scope"],
        code=values["code"],
        consent_id=values["consent_id"],
        recipient=values["consent__recipient"],
        client_id=values["consent__client_id"],
        registered=None if registered is None else frozenset(registered),
        suspended=values["consent__client__status"] == Client.Status.SUSPENDED,
        purpose=values["consent__purpose__code"],
        granted_at=values["consent__granted_at"],
        expires_at=values["consent__expires_at"],
        ended_at=values["consent__ended_at"],
        history_from=values["consent__history_from"],
        linked=values["linked"],
    )
