"""What a program asks a customer for, and the code that tells it of their yes."""

import base64
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from accounts.clients.models import AccessToken, ConsentRequest
from accounts.clients.rules import Asked
from portal.rest.problems import Conflict
from portal.secrets.keys import derive_key, master_keys
from portal.secrets.tokens import digest_of, read_bank_token
from portal.tenancy.blocks import current_bank_id, serving

CODE_KIND = "ac"
REQUEST_AGE = timedelta(minutes=10)
CODE_AGE = timedelta(seconds=60)
# A code that comes a second time ends the token that it gave, and is known for so long.
_KEPT = timedelta(hours=1)


class RequestOver(Conflict):
    """It was begun too long ago, or has been answered."""

    slug = "request-over"
    title = "This request has been answered, or its time is over"


@dataclass(frozen=True)
class SpentCode:
    """What a code stood for, and what it is held to."""

    consent: str
    scope: str
    redirect_uri: str
    code_challenge: str


def keep_request(
    *, customer_id: UUID, client_id: int, asked: Asked, at: datetime
) -> ConsentRequest:
    """The request as it is put to the customer, in their block; one that comes again is the same one."""
    row, is_new = ConsentRequest.objects.get_or_create(
        customer_id=customer_id,
        digest=asked.digest,
        defaults={"client_id": client_id, "asked_at": at, "expires_at": at + REQUEST_AGE},
    )
    if not is_new and not row.consent and row.expires_at <= at:
        row.asked_at, row.expires_at = at, at + REQUEST_AGE
        row.save(update_fields=["asked_at", "expires_at"])
    return row


def waiting_request(*, customer_id: UUID, asked: Asked) -> ConsentRequest | None:
    """The request, locked: whoever answers first has answered it."""
    mine = ConsentRequest.objects.select_for_update(no_key=True)
    return mine.filter(customer_id=customer_id, digest=asked.digest).first()


def give_code(row: ConsentRequest, *, asked: Asked, consent: str, scope: str, at: datetime) -> str:
    """Keep the yes, and the code that the program changes for its token within a minute."""
    code = _code_of(row)
    row.consent, row.scope = consent, scope
    row.redirect_uri, row.code_challenge = asked.redirect_uri, asked.code_challenge
    row.code_digest, row.code_expires_at = digest_of(code), at + CODE_AGE
    row.save()
    return code


def same_code(row: ConsentRequest, *, at: datetime) -> str:
    """The code again, for a yes that was said twice. Raises RequestOver once it is spent or over."""
    if row.used_at is not None or row.code_expires_at is None or row.code_expires_at <= at:
        raise RequestOver
    return _code_of(row)


def spend_code(*, code: str, client_id: int, at: datetime) -> SpentCode | None:
    """What the program's code stands for, once. Opens its own block, since only the code names the bank.

    One that comes again was stolen by somebody: what it gave ends (RFC 6749, section 4.1.2).
    """
    named = read_bank_token(code, kind=CODE_KIND)
    if named is None:
        return None
    with serving(named.bank_id):
        given = ConsentRequest.objects.select_for_update(no_key=True)
        row = given.filter(code_digest=named.digest, client_id=client_id).first()
        if row is None or row.code_expires_at is None:
            return None
        if row.used_at is not None:
            AccessToken.objects.filter(application_id=client_id, consent=row.consent).delete()
            return None
        if row.code_expires_at <= at:
            return None
        row.used_at = at
        row.save(update_fields=["used_at"])
        return SpentCode(row.consent, row.scope, row.redirect_uri, row.code_challenge)


def forget_answered(*, at: datetime) -> int:
    """Delete requests that were answered a while ago, in the bank's block; how many."""
    old = ConsentRequest.objects.filter(expires_at__lte=at - _KEPT).exclude(consent="")
    gone, _by_table = old.delete()
    return gone


def _code_of(row: ConsentRequest) -> str:
    bank_id = current_bank_id()
    place = f"portal:v1:consent-code:{bank_id}:{row.id}".encode()
    secret = base64.urlsafe_b64encode(derive_key(master_keys()[0], place)).decode().rstrip("=")
    return f"{CODE_KIND}_{bank_id.hex}_{secret}"
