"""A customer's answer to a program, in their block."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from accounts.clients.actions import (
    RequestOver,
    forget_answered,
    give_code,
    keep_request,
    same_code,
    waiting_request,
)
from accounts.clients.models import ConsentRequest
from accounts.clients.rules import Asked
from accounts.consent.actions import Resource, grant_consent, note_no_consent
from accounts.consent.models import Consent, ConsentEvent
from accounts.consent.references import consent_reference
from partners.asking.queries import Offer, Party
from partners.banks.models import Customer
from partners.banks.queries import reader_locale
from portal.tenancy.blocks import current_bank_id, serving

_MOST_AT_ONCE = 200


def put_request(party: Party, asked: Asked, customer: Customer, *, at: datetime) -> ConsentRequest:
    """The request is before the customer's eyes from now on. Raises RequestOver where it was answered."""
    row = keep_request(customer_id=customer.id, client_id=party.client.pk, asked=asked, at=at)
    if row.consent:
        raise RequestOver
    return row


def say_yes(
    party: Party,
    asked: Asked,
    customer: Customer,
    offer: Offer,
    *,
    resources: Sequence[Resource],
    scope: str,
    expires_at: datetime,
    at: datetime,
) -> str:
    """Keep what the customer allows; the code that the program gets. Said twice it is the same yes.

    Raises RequestOver, ConsentInvalid.
    """
    row = waiting_request(customer_id=customer.id, asked=asked)
    if row is None or (not row.consent and row.expires_at <= at):
        raise RequestOver
    if row.consent:
        return same_code(row, at=at)
    consent = grant_consent(
        customer_id=customer.id,
        recipient=Consent.Recipient.CLIENT,
        client_id=party.client.pk,
        purpose_code=asked.purpose,
        locale=reader_locale(party.bank, customer),
        expires_at=expires_at,
        history_from=offer.history_from,
        resources=resources,
        at=at,
        by="customer",
    )
    reference = consent_reference(current_bank_id(), consent.id)
    return give_code(row, asked=asked, consent=reference, scope=scope, at=at)


def say_no(asked: Asked, *, customer_id: UUID, at: datetime) -> None:
    """An event is all that stays of a no; said twice there is one. Raises RequestOver after a yes."""
    row = waiting_request(customer_id=customer_id, asked=asked)
    if row is None:
        return
    if row.consent:
        raise RequestOver
    row.delete()
    note_no_consent(
        customer_id=customer_id, client_id=row.client_id, kind=ConsentEvent.Kind.DENIED, at=at
    )


def forget_unanswered(*, bank_id: UUID, at: datetime) -> int:
    """Requests that nobody answered in time: an event is all that stays of each; how many."""
    with serving(bank_id):
        requests = ConsentRequest.objects.select_for_update(no_key=True, skip_locked=True)
        over = list(
            requests.filter(consent="", expires_at__lte=at).order_by("expires_at")[:_MOST_AT_ONCE]
        )
        for each in over:
            note_no_consent(
                customer_id=each.customer_id,
                client_id=each.client_id,
                kind=ConsentEvent.Kind.ABANDONED,
                at=at,
            )
        ConsentRequest.objects.filter(pk__in=[each.pk for each in over]).delete()
        forget_answered(at=at)
    return len(over)
