"""Where a customer is reached: what the bank says, what they say and prove themselves, and what they want."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from messaging.conversations.actions import post_line
from messaging.notices.actions import Claim, end, hand_over, held
from messaging.notices.models import AddressProof, MailAddress, PushSubscription, Way, WayChoice
from messaging.notices.queries import browsers_of, open_proof, plain_address
from messaging.notices.rules import CANCELLED, Next, mail_address
from messaging.notices.webpush import are_keys
from partners.banks.models import Bank, Customer
from portal.outside.addresses import why_not_url
from portal.rest.problems import TooMany
from portal.secrets.fields import keep_secret, open_secret
from portal.tenancy.blocks import current_bank_id
from portal.wakeups import wake_after_commit

TASK = "messaging.notices.tasks.send_due"
ADDRESS_CHANGED = "address_changed"
PROOF_AGE = timedelta(minutes=15)
TRIES = 5
PROOFS_PER_HOUR = 5
MOST_BROWSERS = 10
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class ReadyProof:
    """A proof that may leave now."""

    proof_id: UUID
    mail_address: str
    code: str
    expires_at: datetime
    bank: Bank
    customer: Customer


def keep_bank_address(*, customer_id: UUID, said: str | None, at: datetime) -> None:
    """The address that the bank vouches for; None where it says nothing, so that an earlier word holds."""
    if said is None:
        return
    address = mail_address(said)
    if address is None:
        _of(customer_id, MailAddress.Source.BANK).delete()
    else:
        _keep(customer_id, MailAddress.Source.BANK, address, at)


def choose_way(*, customer_id: UUID, way: str, is_on: bool, at: datetime) -> None:
    """Tell the customer by that way from now on, or no more."""
    WayChoice.objects.update_or_create(
        customer_id=customer_id,
        way=Way(way),
        defaults={"is_on": is_on, "changed_at": at},
    )


def ask_proof(*, customer_id: UUID, text: str, at: datetime) -> AddressProof:
    """Mail six digits to an address that the customer says is theirs; an earlier asking is over.

    Raises ValueError where it is none, TooMany: nobody's mailbox is to be filled by somebody else.
    """
    address = mail_address(text)
    if address is None:
        raise ValueError("not a mail address")
    # Two askings side by side are counted one after the other.
    Customer.objects.select_for_update(no_key=True).get(pk=customer_id)
    asked = AddressProof.objects.filter(customer_id=customer_id)
    recent = asked.filter(planned_at__gt=at - _HOUR).order_by("planned_at")
    times = list(recent.values_list("planned_at", flat=True))
    if len(times) >= PROOFS_PER_HOUR:
        wait = times[-PROOFS_PER_HOUR] + _HOUR - at
        raise TooMany("Try again in an hour.", retry_after=int(wait.total_seconds()) + 1)
    give_up_proof(customer_id=customer_id, at=at)
    proof = AddressProof(
        customer_id=customer_id,
        planned_at=at,
        due_at=at,
        expires_at=at + PROOF_AGE,
        tries_left=TRIES,
    )
    keep_secret(proof, "address", address)
    keep_secret(proof, "code", f"{secrets.randbelow(10**6):06}")
    proof.save(force_insert=True)
    wake_after_commit(TASK, bank_id=str(current_bank_id()))
    return proof


def give_up_proof(*, customer_id: UUID, at: datetime) -> None:
    """The open asking is over, and its mail is not sent any more."""
    opened = AddressProof.objects.filter(customer_id=customer_id, closed_at__isnull=True)
    opened.update(closed_at=at, due_at=None)


def prove_address(*, customer_id: UUID, code: str, at: datetime) -> bool:
    """Whether these are the digits that were mailed: then mail goes there from now on.

    Wrong ones count in the same transaction, so that guesses side by side are counted too; after the
    last try the digits are worth nothing.
    """
    proof = open_proof(customer_id, at=at, lock=True)
    if proof is None:
        return False
    if not secrets.compare_digest(open_secret(proof, "code").encode(), code.strip().encode()):
        _count_wrong(proof, at)
        return False
    proof.closed_at, proof.due_at = at, None
    proof.save(update_fields=["closed_at", "due_at"])
    _keep(customer_id, MailAddress.Source.CUSTOMER, open_secret(proof, "address"), at)
    # Whoever else is signed in as this customer learns of it where they talk with their bank.
    post_line(customer_id=customer_id, template=ADDRESS_CHANGED, caused_by=proof.id, at=at)
    return True


def forget_own_address(*, customer_id: UUID) -> None:
    """The bank's word on the address holds again, where it has given one."""
    _of(customer_id, MailAddress.Source.CUSTOMER).delete()


def keep_browser(
    *, customer_id: UUID, endpoint: str, p256dh: str, auth: str, label: str, at: datetime
) -> bool:
    """Notify the customer in this browser too; the same one again takes the place of what it was.

    False where the browser's keys are none, or its push service is nowhere we would go.
    """
    if why_not_url(endpoint, loopback=settings.CALLS_TO_LOOPBACK) or not are_keys(p256dh, auth):
        return False
    digest = sha256(endpoint.encode()).hexdigest()
    known = PushSubscription.objects.filter(
        customer_id=customer_id, endpoint_digest=digest
    ).first()
    row = known or PushSubscription(customer_id=customer_id, endpoint_digest=digest)
    keep_secret(row, "endpoint", endpoint)
    keep_secret(row, "keys", f"{p256dh} {auth}")
    row.label, row.created_at = label, at
    row.save()
    older = [each.pk for each in browsers_of(customer_id)[MOST_BROWSERS:]]
    PushSubscription.objects.filter(pk__in=older).delete()
    choose_way(customer_id=customer_id, way=Way.PUSH, is_on=True, at=at)
    return True


def forget_browser(*, customer_id: UUID, browser_id: UUID) -> None:
    """No more notifications there."""
    PushSubscription.objects.filter(customer_id=customer_id, pk=browser_id).delete()


def begin_proof(claim: Claim, *, at: datetime, lease: timedelta) -> ReadyProof | None:
    """Write down that the digits are about to leave. None where they are no longer wanted."""
    proof = held(AddressProof, claim)
    if proof is None:
        return None
    if proof.closed_at is not None or proof.expires_at <= at:
        end(proof, Next(CANCELLED, None, "over"))
        return None
    hand_over(proof, until=at + lease)
    return ReadyProof(
        proof_id=proof.id,
        mail_address=open_secret(proof, "address"),
        code=open_secret(proof, "code"),
        expires_at=proof.expires_at,
        bank=Bank.objects.get(pk=current_bank_id()),
        customer=Customer.objects.get(pk=proof.customer_id),
    )


def _count_wrong(proof: AddressProof, at: datetime) -> None:
    proof.tries_left -= 1
    if proof.tries_left == 0:
        proof.closed_at, proof.due_at = at, None
    proof.save(update_fields=["tries_left", "closed_at", "due_at"])


def _of(customer_id: UUID, source: str) -> QuerySet[MailAddress]:
    return MailAddress.objects.filter(customer_id=customer_id, source=source)


def _keep(customer_id: UUID, source: str, address: str, at: datetime) -> None:
    known = _of(customer_id, source).first()
    if known is not None and plain_address(known) == address:
        return
    row = known or MailAddress(customer_id=customer_id, source=source)
    keep_secret(row, "address", address)
    row.changed_at, row.refused_at = at, None
    row.save()
