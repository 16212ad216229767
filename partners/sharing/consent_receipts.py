"""A consent's receipt: what was allowed, with which words, as a customer keeps it; signed for the bank.

Its words are near the consent receipt of Kantara and ISO/IEC TS 27560. It says what was so when the consent
was given, so that the same one is made whenever it is asked for.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.consent.models import Consent, ConsentResource
from accounts.consent.queries import resources_of
from accounts.consent.references import consent_reference
from partners.banks.keys import keys_address, signed_words
from partners.banks.models import Bank, Customer
from partners.ledger.queries import accounts_of
from partners.sharing.shapes import instant
from partners.sharing.words import chat_name
from portal.rest.problems import NotFound
from portal.tenancy.blocks import served

VERSION = "portal.consent-receipt/1"
TOKEN_TYPE = "consent-receipt+jws"  # noqa: S105  # a kind of document, no secret

Receipt = Mapping[str, Any]


def consent_receipt(consent_id: UUID, *, customer: Customer) -> Receipt:
    """What the receipt says, in the customer's block. Raises NotFound for a consent that is not theirs."""
    mine = Consent.objects.select_related("purpose", "client", "notice")
    consent = mine.filter(pk=consent_id, customer_id=customer.id).first()
    if consent is None:
        raise NotFound
    bank, purpose, notice = customer.bank, consent.purpose, consent.notice
    return {
        "version": VERSION,
        "receipt_id": consent_reference(bank.id, consent.id),
        "issued_at": instant(consent.granted_at),
        "jurisdiction": bank.country,
        "language": notice.locale,
        "collection_method": "A page of the bank's portal, by the customer's own choice.",
        "consent_type": "explicit",
        "pii_principal": {"name": customer.display_name, "reference": customer.external_id},
        "pii_controller": {"name": bank.name, "contact": bank.phone, "website": bank.website},
        "recipient": _recipient(consent, bank),
        "purpose": {
            "code": purpose.code,
            "version": purpose.version,
            "title": purpose.title,
            "secondary_use": purpose.secondary_use,
        },
        "notice": {"locale": notice.locale, "text": notice.text, "sha256": notice.sha256},
        "resources": _resources(consent.id),
        "history_from": consent.history_from.isoformat(),
        "valid_from": instant(consent.granted_at),
        "valid_until": instant(consent.expires_at),
        "third_party_disclosure": False,
        "withdrawal": "At any time, at once, on the page “Who sees what” of the bank's chat.",
        "keys": keys_address(bank.slug),
    }


def signed_receipt(receipt: Receipt, *, at: datetime) -> Mapping[str, Any]:
    """The receipt with its signature (RFC 7515, RFC 8037), in the bank's block.

    `jws` holds the whole receipt again: what it holds is what was signed.
    """
    return {"receipt": receipt, "jws": signed_words(receipt, kind=TOKEN_TYPE, at=at)}


def _recipient(consent: Consent, bank: Bank) -> dict[str, str]:
    if consent.client is None:
        return {"kind": "chat", "name": chat_name(bank.name), "website": bank.website}
    return {
        "kind": "client",
        "name": str(consent.client.name),
        "website": consent.client.website,
    }


def _resources(consent_id: UUID) -> list[dict[str, Any]]:
    """By account; one that is no longer linked to the customer is named by its id alone."""
    by_account: dict[UUID, list[ConsentResource]] = defaultdict(list)
    for each in resources_of([consent_id]):
        by_account[each.account_id].append(each)
    linked = set(by_account) & set(served().account_ids)
    known = {each.id: each for each in accounts_of(sorted(linked))}
    return [
        {
            "account_id": str(account_id),
            "name": known[account_id].name if account_id in known else None,
            "masked_identification": known[account_id].masked_identification
            if account_id in known
            else None,
            "feeds": _codes(named, ConsentResource.Scope.FEED),
            "alert_types": _codes(named, ConsentResource.Scope.ALERT),
        }
        for account_id, named in sorted(by_account.items())
    ]


def _codes(named: Collection[ConsentResource], scope: str) -> list[str]:
    return sorted(each.code for each in named if each.scope == scope)
