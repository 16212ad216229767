"""Who may see what: the left side of the customer's own page, in their block."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from accounts.consent.models import Consent, ConsentResource
from accounts.consent.queries import consents_of, live_at, resources_of
from accounts.disclosure.queries import Access, accesses_of
from partners.alerts.models import AlertType
from partners.banks.models import Bank
from partners.feeds.queries import enabled_kinds
from partners.ledger.models import Account
from partners.ledger.queries import accounts_of
from partners.sharing.queries import status_of
from partners.sharing.words import ENDED, chat_name, purpose_words
from portal.rest.problems import NotFound
from portal.tenancy.blocks import served

_ENDED_SHOWN = 20


def recipients(bank: Bank, *, at: datetime) -> list[dict[str, Any]]:
    """Everyone who may read something now, with what, until when, and how often they did."""
    live = list(_consents().filter(live_at(at)))
    ids = [each.id for each in live]
    accesses = accesses_of(ids)
    resources = list(resources_of(ids))
    accounts = {each.id: each for each in accounts_of(served().account_ids)}
    on = enabled_kinds()
    return [
        _recipient(
            each,
            bank,
            [it for it in resources if it.consent_id == each.id],
            accounts,
            on,
            accesses.get(each.id),
        )
        for each in live
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
) -> dict[str, Any]:
    feeds = _codes(resources, "feed")
    named = sorted({each.account_id for each in resources})
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
    }


def _codes(resources: Iterable[ConsentResource], scope: str) -> list[str]:
    return sorted({each.code for each in resources if each.scope == scope})


def _name(consent: Consent, bank: Bank) -> str:
    return chat_name(bank.name) if consent.client is None else str(consent.client.name)
