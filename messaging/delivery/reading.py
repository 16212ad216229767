"""What a socket reads: each call is one short transaction with the listener's own reach, in a thread.

Every read passes the gate again, so that a socket never shows more than a new request would.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, ParamSpec, Protocol, TypeVar
from uuid import UUID

from django.db import close_old_connections
from django.utils import timezone

from accounts.clients.queries import live_token_ids
from accounts.consent.queries import ended_consent_ids
from accounts.signin.queries import WidgetPrincipal, live_session_ids
from messaging.conversations import actions, queries
from messaging.conversations.models import Message, Stream, StreamEvent
from messaging.conversations.rendering import instant, is_plain, render_messages, render_plain
from messaging.programs.public import consent_of_stream, stream_of_consent
from partners.banks.queries import suspended_banks
from partners.sharing.gate import Door
from portal.tenancy.blocks import (
    NotServed,
    serving,
    serving_customer,
    serving_customer_alone,
)

logger = logging.getLogger(__name__)

MOST_REPLAYED = 300
PER_READ = 50
SNAPSHOT_MESSAGES = 30
CONVERSATION = "conv:"

P = ParamSpec("P")
T = TypeVar("T")
Body = dict[str, Any]


class StreamKey(NamedTuple):
    """A stream, wherever in the process: names are a bank's own."""

    bank_id: UUID
    name: str


@dataclass(frozen=True)
class Read:
    """What came after a place in a stream: its next events, or a snapshot where they are too many or unknown.

    `customer_id`: whose stream it is. `is_over`: nothing ever follows these events.
    """

    epoch: str
    head: int
    events: tuple[Body, ...] = ()
    snapshot: Body | None = None
    customer_id: UUID | None = None
    is_over: bool = False


class NotNow(Exception):  # a state, not a fault
    """The stream is there and may not be read at present; `code` is the frame's."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class HeldSession(NamedTuple):
    """What a customer's socket lives as long as."""

    bank_id: UUID
    session_id: UUID


class HeldToken(NamedTuple):
    """What a program's socket lives as long as: its access token."""

    token_id: int


Credential = HeldSession | HeldToken


@dataclass(frozen=True)
class Beat:
    """What sockets are told at a beat: which credentials hold, where the streams stand, and which of
    them have to be read again because their consent has ended; banks that are suspended."""

    live: frozenset[Credential]
    heads: Mapping[StreamKey, int]
    over: frozenset[StreamKey]
    suspended: frozenset[UUID]


def in_thread(call: Callable[P, T]) -> Callable[P, T]:
    """Give the database connection back after the call, as a request would."""

    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        finally:
            close_old_connections()

    return called


def read_after(principal: WidgetPrincipal, name: str, seq: int, epoch: str | None) -> Read | None:
    """The stream after `seq`, rendered now; None where there is no such stream within reach."""
    typed = _read_typed(principal, name, seq, epoch)
    if typed is not None:
        return typed
    at = timezone.now()
    try:
        with serving_customer(principal.bank_id, principal.customer_id):
            stream = queries.find_stream(name)
            return None if stream is None else _read(stream, seq, epoch, at)
    except NotServed:
        return None


def _read_typed(principal: WidgetPrincipal, name: str, seq: int, epoch: str | None) -> Read | None:
    """What people typed, in one query and without the accounts; None where there is more to it.

    It holds no bank data, so nothing of it passes the gate.
    """
    with serving_customer_alone(principal.bank_id, principal.customer_id):
        told = queries.told_after(name, seq, at_most=PER_READ)
    if not told or not can_follow(told[0], seq, epoch):
        return None
    events = [each for each in told if each.event_id is not None]
    if not all(each.message_id and is_plain(each.kind, each.author) for each in events):
        return None
    bodies = tuple(map(partial(_typed_body, name), events))
    return Read(str(told[0].epoch), max(told[0].head, seq), bodies)


def _typed_body(name: str, told: queries.Told) -> Body:
    return {
        "stream": name,
        "epoch": str(told.epoch),
        "seq": told.event_seq,
        "id": str(told.event_id),
        "type": told.event_kind,
        "ts": instant(told.event_at),
        "data": render_plain(told),
    }


class _Place(Protocol):
    @property
    def epoch(self) -> UUID: ...
    @property
    def head(self) -> int: ...


def can_follow(stream: _Place, seq: int, epoch: str | None) -> bool:
    """Whether what comes after that place can be told event by event."""
    is_known = epoch is None or epoch == str(stream.epoch)
    return is_known and 0 <= stream.head - seq <= MOST_REPLAYED


def _read(stream: Stream, seq: int, epoch: str | None, at: datetime) -> Read:
    if not can_follow(stream, seq, epoch):
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


def beat_of(credentials: Collection[Credential], keys: Collection[StreamKey]) -> Beat:
    """Which credentials still hold and where the streams stand: one transaction a bank, one query for tokens."""
    at = timezone.now()
    sessions = [each for each in credentials if isinstance(each, HeldSession)]
    live = _live_tokens(credentials, at)
    heads: dict[StreamKey, int] = {}
    over: set[StreamKey] = set()
    banks = {each.bank_id for each in sessions} | {each.bank_id for each in keys}
    for bank_id in banks:
        with serving(bank_id):
            theirs = [each.session_id for each in sessions if each.bank_id == bank_id]
            live |= {HeldSession(bank_id, each) for each in live_session_ids(theirs, at=at)}
            names = [each.name for each in keys if each.bank_id == bank_id]
            standing = queries.stream_heads(names)
            heads |= {StreamKey(bank_id, name): head for name, (_, head) in standing.items()}
            over |= {StreamKey(bank_id, each) for each in _over(names, at)}
    return Beat(frozenset(live), heads, frozenset(over), frozenset(suspended_banks(banks)))


def _live_tokens(credentials: Collection[Credential], at: datetime) -> set[Credential]:
    asked = [each.token_id for each in credentials if isinstance(each, HeldToken)]
    return {HeldToken(each) for each in live_token_ids(asked, at=at)} if asked else set()


def _over(names: Collection[str], at: datetime) -> set[str]:
    """Those of the streams whose consent holds no more."""
    consent_ids = [each for each in map(consent_of_stream, names) if each is not None]
    if not consent_ids:
        return set()
    return {stream_of_consent(each) for each in ended_consent_ids(consent_ids, at=at)}
