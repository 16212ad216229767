"""Reading notices, and where customers are reached."""

from datetime import datetime
from uuid import UUID

from django.db import connections

from messaging.conversations.models import Message, ReadMark
from messaging.conversations.queries import CUSTOMER_READER
from messaging.conversations.rules import OPEN
from messaging.notices.models import AddressProof, MailAddress, PushSubscription, WayChoice
from portal.secrets.fields import open_secret

_BANKS_WITH_WORK = """
    SELECT bank_id FROM (
        SELECT bank_id, due_at, lease_until FROM messaging_notice WHERE due_at <= %(at)s
        UNION ALL
        SELECT bank_id, due_at, lease_until FROM messaging_addressproof WHERE due_at <= %(at)s
    ) due
    WHERE lease_until IS NULL OR lease_until <= %(at)s
    GROUP BY bank_id ORDER BY min(due_at)
"""


def banks_with_due_sendings(*, at: datetime) -> list[UUID]:
    """The banks that have somebody to write to, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, {"at": at})
        return [row[0] for row in cursor.fetchall()]


def why_not_needed(card: Message) -> str:
    """Why nobody has to be told of this card any more; empty where somebody has to."""
    if card.alert_id is not None and card.state != OPEN:
        return "answered"
    read = ReadMark.objects.filter(
        conversation_id=card.conversation_id, reader=CUSTOMER_READER, read_seq__gte=card.seq
    )
    return "seen" if read.exists() else ""


def mail_address_of(customer_id: UUID) -> MailAddress | None:
    """Where the customer's mail goes: their own word before the bank's."""
    held = MailAddress.objects.filter(customer_id=customer_id)
    by_source = {each.source: each for each in held}
    own = by_source.get(MailAddress.Source.CUSTOMER)
    return own or by_source.get(MailAddress.Source.BANK)


def addresses_of(customer_id: UUID) -> set[str]:
    """Every address that the customer's mail goes to, or may soon."""
    kept = MailAddress.objects.filter(customer_id=customer_id)
    asked = AddressProof.objects.filter(customer_id=customer_id, closed_at__isnull=True)
    return {open_secret(each, "address") for each in [*kept, *asked]}


def plain_address(row: MailAddress) -> str:
    return open_secret(row, "address")


def is_on(customer_id: UUID, way: str) -> bool:
    """Whether the customer wants to be told by that way: yes, until they say no."""
    said = WayChoice.objects.filter(customer_id=customer_id, way=way)
    return said.values_list("is_on", flat=True).first() is not False


def open_proof(customer_id: UUID, *, at: datetime, lock: bool = False) -> AddressProof | None:
    """The address that the customer may still prove with the digits that were mailed there."""
    found = AddressProof.objects.filter(
        customer_id=customer_id, closed_at__isnull=True, expires_at__gt=at
    )
    return (found.select_for_update(no_key=True) if lock else found).first()


def has_browsers(customer_id: UUID) -> bool:
    return PushSubscription.objects.filter(customer_id=customer_id).exists()


def browsers_of(customer_id: UUID) -> list[PushSubscription]:
    """The browsers in which the customer is notified, the newest first."""
    held = PushSubscription.objects.filter(customer_id=customer_id)
    return list(held.order_by("-created_at", "-id"))
