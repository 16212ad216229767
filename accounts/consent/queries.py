"""Reading what was allowed."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet

from accounts.consent.models import (
    Consent,
    ConsentEvent,
    ConsentResource,
    Notice,
    Objection,
    Purpose,
)
from accounts.consent.rules import Resource
from portal.tenancy.blocks import CustomerReach

FALLBACK_LOCALE = "en"


@dataclass(frozen=True)
class ProgramConsent:
    """A consent of a client program's: whose, and for which program."""

    consent_id: UUID
    customer_id: UUID
    client_id: int
    is_live: bool


def consents_of(
    customer_id: UUID, *, recipient: str | None = None, client_id: int | None = None
) -> QuerySet[Consent]:
    """A customer's consents, ended ones too, newest first; of one recipient where it is given."""
    found = Consent.objects.filter(customer_id=customer_id).order_by("-granted_at", "-id")
    if recipient is not None:
        whose: dict[str, Any] = {"recipient": recipient, "client_id": client_id}
        found = found.filter(**whose)
    return found


def live_consents(
    customer_id: UUID,
    *,
    recipient: str | None = None,
    client_id: int | None = None,
    at: datetime,
) -> QuerySet[Consent]:
    """What the customer allows at that time."""
    found = consents_of(customer_id, recipient=recipient, client_id=client_id)
    return found.filter(live_at(at))


def live_at(at: datetime, prefix: str = "") -> Q:
    """The condition that a consent holds at that time; `prefix` leads to it from another table.

    One that was ended holds at no time: who asks may have looked at the clock a while before they read.
    """
    begun = {f"{prefix}granted_at__lte": at, f"{prefix}expires_at__gt": at}
    return Q(**begun, **{f"{prefix}ended_at__isnull": True})


def get_consent(consent_id: UUID) -> Consent:
    """The consent with its purpose and client. Raises Consent.DoesNotExist."""
    return Consent.objects.select_related("purpose", "client", "notice").get(pk=consent_id)


def resources_of(consent_ids: Collection[UUID]) -> QuerySet[ConsentResource]:
    """Which feeds and alert types of which accounts those consents name."""
    return ConsentResource.objects.filter(consent_id__in=consent_ids).order_by(
        "consent_id", "account_id", "scope", "code"
    )


def events_of(consent_id: UUID) -> QuerySet[ConsentEvent]:
    return ConsentEvent.objects.filter(consent_id=consent_id).order_by("at", "id")


def reach_of_consent(consent_id: UUID) -> CustomerReach | None:
    """Its customer, and the accounts that it names; None where the bank knows no such consent.

    Whether the accounts are still the customer's, and the consent still holds, is the gate's to say.
    """
    named = ConsentResource.objects.filter(consent_id=OuterRef("pk")).order_by("account_id")
    found = (
        Consent.objects.filter(pk=consent_id)
        .values_list(
            "customer_id",
            "customer__pseudonym",
            ArraySubquery(named.values("account_id").distinct()),
        )
        .first()
    )
    if found is None:
        return None
    return CustomerReach(customer_id=found[0], pseudonym=found[1], account_ids=tuple(found[2]))


def client_of_consent(consent_id: UUID) -> int | None:
    """Which client program the consent is for; None where there is none, or the chat has it."""
    return Consent.objects.filter(pk=consent_id).values_list("client_id", flat=True).first()


def objections_to(account_ids: Collection[UUID]) -> QuerySet[Objection]:
    """What holders of these accounts ended for every holder."""
    found = Objection.objects.select_related("client").filter(account_id__in=account_ids)
    return found.order_by("at", "id")


def programs_allowed(resource: Resource, *, at: datetime) -> list[ProgramConsent]:
    """The live consents of client programs that name that feed or alert type of that account."""
    named = ConsentResource.objects.filter(
        live_at(at, "consent__"),
        account_id=resource.account_id,
        scope=resource.scope,
        code=resource.code,
        consent__recipient=Consent.Recipient.CLIENT,
    )
    rows = named.values_list("consent_id", "customer_id", "consent__client_id")
    return [ProgramConsent(*row, is_live=True) for row in rows]


def program_consent(consent_id: UUID, *, at: datetime) -> ProgramConsent | None:
    """The consent, where it is a client program's; also once it has ended."""
    found = Consent.objects.filter(pk=consent_id, client_id__isnull=False)
    rows = found.annotate(is_live=live_at(at))
    row = rows.values_list("id", "customer_id", "client_id", "is_live").first()
    return None if row is None else ProgramConsent(*row)


def ending(*, within: timedelta, at: datetime) -> QuerySet[Consent]:
    """Live consents that end within that time and lasted longer, of which nobody was reminded in it yet."""
    told = ConsentEvent.objects.filter(
        bank_id=OuterRef("bank_id"),
        consent_id=OuterRef("pk"),
        kind=ConsentEvent.Kind.REMINDED,
        at__gte=OuterRef("expires_at") - within,
    )
    return Consent.objects.filter(
        live_at(at),
        ~Exists(told),
        expires_at__lte=at + within,
        granted_at__lt=F("expires_at") - within,
    ).order_by("expires_at", "id")


@dataclass(frozen=True)
class LiveCount:
    """How many consents hold for one recipient and one purpose, and when the first of them ends."""

    recipient: str
    client_id: int | None
    purpose_id: UUID
    consents: int
    first_end: datetime


def live_counts(*, at: datetime) -> list[LiveCount]:
    """What holds at that time, counted; in the bank's block."""
    rows = (
        Consent.objects.filter(ended_at__isnull=True, expires_at__gt=at, granted_at__lte=at)
        .order_by()
        .values_list("recipient", "client_id", "purpose_id")
        .annotate(consents=Count("*"), first_end=Min("expires_at"))
    )
    return [LiveCount(*row) for row in rows]


def ends_within(customer_id: UUID, *, within: timedelta, at: datetime) -> bool:
    """Whether something that the customer allows now ends within that time."""
    live = live_consents(customer_id, at=at)
    return live.filter(expires_at__lte=at + within).exists()


def ended_consent_ids(among: Collection[UUID], *, at: datetime) -> set[UUID]:
    """Which of these consents hold no more."""
    return set(Consent.objects.filter(~live_at(at), pk__in=among).values_list("pk", flat=True))


def purpose_code_of(consent_id: UUID) -> str:
    """What the consent is for, by the purpose's code. Raises Consent.DoesNotExist."""
    return Consent.objects.values_list("purpose__code", flat=True).get(pk=consent_id)


def current_purpose(code: str) -> Purpose:
    """The newest version of a purpose. Raises Purpose.DoesNotExist."""
    return Purpose.objects.filter(code=code).order_by("-version")[:1].get()


def notice_of(purpose: Purpose, *, locale: str) -> Notice:
    """The words of a purpose in a language (`it-CH` takes `it`), in English where there are none."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    by_locale = {
        each.locale: each for each in Notice.objects.filter(purpose=purpose).order_by("id")
    }
    return by_locale.get(language) or by_locale[FALLBACK_LOCALE]
