"""A client program within the consent that it names: the same at every door."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from accounts.clients.queries import ClientPrincipal
from accounts.consent.queries import client_of_consent
from accounts.consent.references import consent_reference
from accounts.disclosure.actions import Occasion
from partners.banks.queries import is_bank
from partners.sharing.gate import Door, NotFoundHere, Recipient, Refusal
from portal.middleware import current_request_id
from portal.rest.problems import NotFound
from portal.tenancy.blocks import NotServed, serving_consent


@contextmanager
def within_consent(
    principal: ClientPrincipal, bank_id: UUID, consent_id: UUID, *, door: Door, at: datetime
) -> Iterator[Recipient]:
    """One transaction within the consent, if it is the program's own; else it does not exist.

    Raises NotFound, or NotFoundHere for `recording_refusals` to note the guess.
    """
    try:
        _require_named(principal, consent_reference(bank_id, consent_id))
        with serving_consent(bank_id, consent_id):
            _require_own(consent_id, principal)
            yield Recipient("client", principal.client_id, principal.scopes)
    except NotServed as reason:
        raise _guessed(bank_id, principal, door, at) from reason


def _require_named(principal: ClientPrincipal, reference: str) -> None:
    # A token that came of a customer's yes is good for what they said yes to, and nothing else.
    if principal.consent not in {"", reference}:
        raise NotServed


def _require_own(consent_id: UUID, principal: ClientPrincipal) -> None:
    if client_of_consent(consent_id) != principal.client_id:
        raise NotServed


def _guessed(
    bank_id: UUID, principal: ClientPrincipal, door: Door, at: datetime
) -> NotFound | NotFoundHere:
    """A consent that is not the program's: noted of the program alone, naming no row and no customer."""
    if not is_bank(bank_id):
        return NotFound()
    occasion = Occasion(
        at=at,
        recipient=principal.name,
        door=door.value,
        feed="",
        request_id=current_request_id(),
    )
    return NotFoundHere(Refusal(bank_id, occasion, reason="unknown_consent"))
