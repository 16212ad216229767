"""Reading conversations, their messages, and the streams that tell of them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef

from messaging.conversations.models import Conversation, Message, ReadMark, Stream, StreamEvent
from partners.instructions.models import Instruction
from portal.rest.problems import NotFound
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.prepared import ask_prepared

CUSTOMER_READER = "customer"
LARGEST_PAGE = 100


_TOLD_AFTER = """
    SELECT s.epoch, s.head, c.display_name, b.name, e.id, e.seq, e.kind, e.at, e.message_id,
           m.conversation_id, m.seq, m.rev, m.kind, m.author, m.text, m.client_msg_id, m.created_at
    FROM messaging_stream s
    JOIN partners_customer c ON c.bank_id = s.bank_id AND c.id = s.customer_id
    JOIN partners_bank b ON b.id = s.bank_id
    LEFT JOIN messaging_streamevent e
        ON e.bank_id = s.bank_id AND e.stream = s.name AND e.seq > %s
    LEFT JOIN messaging_message m ON m.bank_id = e.bank_id AND m.id = e.message_id
    WHERE s.bank_id = %s AND s.name = %s
    ORDER BY e.seq LIMIT %s
"""


class Told(NamedTuple):
    """A stream's place and names, and one of its next events with its message (no event: no event's id)."""

    epoch: UUID
    head: int
    customer_name: str
    bank_name: str
    event_id: UUID | None
    event_seq: int
    event_kind: str
    event_at: datetime
    message_id: UUID | None
    conversation_id: UUID
    seq: int
    rev: int
    kind: str
    author: str
    text: str
    client_msg_id: UUID | None
    created_at: datetime


@dataclass(frozen=True)
class Page:
    """Messages in their order, the stream's head that they are true for, and whether older ones exist."""

    messages: Sequence[Message]
    head: int
    epoch: UUID
    has_more: bool
    read_seq: int


def get_conversation(conversation_id: UUID) -> Conversation:
    """A conversation within reach. Raises NotFound."""
    found = Conversation.objects.filter(pk=conversation_id).first()
    if found is None:
        raise NotFound
    return found


def conversations() -> list[Conversation]:
    """Those within reach: a customer has one."""
    return list(Conversation.objects.order_by("created_at", "id"))


def find_stream(name: str) -> Stream | None:
    return Stream.objects.filter(name=name).first()


def stream_heads(names: Collection[str]) -> dict[str, tuple[UUID, int]]:
    """Epoch and last number of each named stream within reach."""
    rows = Stream.objects.filter(name__in=names).values_list("name", "epoch", "head")
    return {name: (epoch, head) for name, epoch, head in rows}


def events_after(name: str, seq: int, *, at_most: int) -> list[StreamEvent]:
    """The stream's next events, in order, each with its message."""
    events = StreamEvent.objects.filter(stream=name, seq__gt=seq).select_related("message")
    return list(events.order_by("seq")[:at_most])


def told_after(name: str, seq: int, *, at_most: int) -> list[Told]:
    """A stream and its next events in one query, past the ORM: what a socket asks after every poke.

    Empty where there is no such stream within reach; one row without an event where there are none.
    """
    return [
        Told(*row) for row in ask_prepared(_TOLD_AFTER, [seq, current_bank_id(), name, at_most])
    ]


def page_of(conversation: Conversation, *, before_seq: int | None, limit: int) -> Page:
    """The newest `limit` messages, or the newest before one. The head is read first: what comes later is told after it."""
    stream = Stream.objects.get(name=conversation.stream_name)
    below = stream.head + 1 if before_seq is None else min(before_seq, stream.head + 1)
    newest = Message.objects.filter(conversation=conversation, seq__lt=below).order_by("-seq")
    found = list(newest[: limit + 1])
    marked = ReadMark.objects.filter(conversation=conversation, reader=CUSTOMER_READER)
    return Page(
        messages=found[:limit][::-1],
        head=stream.head,
        epoch=stream.epoch,
        has_more=len(found) > limit,
        read_seq=marked.values_list("read_seq", flat=True).first() or 0,
    )


def freezes_of(alert_ids: Collection[UUID]) -> dict[UUID, Instruction]:
    """What the bank was asked to freeze after each of these alerts, where it was: by whichever holder."""
    asked = Instruction.objects.filter(alert_id__in=alert_ids, kind=Instruction.Kind.FREEZE)
    return {each.alert_id: each for each in asked if each.alert_id is not None}


def threads_page(*, before: UUID | None, at_most: int) -> list[Message]:
    """The last typed text of each conversation, newest first, from behind the message `before`.

    Ids are made in the order of time (UUIDv7), so that the table's own key is the order.
    """
    typed = Message.objects.filter(kind=Message.Kind.TEXT)
    later = typed.filter(conversation_id=OuterRef("conversation_id"), seq__gt=OuterRef("seq"))
    last = typed.filter(~Exists(later)).select_related("customer")
    if before is not None:
        last = last.filter(id__lt=before)
    return list(last.order_by("-id")[:at_most])
