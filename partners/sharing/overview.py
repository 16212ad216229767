"""Who may see what: the left side of the customer's own page, in their block."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import ceil
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q

from accounts.consent.models import Consent, ConsentResource, Objection
from accounts.consent.queries import consents_of, live_at, objections_to, resources_of
from accounts.consent.rules import Resource
from accounts.disclosure.queries import Access, accesses_by_day, accesses_of
from partners.alerts.models import AlertType
from partners.banks.models import Bank
from partners.feeds.queries import enabled_kinds
from partners.ledger.models import Account
from partners.ledger.queries import accounts_of
from partners.sharing.forms import resource_key
from partners.sharing.queries import status_of
from partners.sharing.words import ENDED, chat_name, purpose_words
from portal.rest.problems import NotFound
from portal.tenancy.blocks import served

_ENDED_SHOWN = 20
_DAYS_PLOTTED, _BAR, _PLOT_HEIGHT = 30, 8, 32


def recipients(bank: Bank, *, at: datetime) -> list[dict[str, Any]]:
    """Everyone who may read something now, with what, until when, and how often they did."""
    live = list(_consents().filter(live_at(at)))
    ids = [each.id for each in live]
    accesses = accesses_of(ids)
    resources = list(resources_of(ids))
    accounts = {each.id: each for each in accounts_of(served().account_ids)}
    on = enabled_kinds()
    zone = ZoneInfo(bank.time_zone)
    today = at.astimezone(zone).date()
    objections = list(objections_to(served().account_ids))
    plots = accesses_by_day(ids, since=at - timedelta(days=_DAYS_PLOTTED), zone=zone)
    return [
        _recipient(
            each,
            bank,
            [it for it in resources if it.consent_id == each.id],
            accounts,
            on,
            accesses.get(each.id),
            [it for it in objections if it.client_id == each.client_id],
        )
        | {"plot": _plot(plots.get(each.id, {}), today)}
        for each in live
    ]


def _plot(times: Mapping[date, int], today: date) -> list[dict[str, Any]]:
    """A bar a day, oldest first, each as high as its share of the highest; none where nothing was read."""
    days = [today - timedelta(days=back) for back in reversed(range(_DAYS_PLOTTED))]
    most = max(times.values(), default=0)
    if not most:
        return []
    return [
        {
            "x": place * _BAR,
            "day": day,
            "times": times.get(day, 0),
            "height": ceil(times.get(day, 0) * _PLOT_HEIGHT / most),
            "y": _PLOT_HEIGHT - ceil(times.get(day, 0) * _PLOT_HEIGHT / most),
        }
        for place, day in enumerate(days)
    ]


def recipient(bank: Bank, consent_id: UUID, *, at: datetime) -> dict[str, Any] | None:
    """One of them; None where it may read nothing any more. Raises NotFound where it never could."""
    found = next((each for each in recipients(bank, at=at) if each["id"] == consent_id), None)
    if found is None and not _consents().filter(pk=consent_id).exists():
        raise NotFound
    return found


def ended(bank: Bank, *, at: datetime) -> list[dict[str, Any]]:
    """What was allowed once, last ended first."""
    over = _consents().filter(Q(ended_at__isnull=False) | Q(expires_at__lte=at))
    shown = [
        {
            "id": each.id,
            "name": _name(each, bank),
            "purpose": purpose_words(each.purpose.code, each.purpose.title),
            "ended_at": each.ended_at or each.expires_at,
            "why": str(ENDED[status_of(each, at)]),
        }
        for each in over[:_ENDED_SHOWN]
    ]
    return sorted(shown, key=lambda it: it["ended_at"], reverse=True)


def objected(*, at: datetime) -> list[dict[str, Any]]:
    """What the customer ended for every holder of an account, and did not allow since."""
    accounts = {each.id: each for each in accounts_of(served().account_ids)}
    return [
        {
            "name": str(each.client.name),
            "account": accounts[each.account_id].known_name,
            "at": each.at,
        }
        for each in objections_to(tuple(accounts))
        if each.customer_id == served().customer_id and each.at <= at
    ]


def _consents() -> Any:
    customer_id = served().customer_id
    if customer_id is None:
        raise NotFound
    return consents_of(customer_id).select_related("purpose", "client")


def _recipient(
    consent: Consent,
    bank: Bank,
    resources: Sequence[ConsentResource],
    accounts: Mapping[UUID, Account],
    on: frozenset[str],
    access: Access | None,
    objections: Sequence[Objection],
) -> dict[str, Any]:
    feeds = _codes(resources, "feed")
    named = sorted({each.account_id for each in resources})
    objected = {it.account_id for it in objections if it.customer_id != consent.customer_id}
    return {
        "id": consent.id,
        "name": _name(consent, bank),
        "kind": consent.recipient,
        "purpose": purpose_words(consent.purpose.code, consent.purpose.title),
        "accounts": [accounts[each] for each in named if each in accounts],
        "feeds": feeds,
        "alert_labels": [str(AlertType(each).label) for each in _codes(resources, "alert")],
        "granted_at": consent.granted_at,
        "expires_at": consent.expires_at,
        "last_access_at": access.last_at if access else None,
        "access_count": access.times if access else 0,
        "suspended_feeds": [each for each in feeds if each not in on],
        "objected": [accounts[each].name for each in named if each in objected & set(accounts)],
    }


def _codes(resources: Iterable[ConsentResource], scope: str) -> list[str]:
    return sorted({each.code for each in resources if each.scope == scope})


def _name(consent: Consent, bank: Bank) -> str:
    return chat_name(bank.name) if consent.client is None else str(consent.client.name)


@dataclass(frozen=True)
class Changeable:
    """A live consent of the customer's, and what of it can be switched: that of accounts linked now."""

    bank: Bank
    consent: Consent
    named: Sequence[Resource]
    accounts: Mapping[UUID, Account]

    @property
    def expires_at(self) -> datetime:
        return self.consent.expires_at


def changeable(bank: Bank, consent_id: UUID, *, at: datetime) -> Changeable | None:
    """The consent as it can be changed; None once it has ended. Raises NotFound where it never was theirs."""
    consent = _consents().filter(pk=consent_id).first()
    if consent is None:
        raise NotFound
    if status_of(consent, at) != "live":
        return None
    accounts = {each.id: each for each in accounts_of(served().account_ids)}
    rows = resources_of([consent.id])
    named = [Resource(each.account_id, each.scope, each.code) for each in rows]
    return Changeable(bank, consent, [it for it in named if it.account_id in accounts], accounts)


def choices(it: Changeable, given: Any) -> dict[str, Any]:
    """The page of switches: as it is, or as it was sent."""
    kept = set(given.getlist("kept_keys")) if given else {resource_key(each) for each in it.named}
    by_account: dict[UUID, list[dict[str, Any]]] = {}
    for each in it.named:
        switch = _switch(each) | {"on": resource_key(each) in kept}
        by_account.setdefault(each.account_id, []).append(switch)
    return _about(it) | {
        "accounts": [
            {"account": it.accounts[account_id], "switches": switches}
            for account_id, switches in by_account.items()
        ],
        "picked_end": str(given.get("ends", "")) if given else "",
    }


def effect(it: Changeable, kept: Collection[Resource], expires_at: datetime) -> dict[str, Any]:
    """What changes, before it does."""
    lost = [each for each in it.named if each not in set(kept)]
    return _about(it) | {
        "lost": [_switch(each) | {"account": it.accounts[each.account_id]} for each in lost],
        "new_end": None if expires_at == it.expires_at else expires_at,
        "kept_keys": [resource_key(each) for each in kept],
    }


def _about(it: Changeable) -> dict[str, Any]:
    consent = it.consent
    return {
        "bank": it.bank,
        "consent_id": consent.id,
        "name": _name(consent, it.bank),
        "kind": consent.recipient,
        "purpose": purpose_words(consent.purpose.code, consent.purpose.title),
        "expires_at": consent.expires_at,
    }


def _switch(each: Resource) -> dict[str, Any]:
    is_alert = each.scope == ConsentResource.Scope.ALERT
    label = str(AlertType(each.code).label) if is_alert else ""
    return {"key": resource_key(each), "code": each.code, "alert_label": label}
