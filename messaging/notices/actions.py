"""Planning to tell somebody, and writing down whether it reached them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from messaging.conversations.models import Message
from messaging.notices.models import MailAddress, Notice, Way
from messaging.notices.queries import mail_address_of, plain_address, why_not_needed
from messaging.notices.rules import CANCELLED, FAILED, REACHED, SENDING, SETTLED, Next
from messaging.notices.rules import mail_address as as_mail_address
from partners.banks.models import Bank, Customer
from partners.sharing.cards import may_announce
from partners.sharing.gate import Door
from portal.secrets.fields import keep_secret
from portal.telemetry.measures import NOTICE_LAG, NOTICES
from portal.tenancy.blocks import current_bank_id

# A mail server that hangs may hold this many workers for one bank.
SLOTS_PER_BANK = 2

_CLAIM = """
    UPDATE messaging_notice SET lease_until = %(until)s, fence = fence + 1, attempts = attempts + 1
    WHERE bank_id = %(bank)s AND id = (
        SELECT id FROM messaging_notice
        WHERE bank_id = %(bank)s AND due_at <= %(at)s
          AND (lease_until IS NULL OR lease_until <= %(at)s)
          AND (SELECT count(*) FROM messaging_notice busy
               WHERE busy.bank_id = %(bank)s AND busy.due_at IS NOT NULL
                 AND busy.lease_until > %(at)s) < %(slots)s
        ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id, customer_id, way, fence, attempts, planned_at, trace
"""


@dataclass(frozen=True)
class Claim:
    """One notice held by one worker."""

    id: UUID
    customer_id: UUID
    way: str
    fence: int
    attempts: int
    planned_at: datetime
    trace: str


@dataclass(frozen=True)
class Ready:
    """A notice that may leave now: about which card, in whose words, and where to."""

    notice_id: UUID
    card: Message
    bank: Bank
    customer: Customer
    address: MailAddress

    @property
    def mail_address(self) -> str:
        return plain_address(self.address)


def plan_notices(card: Message, *, occurred_at: datetime, at: datetime, trace: str = "") -> None:
    """Tell the customer of this card by other ways, unless they have seen it by then.

    In their block, in the transaction that posts the card.
    """
    if card.alert_id is None or card.kind != Message.Kind.FRAUD_ALERT:
        return
    notice = Notice(
        customer_id=card.customer_id,
        message=card,
        alert_id=card.alert_id,
        way=Way.MAIL,
        occurred_at=occurred_at,
        planned_at=at,
        due_at=at + settings.NOTICE_AFTER,
        trace=trace,
    )
    Notice.objects.bulk_create([notice], ignore_conflicts=True)


def claim_notice(*, at: datetime, lease: timedelta) -> Claim | None:
    """The longest waiting due notice of the served bank; None where none is due, or no slot free."""
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "bank": current_bank_id(),
            "at": at,
            "until": at + lease,
            "slots": SLOTS_PER_BANK,
        }
        cursor.execute(_CLAIM, values)
        found = cursor.fetchone()
    return None if found is None else Claim(*found)


def is_needed(claim: Claim) -> bool:
    """False where it is settled now: nobody has to be told any more, or there is no way to."""
    notice = _held(claim)
    return notice is not None and _address_to_tell(notice) is not None


def begin_sending(claim: Claim, *, at: datetime, lease: timedelta) -> Ready | None:
    """Decide in the last moment whether it has to and may leave, and write down that it is about to.

    In the customer's block. None where it is settled, or no longer this worker's.
    """
    notice = _held(claim)
    address = None if notice is None else _address_to_tell(notice)
    if notice is None or address is None:
        return None
    if not _may_leave(notice, at):
        _settle(notice, Next(CANCELLED, None, "not_shared"))
        return None
    notice.state = SENDING
    notice.lease_until = at + lease
    notice.save(update_fields=["state", "lease_until", "disclosed_at"])
    return Ready(
        notice_id=notice.id,
        card=notice.message,
        bank=Bank.objects.get(pk=current_bank_id()),
        customer=Customer.objects.get(pk=notice.customer_id),
        address=address,
    )


def settle(claim: Claim, then: Next, *, at: datetime) -> bool:
    """Write down what became of it; False where it is no longer this worker's."""
    notice = _held(claim)
    if notice is None:
        return False
    if then.state == REACHED:
        notice.reached_at = at
        NOTICE_LAG.labels(notice.way).observe((at - notice.occurred_at).total_seconds())
    _settle(notice, then)
    return True


def keep_bank_address(*, customer_id: UUID, said: str | None, at: datetime) -> None:
    """The address that the bank vouches for; None where it says nothing, so that an earlier word holds."""
    if said is None:
        return
    held = MailAddress.objects.filter(customer_id=customer_id, source=MailAddress.Source.BANK)
    address = as_mail_address(said)
    known = held.first()
    if address is None:
        held.delete()
    elif known is None or plain_address(known) != address:
        row = known or MailAddress(customer_id=customer_id, source=MailAddress.Source.BANK)
        keep_secret(row, "address", address)
        row.changed_at, row.refused_at = at, None
        row.save()


def note_mailbox(row: MailAddress, *, refused_at: datetime | None) -> None:
    """Whether the last mail to this address was refused for good."""
    MailAddress.objects.filter(pk=row.pk).update(refused_at=refused_at)


def _held(claim: Claim) -> Notice | None:
    held = Notice.objects.select_for_update(no_key=True, of=("self",)).select_related("message")
    return held.filter(pk=claim.id, fence=claim.fence).exclude(state__in=SETTLED).first()


def _address_to_tell(notice: Notice) -> MailAddress | None:
    """Where it goes; None where it was settled as not needed, or as having nowhere to go."""
    why_not = why_not_needed(notice.message)
    if why_not:
        _settle(notice, Next(CANCELLED, None, why_not))
        return None
    address = mail_address_of(notice.customer_id)
    if address is None:
        _settle(notice, Next(FAILED, None, "no_address"))
    return address


def _may_leave(notice: Notice, at: datetime) -> bool:
    is_noted = notice.disclosed_at is not None
    allowed = may_announce(notice.alert_id, door=Door.MAIL, at=at, noted=is_noted)
    if allowed and not is_noted:
        notice.disclosed_at = at
    return allowed


def _settle(notice: Notice, then: Next) -> None:
    if then.state in SETTLED:
        NOTICES.labels(notice.way, then.state, then.reason).inc()
    notice.state, notice.reason = then.state, then.reason[:60]
    notice.due_at, notice.lease_until = then.due_at, None
    notice.save(
        update_fields=["state", "reason", "due_at", "lease_until", "reached_at", "disclosed_at"]
    )
