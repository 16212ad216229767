"""Planning to tell somebody, and writing down whether it reached them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from accounts.consent.queries import ends_within
from messaging.conversations.models import Message
from messaging.notices.models import MailAddress, Notice, PushSubscription, Sending, Way
from messaging.notices.queries import (
    browsers_of,
    has_browsers,
    is_on,
    mail_address_of,
    plain_address,
    why_not_needed,
)
from messaging.notices.rules import (
    CANCELLED,
    FAILED,
    REACHED,
    REMINDER_AFTER,
    REMINDERS,
    SENDING,
    SETTLED,
    Next,
)
from messaging.notices.webpush import is_offered
from partners.banks.models import Bank, Customer
from partners.sharing.cards import may_announce
from partners.sharing.gate import Door
from portal.telemetry.measures import NOTICE_LAG, NOTICES
from portal.tenancy.blocks import current_bank_id

S = TypeVar("S", bound=Sending)

_DOORS = {Way.MAIL: Door.MAIL, Way.PUSH: Door.PUSH}
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
class Leaving:
    """A notice that may leave now: about which card, in whose words."""

    notice_id: UUID
    card: Message
    bank: Bank
    customer: Customer


@dataclass(frozen=True)
class ReadyMail(Leaving):
    """And where to."""

    address: MailAddress

    @property
    def mail_address(self) -> str:
        return plain_address(self.address)


@dataclass(frozen=True)
class ReadyPush(Leaving):
    """And to which browsers; `gone` is filled with those whose push service knows them no more."""

    browsers: tuple[PushSubscription, ...]
    gone: list[UUID] = field(default_factory=list)
    taken: list[UUID] = field(default_factory=list)


def plan_notices(card: Message, *, occurred_at: datetime, at: datetime, trace: str = "") -> None:
    """Tell the customer of this card by other ways, unless they have seen it by then.

    In their block, in the transaction that posts the card. A browser is faster than a mailbox, and a mail
    is not needed where the notification was enough: so it goes later.
    """
    if card.alert_id is None or card.kind != Message.Kind.FRAUD_ALERT:
        return
    due = {Way.MAIL: at + settings.NOTICE_AFTER}
    if is_offered() and has_browsers(card.customer_id) and is_on(card.customer_id, Way.PUSH):
        due[Way.PUSH] = due[Way.MAIL]
        due[Way.MAIL] += settings.NOTICE_MAIL_AFTER_PUSH
    Notice.objects.bulk_create(
        (
            Notice(
                customer_id=card.customer_id,
                message=card,
                alert_id=card.alert_id,
                way=way,
                occurred_at=occurred_at,
                planned_at=at,
                due_at=due_at,
                trace=trace,
            )
            for way, due_at in due.items()
        ),
        ignore_conflicts=True,
    )


def plan_reminder(line: Message, *, at: datetime) -> None:
    """Mail what the line says, unless the customer has seen it in the chat by then."""
    due_at = at + REMINDER_AFTER
    Notice.objects.bulk_create(
        [
            Notice(
                customer_id=line.customer_id,
                message=line,
                alert_id=line.id,
                way=Way.MAIL,
                occurred_at=at,
                planned_at=due_at,
                due_at=due_at,
            )
        ],
        ignore_conflicts=True,
    )


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


def is_needed(held_by: Claim) -> bool:
    """False where it is settled now: nobody has to be told any more, or there is no way to."""
    notice = held(Notice, held_by)
    return notice is not None and _has_to_go(notice)


def begin_mail(held_by: Claim, *, at: datetime, lease: timedelta) -> ReadyMail | None:
    """Decide in the last moment whether it has to and may leave, and write down that it is about to.

    In the customer's block. None where it is settled, or no longer this worker's.
    """
    notice = _begun(held_by, at=at, lease=lease)
    address = None if notice is None else mail_address_of(notice.customer_id)
    if notice is None or address is None:
        return None
    return ReadyMail(*_leaving(notice), address)


def begin_push(held_by: Claim, *, at: datetime, lease: timedelta) -> ReadyPush | None:
    """The same for the customer's browsers."""
    notice = _begun(held_by, at=at, lease=lease)
    if notice is None:
        return None
    return ReadyPush(*_leaving(notice), tuple(browsers_of(notice.customer_id)))


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
        if row.way == Way.PUSH and then.state == FAILED:
            _bring_mail_forward(row)


def note_browsers(ready: ReadyPush, *, at: datetime) -> None:
    """Forget the browsers that are gone, and remember those that were reached."""
    PushSubscription.objects.filter(pk__in=ready.gone).delete()
    PushSubscription.objects.filter(pk__in=ready.taken).update(reached_at=at)


def note_mailbox(row: MailAddress, *, refused_at: datetime | None) -> None:
    """Whether the last mail to this address was refused for good."""
    MailAddress.objects.filter(pk=row.pk).update(refused_at=refused_at)


def _measure(notice: Notice) -> None:
    NOTICES.labels(notice.way, notice.state, notice.reason).inc()
    if notice.reached_at is not None and notice.message.alert_id is not None:
        took = notice.reached_at - notice.occurred_at
        NOTICE_LAG.labels(notice.way).observe(took.total_seconds())


def _begun(held_by: Claim, *, at: datetime, lease: timedelta) -> Notice | None:
    notice = held(Notice, held_by)
    if notice is None or not _has_to_go(notice):
        return None
    if why_not := _why_not_leave(notice, at):
        end(notice, Next(CANCELLED, None, why_not))
        return None
    hand_over(notice, until=at + lease)
    return notice


def _leaving(notice: Notice) -> tuple[UUID, Message, Bank, Customer]:
    bank = Bank.objects.get(pk=current_bank_id())
    return notice.id, notice.message, bank, Customer.objects.get(pk=notice.customer_id)


def _has_to_go(notice: Notice) -> bool:
    """False where it was settled as not needed, or as having nowhere to go."""
    why_not = why_not_needed(notice.message)
    if not why_not and not is_on(notice.customer_id, notice.way):
        why_not = "switched_off"
    if why_not:
        end(notice, Next(CANCELLED, None, why_not))
        return False
    if notice.way == Way.MAIL and mail_address_of(notice.customer_id) is None:
        end(notice, Next(FAILED, None, "no_address"))
        return False
    if notice.way == Way.PUSH and not has_browsers(notice.customer_id):
        end(notice, Next(FAILED, None, "no_browser"))
        return False
    return True


def _why_not_leave(notice: Notice, at: datetime) -> str:
    """Why it may not leave, or does not have to any more; empty where it leaves now."""
    within = REMINDERS.get(notice.message.template)
    if within is None:
        return "" if _may_announce(notice, at) else "not_shared"
    # Moved or ended since: the customer has said what they want.
    return "" if ends_within(notice.customer_id, within=within, at=at) else "answered"


def _may_announce(notice: Notice, at: datetime) -> bool:
    is_noted = notice.disclosed_at is not None
    allowed = may_announce(notice.alert_id, door=_DOORS[Way(notice.way)], at=at, noted=is_noted)
    if allowed and not is_noted:
        notice.disclosed_at = at
    return allowed


def _bring_mail_forward(notice: Notice) -> None:
    """No browser can be reached: the mail has nothing to wait for."""
    mail = Notice.objects.filter(alert_id=notice.alert_id, customer_id=notice.customer_id)
    waiting = mail.filter(way=Way.MAIL, state=Notice.State.PLANNED, attempts=0)
    waiting.update(due_at=notice.planned_at + settings.NOTICE_AFTER)
