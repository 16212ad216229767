"""What a socket reads: each call is one short transaction with the customer's own reach, in a thread.

Every read passes the gate again, so that a socket never shows more than a new request would.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from accounts.signin.queries import WidgetPrincipal, live_session, live_session_ids
from accounts.signin.tickets import spend_ticket
from messaging.conversations import actions, queries
from messaging.conversations.models import Message, Stream, StreamEvent
from messaging.conversations.rendering import instant, render_messages
from partners.sharing.gate import Door
from portal.tenancy.blocks import NotServed, serving, serving_customer

logger = logging.getLogger(__name__)

MOST_REPLAYED = 300
PER_READ = 50
SNAPSHOT_MESSAGES = 30
CONVERSATION = "conv:"

P = ParamSpec("P")
T = TypeVar("T")
Body = dict[str, Any]


@dataclass(frozen=True)
class Read:
    """What came after a place in a stream: its next events, or a snapshot where they are too many or unknown."""

    epoch: str
    head: int
    events: tuple[Body, ...] = ()
    snapshot: Body | None = None


@dataclass(frozen=True)
class Beat:
    """What one bank's sockets are told at a beat: sessions that hold, and where the streams stand."""

    live_sessions: frozenset[UUID]
    heads: Mapping[str, int]


def in_thread(call: Callable[P, T]) -> Callable[P, T]:
    """Give the database connection back after the call, as a request would."""

    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        finally:
            close_old_connections()

    return called


def admit(ticket: str) -> WidgetPrincipal | None:
    """Whom a ticket admits, once; None where it, or the session behind it, is no longer good."""
    holder = spend_ticket(ticket)
    if holder is None:
        return None
    with serving(holder.bank_id):
        return live_session(holder.session_id, at=timezone.now())


def read_after(principal: WidgetPrincipal, name: str, seq: int, epoch: str | None) -> Read | None:
    """The stream after `seq`, rendered now; None where there is no such stream within reach."""
    at = timezone.now()
    try:
        with serving_customer(principal.bank_id, principal.customer_id):
            stream = queries.find_stream(name)
            return None if stream is None else _read(stream, seq, epoch, at)
    except NotServed:
        return None


def _read(stream: Stream, seq: int, epoch: str | None, at: datetime) -> Read:
    is_known = epoch is None or epoch == str(stream.epoch)
    if not is_known or not 0 <= stream.head - seq <= MOST_REPLAYED:
        return _snapshot(stream, at)
    events = queries.events_after(stream.name, seq, at_most=PER_READ) if stream.head > seq else []
    messages = {each.message.id: each.message for each in events if each.message is not None}
    rendered = render_messages(list(messages.values()), door=Door.SOCKET, at=at)
    bodies = tuple(_event_body(stream, each, rendered) for each in events)
    return Read(str(stream.epoch), max(stream.head, seq), bodies)


def _snapshot(stream: Stream, at: datetime) -> Read:
    """The newest messages and the position that they are true for, which was read first."""
    messages: list[Message] = []
    has_more = False
    if stream.name.startswith(CONVERSATION):
        conversation = queries.get_conversation(UUID(stream.name.removeprefix(CONVERSATION)))
        page = queries.page_of(conversation, before_seq=stream.head + 1, limit=SNAPSHOT_MESSAGES)
        messages, has_more = list(page.messages), page.has_more
    rendered = render_messages(messages, door=Door.SOCKET, at=at)
    shown = [rendered[each.id] for each in messages]
    return Read(str(stream.epoch), stream.head, snapshot={"messages": shown, "has_more": has_more})


def _event_body(stream: Stream, event: StreamEvent, rendered: Mapping[UUID, Body]) -> Body:
    return {
        "stream": stream.name,
        "epoch": str(stream.epoch),
        "seq": event.seq,
        "id": str(event.id),
        "type": event.kind,
        "ts": instant(event.at),
        "data": rendered[event.message_id] if event.message_id else event.data,
    }


def acknowledge(principal: WidgetPrincipal, name: str, *, delivered: int, read: int) -> None:
    """Move the customer's marks in a conversation; other streams keep none. Raises NotFound."""
    if not name.startswith(CONVERSATION):
        return
    conversation_id = UUID(name.removeprefix(CONVERSATION))
    with serving_customer(principal.bank_id, principal.customer_id):
        actions.mark_read(
            conversation_id=conversation_id,
            read=read,
            delivered=delivered,
            at=timezone.now(),
        )


def beat_of(bank_id: UUID, *, sessions: Collection[UUID], streams: Collection[str]) -> Beat:
    """Which of a bank's sessions still hold and where its streams stand: one transaction a bank and beat."""
    with serving(bank_id):
        live = live_session_ids(sessions, at=timezone.now())
        heads = {name: head for name, (_epoch, head) in queries.stream_heads(streams).items()}
    return Beat(frozenset(live), heads)
