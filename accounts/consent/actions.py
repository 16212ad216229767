"""Allowing and taking back. A consent is never changed: a change ends it and makes a new one."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import connection

from accounts.consent.latch import close_latch
from accounts.consent.models import Consent, ConsentEvent, ConsentResource, Objection, Purpose
from accounts.consent.queries import (
    current_purpose,
    live_at,
    live_consents,
    notice_of,
    resources_of,
)
from accounts.consent.rules import Needs, Resource, kept_of, why_not
from accounts.events import ConsentGranted, ConsentLapsed, ConsentRevoked, ConsentSuperseded
from portal.outbox.pokes import poke_after_commit
from portal.outbox.publishing import publish
from portal.rest.problems import Invalid, NotFound
from portal.tenancy.blocks import current_bank_id

__all__ = [
    "Resource",
    "change_consent",
    "grant_consent",
    "note_no_consent",
    "note_reminded",
    "object_to_program",
    "revoke_consent",
    "withdraw_objections",
]


class ConsentInvalid(Invalid):
    slug = "consent-invalid"
    title = "Such a consent cannot be given"


class UnknownPurpose(ConsentInvalid):
    slug = "unknown-purpose"
    title = "There is no such purpose"


def grant_consent(  # noqa: PLR0913  # each is a part of what is allowed
    *,
    customer_id: UUID,
    recipient: str,
    client_id: int | None,
    purpose_code: str,
    locale: str,
    expires_at: datetime,
    history_from: date,
    resources: Sequence[Resource],
    at: datetime,
    by: str,
) -> Consent:
    """Keep what the customer allows `recipient` (`chat`, or `client` with its id) until `expires_at`.

    It replaces the recipient's live consents for that purpose; of those it leaves alone the accounts
    that it does not name, in a consent of their own. Raises ConsentInvalid, UnknownPurpose.
    """
    try:
        purpose = current_purpose(purpose_code)
    except Purpose.DoesNotExist as reason:
        raise UnknownPurpose from reason
    needs = Needs(purpose.feeds, purpose.alert_types)
    problem = why_not(granted_at=at, expires_at=expires_at, resources=resources, needs=needs)
    if problem:
        raise ConsentInvalid(problem)
    close_latch(customer_id)
    _lock_customer(customer_id)
    granted = Consent(
        customer_id=customer_id,
        recipient=recipient,
        client_id=client_id,
        purpose=purpose,
        notice=notice_of(purpose, locale=locale),
        granted_at=at,
        expires_at=expires_at,
        history_from=history_from,
    )
    _supersede(granted, resources, at=at, by=by)
    return _keep(granted, resources, at=at, by=by)


def revoke_consent(*, consent_id: UUID, at: datetime, by: str) -> Consent:
    """End the consent now and for good; one that has ended stays as it is. Raises NotFound.

    What is being released under it is waited for: nothing is once this is committed.
    """
    _close_latch_of(consent_id)
    consent = Consent.objects.select_for_update(no_key=True).get(pk=consent_id)
    if consent.ended_at is not None:
        return consent
    _end(consent, Consent.Ended.REVOKED, at=at, by=by)
    revoked = ConsentRevoked(consent_id=consent.id, customer_id=consent.customer_id)
    publish(revoked, key=_key(consent), occurred_at=at)
    _tell_sockets(consent)
    return consent


def change_consent(
    *,
    consent_id: UUID,
    kept: Collection[Resource],
    expires_at: datetime,
    at: datetime,
    by: str,
) -> Consent:
    """Let a live consent name less, or end at another time: a new one in its place, on the same terms.

    It never names more: that is a choice of its own, with words of its own. Raises NotFound,
    ConsentInvalid.
    """
    _close_latch_of(consent_id)
    older = Consent.objects.select_for_update(no_key=True, of=("self",)).select_related(
        "purpose", "notice"
    )
    consent = older.filter(live_at(at), pk=consent_id).first()
    if consent is None:
        raise NotFound
    named = {Resource(it.account_id, it.scope, it.code) for it in resources_of([consent.id])}
    if not named.issuperset(kept):
        raise ConsentInvalid("A changed consent names no more than it did.")
    needs = Needs(consent.purpose.feeds, consent.purpose.alert_types)
    problem = why_not(granted_at=at, expires_at=expires_at, resources=kept, needs=needs)
    if problem:
        raise ConsentInvalid(problem)
    _replace(consent, at=at, by=by)
    changed = _same_terms(consent, at=at)
    changed.expires_at = expires_at
    return _keep(changed, sorted(kept), at=at, by=by)


def object_to_program(
    *, customer_id: UUID, client_id: int, account_ids: Collection[UUID], at: datetime
) -> None:
    """Let a program get nothing of these joint accounts, whichever holder allows it. The latch of each is closed."""
    Objection.objects.bulk_create(
        [
            Objection(account_id=each, client_id=client_id, customer_id=customer_id, at=at)
            for each in sorted(account_ids)
        ],
        ignore_conflicts=True,
    )


def withdraw_objections(
    *, customer_id: UUID, account_ids: Collection[UUID], client_id: int | None = None
) -> None:
    """What this holder had ended for every holder is theirs to allow again; of one program where it is given."""
    mine = Objection.objects.filter(customer_id=customer_id, account_id__in=account_ids)
    if client_id is not None:
        mine = mine.filter(client_id=client_id)
    mine.delete()


def note_reminded(consent: Consent, *, at: datetime) -> ConsentEvent:
    """Keep that the customer was told that it ends soon."""
    return _note(consent, ConsentEvent.Kind.REMINDED, at=at, by="portal")


def note_no_consent(
    *, customer_id: UUID, kind: ConsentEvent.Kind, at: datetime, client_id: int | None = None
) -> None:
    """Keep that the customer declined, at the bank or here, or never came back: all that stays of it.

    `client_id`: the program that asked, if one did.
    """
    ConsentEvent.objects.create(
        customer_id=customer_id, kind=kind, at=at, by="customer", client_id=client_id
    )


def _supersede(newer: Consent, resources: Sequence[Resource], *, at: datetime, by: str) -> None:
    olders = live_consents(
        newer.customer_id, recipient=newer.recipient, client_id=newer.client_id, at=at
    ).filter(purpose__code=newer.purpose.code)
    for older in olders.select_related("purpose", "notice"):
        named = [
            Resource(each.account_id, each.scope, each.code) for each in resources_of([older.id])
        ]
        _replace(older, at=at, by=by)
        kept = kept_of(named, resources)
        if kept:
            _keep(_same_terms(older, at=at), sorted(kept), at=at, by=by)


def _replace(older: Consent, *, at: datetime, by: str) -> None:
    _end(older, Consent.Ended.SUPERSEDED, at=at, by=by)
    superseded = ConsentSuperseded(consent_id=older.id, customer_id=older.customer_id)
    publish(superseded, key=_key(older), occurred_at=at)


def _same_terms(older: Consent, *, at: datetime) -> Consent:
    return Consent(
        customer_id=older.customer_id,
        recipient=older.recipient,
        client_id=older.client_id,
        purpose=older.purpose,
        notice=older.notice,
        granted_at=at,
        expires_at=older.expires_at,
        history_from=older.history_from,
    )


def _keep(consent: Consent, resources: Sequence[Resource], *, at: datetime, by: str) -> Consent:
    consent.save(force_insert=True)
    ConsentResource.objects.bulk_create(
        ConsentResource(
            consent=consent,
            customer_id=consent.customer_id,
            account_id=each.account_id,
            scope=each.scope,
            code=each.code,
        )
        for each in sorted(set(resources))
    )
    _note(consent, ConsentEvent.Kind.GRANTED, at=at, by=by)
    granted = ConsentGranted(consent_id=consent.id, customer_id=consent.customer_id)
    publish(granted, key=_key(consent), occurred_at=at)
    if consent.client_id is not None:
        withdraw_objections(
            customer_id=consent.customer_id,
            client_id=consent.client_id,
            account_ids={each.account_id for each in resources},
        )
        lapsed = ConsentLapsed(consent_id=consent.id, customer_id=consent.customer_id)
        # Under a key of its own: what waits for months must not hold up what happens meanwhile.
        publish(lapsed, key=f"consent:{consent.id}", occurred_at=consent.expires_at)
    _tell_sockets(consent)
    return consent


def _end(consent: Consent, why: Consent.Ended, *, at: datetime, by: str) -> None:
    consent.ended_at, consent.ended_why = at, why
    consent.save(update_fields=["ended_at", "ended_why"])
    _note(consent, ConsentEvent.Kind(why.value), at=at, by=by)


def _note(consent: Consent, kind: ConsentEvent.Kind, *, at: datetime, by: str) -> ConsentEvent:
    return ConsentEvent.objects.create(
        consent=consent, customer_id=consent.customer_id, kind=kind, at=at, by=by
    )


def _tell_sockets(consent: Consent) -> None:
    # Whoever shows something of the customer's reads it again, through the gate.
    poke_after_commit("sessions", f"{consent.bank_id} {consent.customer_id}")


def _close_latch_of(consent_id: UUID) -> None:
    customer_id = Consent.objects.filter(pk=consent_id).values_list("customer_id", flat=True)
    found = customer_id.first()
    if found is None:
        raise NotFound
    close_latch(found)


def _lock_customer(customer_id: UUID) -> None:
    # Two grants at once would each replace the same older consent and both stay.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT 1 FROM partners_customer WHERE bank_id = %s AND id = %s FOR NO KEY UPDATE",
            [current_bank_id(), customer_id],
        )
        if cursor.fetchone() is None:
            raise NotFound


def _key(consent: Consent) -> str:
    return f"customer:{consent.customer_id}"
