"""Planning to tell somebody, and writing down whether it reached them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from messaging.conversations.models import Message
from messaging.notices.models import MailAddress, Notice, Sending, Way
from messaging.notices.queries import is_on, mail_address_of, plain_address, why_not_needed
from messaging.notices.rules import CANCELLED, FAILED, REACHED, SENDING, SETTLED, Next
from partners.banks.models import Bank, Customer
from partners.sharing.cards import may_announce
from partners.sharing.gate import Door
from portal.telemetry.measures import NOTICE_LAG, NOTICES
from portal.tenancy.blocks import current_bank_id

S = TypeVar("S", bound=Sending)

# A server that hangs may hold this many workers for one bank.
SLOTS_PER_BANK = 2

_CLAIM = """
    UPDATE "{table}" SET lease_until = %(until)s, fence = fence + 1, attempts = attempts + 1
    WHERE bank_id = %(bank)s AND id = (
        SELECT id FROM "{table}"
        WHERE bank_id = %(bank)s AND due_at <= %(at)s {of_way}
          AND (lease_until IS NULL OR lease_until <= %(at)s)
          AND (SELECT count(*) FROM "{table}" busy
               WHERE busy.bank_id = %(bank)s AND busy.due_at IS NOT NULL {of_way}
                 AND busy.lease_until > %(at)s) < %(slots)s
        ORDER BY due_at, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING id, customer_id, fence, attempts, planned_at, trace
"""


@dataclass(frozen=True)
class Claim:
    """One row of a queue, held by one worker."""

    id: UUID
    customer_id: UUID
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


def claim(model: type[Sending], *, way: str, at: datetime, lease: timedelta) -> Claim | None:
    """The longest waiting due row of the served bank; None where none is due, or no slot free.

    `way` of a notice; empty for a queue that has but one.
    """
    with connection.cursor() as cursor:
        values: dict[str, Any] = {
            "bank": current_bank_id(),
            "at": at,
            "until": at + lease,
            "slots": SLOTS_PER_BANK,
            "way": way,
        }
        of_way = "AND way = %(way)s" if way else ""
        cursor.execute(_CLAIM.format(table=model._meta.db_table, of_way=of_way), values)
        found = cursor.fetchone()
    return None if found is None else Claim(*found)


def held(model: type[S], claim: Claim) -> S | None:
    """The claimed row, locked; None where it is settled, or no longer this worker's."""
    rows: QuerySet[S] = QuerySet(model).select_for_update(no_key=True)
    return rows.filter(pk=claim.id, fence=claim.fence).exclude(state__in=SETTLED).first()


def is_needed(claim: Claim) -> bool:
    """False where it is settled now: nobody has to be told any more, or there is no way to."""
    notice = held(Notice, claim)
    return notice is not None and _address_to_tell(notice) is not None


def begin_sending(claim: Claim, *, at: datetime, lease: timedelta) -> Ready | None:
    """Decide in the last moment whether it has to and may leave, and write down that it is about to.

    In the customer's block. None where it is settled, or no longer this worker's.
    """
    notice = held(Notice, claim)
    address = None if notice is None else _address_to_tell(notice)
    if notice is None or address is None:
        return None
    if not _may_leave(notice, at):
        end(notice, Next(CANCELLED, None, "not_shared"))
        return None
    hand_over(notice, until=at + lease)
    return Ready(
        notice_id=notice.id,
        card=notice.message,
        bank=Bank.objects.get(pk=current_bank_id()),
        customer=Customer.objects.get(pk=notice.customer_id),
        address=address,
    )


def hand_over(row: Sending, *, until: datetime) -> None:
    """From now on it may have left us."""
    row.state, row.lease_until = SENDING, until
    row.save()


def settle(model: type[Sending], claim: Claim, then: Next, *, at: datetime) -> bool:
    """Write down what became of it; False where it is no longer this worker's."""
    row = held(model, claim)
    if row is None:
        return False
    if then.state == REACHED:
        row.reached_at = at
    end(row, then)
    return True


def end(row: Sending, then: Next) -> None:
    """Its state from now on, and when it is due again."""
    row.state, row.reason = then.state, then.reason[:60]
    row.due_at, row.lease_until = then.due_at, None
    row.save()
    if isinstance(row, Notice) and then.state in SETTLED:
        _measure(row)


def note_mailbox(row: MailAddress, *, refused_at: datetime | None) -> None:
    """Whether the last mail to this address was refused for good."""
    MailAddress.objects.filter(pk=row.pk).update(refused_at=refused_at)


def _measure(notice: Notice) -> None:
    NOTICES.labels(notice.way, notice.state, notice.reason).inc()
    if notice.reached_at is not None:
        took = notice.reached_at - notice.occurred_at
        NOTICE_LAG.labels(notice.way).observe(took.total_seconds())


def _address_to_tell(notice: Notice) -> MailAddress | None:
    """Where it goes; None where it was settled as not needed, or as having nowhere to go."""
    why_not = why_not_needed(notice.message)
    if not why_not and not is_on(notice.customer_id, Way.MAIL):
        why_not = "switched_off"
    if why_not:
        end(notice, Next(CANCELLED, None, why_not))
        return None
    address = mail_address_of(notice.customer_id)
    if address is None:
        end(notice, Next(FAILED, None, "no_address"))
    return address


def _may_leave(notice: Notice, at: datetime) -> bool:
    is_noted = notice.disclosed_at is not None
    allowed = may_announce(notice.alert_id, door=Door.MAIL, at=at, noted=is_noted)
    if allowed and not is_noted:
        notice.disclosed_at = at
    return allowed
