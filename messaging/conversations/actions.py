"""Saying something: every write to a conversation, and the numbered event that tells of it.

Whatever a transaction locks, it locks the stream last: numbers become visible in their order.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from messaging.conversations.models import Conversation, Message, ReadMark, Stream, StreamEvent
from messaging.conversations.queries import CUSTOMER_READER, get_conversation
from messaging.conversations.rules import (
    DISMISSED,
    INSTRUCTED,
    LONGEST_TEXT,
    OPEN,
    PATIENCE,
    REFRESHING,
    Wish,
    mask_secrets,
    wish_of,
)
from partners.instructions.actions import request_freeze
from partners.sharing.actions import refresh_balances, require_balances
from partners.sharing.cards import (
    Meant,
    Withheld,
    are_read,
    last_receipt,
    parcels_under_way,
    require_alert,
)
from partners.sharing.gate import Door
from partners.sharing.queries import shares_anything
from portal.outbox.pokes import poke_after_commit
from portal.rest.problems import NotFound, Problem
from portal.telemetry.traces import current_trace
from portal.tenancy.blocks import served

BANK_WILL_ANSWER = "bank_will_answer"
ACCOUNTS_LINKED = "accounts_linked"
LINK_FIRST = "link_first"
NO_RECEIPT, NO_PARCEL = "no_receipt", "no_parcel"
SHARES_NOTHING = "shares_nothing"
_SAID_AGAIN_AFTER = timedelta(hours=12)
_ASKED_NO_MORE_AFTER = timedelta(minutes=10)
FRAUD_SUSPECTED = "fraud_suspected"
NOT_ME, WAS_ME, REFRESH = "not_me", "was_me", "refresh"
# What the buttons of a card are, by its kind.
_BUTTONS: Mapping[str, Collection[str]] = {
    Message.Kind.FRAUD_ALERT: (NOT_ME, WAS_ME),
    Message.Kind.BALANCE: (REFRESH,),
}


class StaleCard(Problem):
    """The card has changed since the caller saw it, or is settled."""

    slug = "stale-card"
    title = "This card has changed"
    status = 409


class MessageIdReused(Problem):
    """A `client_msg_id` names one message for ever; another text needs another id."""

    slug = "message-id-reused"
    title = "This id belongs to another message"
    status = 422


@dataclass(frozen=True)
class AlertOnCard:
    """What a card about an alert keeps: whose alert, of which type."""

    alert_id: UUID
    alert_type: str


@dataclass(frozen=True)
class Paper:
    """What a card about a receipt or shipment keeps: which one, and the revision that it tells of."""

    kind: Message.Kind
    about_id: UUID
    revision: int


def open_conversation(*, customer_id: UUID, at: datetime) -> Conversation:
    """The customer's thread and streams with their bank, made where there are none yet."""
    Conversation.objects.bulk_create(
        [Conversation(customer_id=customer_id, created_at=at)], ignore_conflicts=True
    )
    conversation = Conversation.objects.get(customer_id=customer_id)
    names = (conversation.stream_name, user_stream(customer_id))
    Stream.objects.bulk_create(
        [Stream(customer_id=customer_id, name=name) for name in names], ignore_conflicts=True
    )
    return conversation


def user_stream(customer_id: UUID) -> str:
    """What concerns one customer at one bank, besides what is said: links, sharing."""
    return f"user:{customer_id}"


def post_text(*, conversation_id: UUID, client_msg_id: UUID, text: str, at: datetime) -> Message:
    """Keep what a customer typed, without card numbers and PINs, and answer it where that is exact.

    The same `client_msg_id` gives the same message. Raises NotFound, MessageIdReused.
    """
    conversation = get_conversation(conversation_id)
    kept = mask_secrets(text[:LONGEST_TEXT])
    said = _said_before(conversation, client_msg_id, kept)
    if said is not None:
        return said
    wish = wish_of(kept)
    answers = _asked_for(conversation, wish, at) if wish else []
    stream = _locked(conversation.stream_name)
    said = _said_before(conversation, client_msg_id, kept)
    if said is not None:
        return said
    message = _said(conversation, Message.Kind.TEXT, Message.Author.CUSTOMER, at, text=kept)
    message.client_msg_id = client_msg_id
    _append_message(stream, message)
    if wish is None and _needs_bank_line(conversation, at):
        answers = [_line(conversation, BANK_WILL_ANSWER, at)]
    for each in answers:
        _append_message(stream, each)
    return message


def post_bank_text(
    *,
    conversation_id: UUID,
    text: str,
    staff_id: UUID,
    at: datetime,
    client_msg_id: UUID | None = None,
) -> Message:
    """Keep what a member of the bank's staff wrote, without card numbers and PINs.

    The same `client_msg_id` gives the same message: a form that is sent twice says it once.
    Raises NotFound.
    """
    conversation = get_conversation(conversation_id)
    kept = mask_secrets(text[:LONGEST_TEXT])
    stream = _locked(conversation.stream_name)
    if client_msg_id is not None:
        known = Message.objects.filter(conversation=conversation, client_msg_id=client_msg_id)
        said = known.first()
        if said is not None:
            return said
    message = _said(conversation, Message.Kind.TEXT, Message.Author.BANK, at, text=kept)
    message.staff_id = staff_id
    message.client_msg_id = client_msg_id
    _append_message(stream, message)
    return message


def post_card(
    *, customer_id: UUID, alert: AlertOnCard, caused_by: UUID, at: datetime
) -> Message | None:
    """Show an alert to a customer; None where the event `caused_by` has been heard before."""
    conversation = open_conversation(customer_id=customer_id, at=at)
    stream = _locked(conversation.stream_name)
    if _is_heard(conversation, caused_by):
        return None
    is_fraud = alert.alert_type == FRAUD_SUSPECTED
    kind = Message.Kind.FRAUD_ALERT if is_fraud else Message.Kind.ALERT
    message = _said(
        conversation, kind, Message.Author.BANK, at, template=alert.alert_type, state=OPEN
    )
    message.alert_id = alert.alert_id
    message.caused_by = caused_by
    _append_message(stream, message)
    return message


def show_paper(*, customer_id: UUID, paper: Paper, caused_by: UUID, at: datetime) -> list[Message]:
    """A card about a receipt or shipment, or where there are cards about it, their next revision.

    Those that tell of this revision already, or of a higher one, stay as they are.
    """
    conversation = open_conversation(customer_id=customer_id, at=at)
    known = list(
        Message.objects.select_for_update(no_key=True)
        .filter(conversation=conversation, kind=paper.kind, about_id=paper.about_id)
        .order_by("id")
    )
    for card in known:
        if card.about_revision < paper.revision:
            card.about_revision = paper.revision
            _renew(card, at)
    if known:
        return known
    stream = _locked(conversation.stream_name)
    if _is_heard(conversation, caused_by):
        return []
    card = _paper_card(conversation, paper, Message.Author.BANK, at)
    card.caused_by = caused_by
    _append_message(stream, card)
    return [card]


def _paper_card(
    conversation: Conversation, paper: Paper, author: Message.Author, at: datetime
) -> Message:
    card = _said(conversation, paper.kind, author, at)
    card.about_id, card.about_revision = paper.about_id, paper.revision
    return card


def post_line(
    *, customer_id: UUID, template: str, caused_by: UUID, at: datetime
) -> Message | None:
    """A line of our own in the conversation; None where `caused_by` has been heard before."""
    conversation = open_conversation(customer_id=customer_id, at=at)
    stream = _locked(conversation.stream_name)
    if _is_heard(conversation, caused_by):
        return None
    message = _said(conversation, Message.Kind.SYSTEM, Message.Author.BOT, at, template=template)
    message.caused_by = caused_by
    _append_message(stream, message)
    return message


def take_card_action(
    *, conversation_id: UUID, message_id: UUID, key: str, rev: int, at: datetime
) -> Message:
    """Do what a card's button says; a card that may show nothing takes no press.

    Raises NotFound, StaleCard, NotShared, TooMany, and what the instruction raises.
    """
    held = Message.objects.select_for_update(no_key=True)
    card = held.filter(pk=message_id, conversation_id=conversation_id).first()
    if card is None or key not in _BUTTONS.get(card.kind, ()):
        raise NotFound
    if card.rev != rev:
        raise _stale()
    if key == REFRESH:
        _refresh(card, at)
    else:
        _answer_alert(card, key, at)
    return card


def _stale() -> StaleCard:
    return StaleCard("Read the card again: it says something else by now.")


def _refresh(card: Message, at: datetime) -> None:
    """Ask the bank what the accounts hold; what was read just now is shown as it is."""
    if card.state == REFRESHING and card.state_at is not None and at < card.state_at + PATIENCE:
        return
    account_ids = [UUID(each) for each in card.account_ids]
    asked = require_balances(account_ids, door=Door.REST, at=at)
    card.state = REFRESHING if asked else ""
    _renew(card, at)


def _answer_alert(card: Message, key: str, at: datetime) -> None:
    if card.alert_id is None:
        raise NotFound
    if card.state != OPEN:
        raise _stale()
    if key == NOT_ME:
        instruction = request_freeze(alert_id=card.alert_id, customer_id=card.customer_id, at=at)
        card.instruction_id = instruction.id
        card.state = INSTRUCTED
    else:
        require_alert(card.alert_id, door=Door.REST, at=at)
        card.state = DISMISSED
    _renew(card, at)


def update_cards(*, alert_id: UUID, instruction_id: UUID, at: datetime) -> int:
    """Show what became of an instruction on every card about its alert; how many cards."""
    cards = list(
        Message.objects.select_for_update(no_key=True)
        .filter(alert_id=alert_id, kind=Message.Kind.FRAUD_ALERT)
        .order_by("conversation_id", "id")
    )
    for card in cards:
        card.instruction_id = instruction_id
        card.state = INSTRUCTED
        _renew(card, at)
    return len(cards)


def renew_balances(*, customer_id: UUID, account_id: UUID, at: datetime) -> int:
    """Show what the bank has just said on the cards that wait for it; how many cards."""
    waiting = Message.objects.select_for_update(no_key=True).filter(
        customer_id=customer_id,
        kind=Message.Kind.BALANCE,
        state=REFRESHING,
        account_ids__contains=str(account_id),
    )
    cards = list(waiting.order_by("id"))
    for card in cards:
        asked = [UUID(each) for each in card.account_ids]
        asked_at = card.state_at or at
        if are_read(asked, asked_at) or asked_at < at - _ASKED_NO_MORE_AFTER:
            card.state = ""
        _renew(card, asked_at, changed_at=at)
    return len(cards)


def mark_read(
    *, conversation_id: UUID, at: datetime, read: int = 0, delivered: int = 0
) -> ReadMark:
    """Move the customer's marks forward, never back and never past the head. Raises NotFound."""
    conversation = get_conversation(conversation_id)
    stream = _locked(conversation.stream_name)
    mark, _made = ReadMark.objects.get_or_create(
        conversation=conversation,
        reader=CUSTOMER_READER,
        defaults={"customer_id": conversation.customer_id, "at": at},
    )
    was_read, was_delivered = mark.read_seq, mark.delivered_seq
    mark.read_seq = max(was_read, min(read, stream.head))
    mark.delivered_seq = max(was_delivered, mark.read_seq, min(delivered, stream.head))
    if (mark.read_seq, mark.delivered_seq) == (was_read, was_delivered):
        return mark
    mark.at = at
    mark.save(update_fields=["read_seq", "delivered_seq", "at"])
    if mark.read_seq > was_read:
        said = {"reader": CUSTOMER_READER, "seq": mark.read_seq}
        _append(stream, kind="read.updated", at=at, data=said)
    return mark


def tell_customer(*, customer_id: UUID, kind: str, at: datetime) -> None:
    """An event on the customer's own stream: open windows read again what they may show."""
    open_conversation(customer_id=customer_id, at=at)
    _append(_locked(user_stream(customer_id)), kind=kind, at=at)


def tell_stream(
    name: str,
    *,
    customer_id: UUID,
    kind: str,
    data: dict[str, object],
    caused_by: UUID,
    at: datetime,
    last_kind: str,
) -> StreamEvent | None:
    """One more event of a stream that is no conversation's; the stream is made where it is new.

    None where `caused_by` has been heard before, or after an event of `last_kind`: nothing follows that.
    """
    Stream.objects.bulk_create([Stream(customer_id=customer_id, name=name)], ignore_conflicts=True)
    stream = _locked(name)
    said = Q(caused_by=caused_by) | Q(seq=stream.head, kind=last_kind)
    if StreamEvent.objects.filter(said, stream=name).exists():
        return None
    return _append(stream, kind=kind, at=at, data=data, caused_by=caused_by)


def _said_before(conversation: Conversation, client_msg_id: UUID, text: str) -> Message | None:
    said = Message.objects.filter(conversation=conversation, client_msg_id=client_msg_id).first()
    if said is not None and said.text != text:
        raise MessageIdReused("Send another text under another client_msg_id.")
    return said


def _asked_for(conversation: Conversation, wish: Wish, at: datetime) -> list[Message]:
    """What answers a wish, not yet said. Read through the gate before the stream is locked."""
    if not served().account_ids:
        if not shares_anything():
            return [_line(conversation, SHARES_NOTHING, at)]
        bot = Message.Author.BOT
        return [_said(conversation, Message.Kind.LINK_ACCOUNT, bot, at, template=LINK_FIRST)]
    match wish:
        case Wish.BALANCE:
            return [_balance_card(conversation, at)]
        case Wish.TRANSACTIONS:
            return [_account_card(conversation, Message.Kind.TRANSACTIONS, at)]
        case Wish.RECEIPT:
            meant = last_receipt(served().account_ids, door=Door.REST, at=at)
            return _papers(conversation, Message.Kind.RECEIPT, meant, NO_RECEIPT, at)
        case Wish.PARCEL:
            meant = parcels_under_way(served().account_ids, door=Door.REST, at=at)
            return _papers(conversation, Message.Kind.SHIPMENT, meant, NO_PARCEL, at)


def _account_card(conversation: Conversation, kind: Message.Kind, at: datetime) -> Message:
    card = _said(conversation, kind, Message.Author.BOT, at)
    card.account_ids = [str(each) for each in served().account_ids]
    return card


def _balance_card(conversation: Conversation, at: datetime) -> Message:
    """What is known now; where that is old the bank is asked, and the card is renewed when it answers."""
    card = _account_card(conversation, Message.Kind.BALANCE, at)
    if refresh_balances(served().account_ids, door=Door.REST, at=at):
        card.state, card.state_at = REFRESHING, at
    return card


def _papers(
    conversation: Conversation,
    kind: Message.Kind,
    meant: Meant | Withheld,
    nothing: str,
    at: datetime,
) -> list[Message]:
    bot = Message.Author.BOT
    if isinstance(meant, Withheld):
        # A card without a paper says that this is not shared.
        return [_said(conversation, kind, bot, at)]
    papers = [Paper(kind, about_id, revision) for about_id, revision in meant.found]
    cards = [_paper_card(conversation, each, bot, at) for each in papers]
    return cards or [_line(conversation, nothing, at)]


def _line(conversation: Conversation, template: str, at: datetime) -> Message:
    return _said(conversation, Message.Kind.SYSTEM, Message.Author.BOT, at, template=template)


def _needs_bank_line(conversation: Conversation, at: datetime) -> bool:
    by_bank = Q(author__in=[Message.Author.BANK, Message.Author.AGENT], kind=Message.Kind.TEXT)
    last = Message.objects.filter(
        by_bank | Q(template=BANK_WILL_ANSWER), conversation=conversation
    ).order_by("-seq")
    said_at = last.values_list("created_at", flat=True).first()
    return said_at is None or said_at < at - _SAID_AGAIN_AFTER


def _is_heard(conversation: Conversation, caused_by: UUID) -> bool:
    return Message.objects.filter(conversation=conversation, caused_by=caused_by).exists()


def _said(  # a message's parts
    conversation: Conversation,
    kind: Message.Kind,
    author: Message.Author,
    at: datetime,
    *,
    text: str = "",
    template: str = "",
    state: str = "",
) -> Message:
    return Message(
        conversation=conversation,
        customer_id=conversation.customer_id,
        kind=kind,
        author=author,
        text=text,
        template=template,
        state=state,
        created_at=at,
        changed_at=at,
    )


def _locked(name: str) -> Stream:
    return Stream.objects.select_for_update(no_key=True).get(name=name)


def _append_message(stream: Stream, message: Message) -> None:
    message.seq = stream.head + 1
    message.save(force_insert=True)
    _append(stream, kind="message.created", at=message.created_at, message=message)


def _renew(card: Message, at: datetime, *, changed_at: datetime | None = None) -> None:
    card.rev += 1
    card.state_at, card.changed_at = at, changed_at or at
    changed = ["rev", "state", "state_at", "instruction_id", "about_revision", "changed_at"]
    card.save(update_fields=changed)
    stream = _locked(f"conv:{card.conversation_id}")
    _append(stream, kind="message.updated", at=card.changed_at, message=card)


def _append(
    stream: Stream,
    *,
    kind: str,
    at: datetime,
    message: Message | None = None,
    data: dict[str, object] | None = None,
    caused_by: UUID | None = None,
) -> StreamEvent:
    stream.head += 1
    stream.save(update_fields=["head"])
    event = StreamEvent.objects.create(
        customer_id=stream.customer_id,
        stream=stream.name,
        seq=stream.head,
        kind=kind,
        message=message,
        data=data or {},
        caused_by=caused_by,
        at=at,
    )
    told = f"{stream.bank_id} {stream.name} {stream.head} {current_trace()}"
    poke_after_commit("streams", told.rstrip())
    return event
