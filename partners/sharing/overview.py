"""What the page "Who sees what" shows of one customer, in their block."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext

from accounts.clients.models import Client
from accounts.consent.models import Consent, ConsentResource
from accounts.consent.queries import consents_of, live_at, resources_of
from accounts.disclosure.models import Disclosure
from accounts.disclosure.queries import Access, accesses_of, disclosures_of, times_refused
from partners.alerts.models import AlertType
from partners.banks.models import Bank
from partners.feeds.queries import enabled_kinds
from partners.ledger.models import Account
from partners.ledger.queries import accounts_of
from partners.sharing.queries import status_of
from partners.sharing.words import ENDED, chat_name, purpose_words, reason_words
from portal.rest.problems import NotFound
from portal.tenancy.blocks import served

TICKS = 50
_NEW = timedelta(seconds=3)  # the page looks every two
_ENDED_SHOWN = 20


@dataclass(frozen=True)
class Timeline:
    """One page of releases and refusals, newest first; `following` is where older ones begin."""

    ticks: Sequence[Mapping[str, Any]]
    following: tuple[str, str] | None


def bank_of_window() -> Bank:
    return Bank.objects.get(pk=served().bank_id)


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
            "name": _name(each, bank),
            "purpose": purpose_words(each.purpose.code, each.purpose.title),
            "ended_at": each.ended_at or each.expires_at,
            "why": str(ENDED[status_of(each, at)]),
        }
        for each in over[:_ENDED_SHOWN]
    ]
    return sorted(shown, key=lambda it: it["ended_at"], reverse=True)


def timeline(bank: Bank, *, at: datetime, before: tuple[datetime, UUID] | None = None) -> Timeline:
    """Releases and refusals, newest first, those before a place where one is given."""
    now = served()
    if now.pseudonym is None:
        raise NotFound
    found = disclosures_of(now.pseudonym)
    if before is not None:
        older = Q(at__lt=before[0]) | Q(at=before[0], id__lt=before[1])
        found = found.filter(older, at__lte=before[0])
    rows = list(found[: TICKS + 1])
    page = rows[:TICKS]
    times = times_refused(page)
    names = _client_names(page)
    accounts = _told_apart(accounts_of(now.account_ids))
    ticks = [_tick(each, bank, names, accounts, times.get(each.id, 1), at) for each in page]
    more = len(rows) > TICKS
    return Timeline(ticks, (page[-1].at.isoformat(), page[-1].id.hex) if more else None)


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


def _client_names(rows: Iterable[Disclosure]) -> dict[str, str]:
    ids = {each.recipient.partition(":")[2] for each in rows if each.recipient != "chat"}
    found = Client.objects.filter(pk__in=[int(each) for each in ids if each.isdecimal()])
    return {f"client:{each.pk}": str(each.name) for each in found}


def _told_apart(accounts: Sequence[Account]) -> dict[str, str]:
    """Each account's name, with its last digits where another has the same name."""
    times = Counter(each.name for each in accounts)

    def words(account: Account) -> str:
        digits = account.masked_identification.replace("*", "\u2022")
        return account.name if times[account.name] == 1 else f"{account.name} {digits}".strip()

    return {str(each.id): words(each) for each in accounts}


def _tick(
    row: Disclosure,
    bank: Bank,
    clients: Mapping[str, str],
    accounts: Mapping[str, str],
    times: int,
    at: datetime,
) -> dict[str, Any]:
    who = chat_name(bank.name) if row.recipient == "chat" else clients.get(row.recipient, "")
    refused = row.decision == Disclosure.Decision.REFUSED
    return {
        "id": row.id,
        "at": row.at,
        "recipient": who or gettext("A program"),
        "door": row.door,
        "feed": row.feed,
        "row_count": row.row_count,
        "decision": row.decision,
        "reason_label": reason_words(row.reason, times) if refused else "",
        "account": ", ".join(accounts[each] for each in row.account_ids if each in accounts),
        "is_new": row.at > at - _NEW,
    }
