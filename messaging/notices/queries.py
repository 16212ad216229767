"""Reading notices, and where customers are reached."""

from datetime import datetime
from uuid import UUID

from django.db import connections

from messaging.conversations.models import Message, ReadMark
from messaging.conversations.queries import CUSTOMER_READER
from messaging.conversations.rules import OPEN
from messaging.notices.models import MailAddress
from portal.secrets.fields import open_secret

_BANKS_WITH_WORK = """
    SELECT bank_id FROM messaging_notice
    WHERE due_at <= %s AND (lease_until IS NULL OR lease_until <= %s)
    GROUP BY bank_id ORDER BY min(due_at)
"""


def banks_with_due_notices(*, at: datetime) -> list[UUID]:
    """The banks that have somebody to tell, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at, at])
        return [row[0] for row in cursor.fetchall()]


def why_not_needed(card: Message) -> str:
    """Why nobody has to be told of this card any more; empty where somebody has to."""
    if card.state != OPEN:
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


def plain_address(row: MailAddress) -> str:
    return open_secret(row, "address")
