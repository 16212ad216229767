"""Messages as they leave: words in the reader's language, bank data through the gate, now.

Nothing of a bank's data is kept in a message; a card that may no longer be shown says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.translation import gettext

from messaging.conversations import papers, words
from messaging.conversations.models import Message
from messaging.conversations.queries import Told, freezes_of
from messaging.conversations.rules import PATIENCE, REFRESHING, CardState, card_state
from messaging.conversations.words import Outcome
from partners.banks.models import Bank, Customer
from partners.banks.queries import reader_locale
from partners.instructions.models import Instruction
from partners.sharing import cards
from partners.sharing.gate import Door, Reason
from portal.tenancy.blocks import served

NOT_SHARED = "not_shared"
LATEST = 10
_ALERTS = {Message.Kind.ALERT, Message.Kind.FRAUD_ALERT}
_PAPERS = {Message.Kind.RECEIPT, Message.Kind.SHIPMENT}
# Asked for, and not shared: so it was not even looked up which one was meant.
_NOTHING = cards.Withheld(Reason.NO_CONSENT)

Rendered = dict[str, Any]


@dataclass(frozen=True)
class _Card:
    """A card's body, whether what it is about may be shown, and the buttons that it offers."""

    body: Rendered
    is_shown: bool
    buttons: Sequence[Rendered] = ()


@dataclass(frozen=True)
class _Reader:
    """Who reads: whose words, whose clock."""

    bank: Bank
    customer: Customer
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.bank.time_zone)


def render_messages(
    messages: Sequence[Message], *, door: Door, at: datetime
) -> dict[UUID, Rendered]:
    """Each message by its id, JSON-ready, for the customer whose block is open; writes the disclosures."""
    if not messages:
        return {}
    reader = _reader(at)
    with translation.override(reader_locale(reader.bank, reader.customer)):
        bodies = _card_bodies(messages, reader, door=door)
        return {each.id: _rendered(each, bodies.get(each.id), reader) for each in messages}


def is_plain(kind: str, author: str) -> bool:
    """Whether a message is what somebody typed: it holds no bank data and needs no translation."""
    return kind == Message.Kind.TEXT and author != Message.Author.BOT


def render_plain(told: Told) -> Rendered:
    """A typed message, as `render_messages` gives it, from what one query read."""
    is_customers = told.author == Message.Author.CUSTOMER
    name = told.customer_name if is_customers else told.bank_name
    return _shape(
        {
            "id": str(told.message_id),
            "conversation_id": str(told.conversation_id),
            "seq": told.seq,
            "rev": told.rev,
            "kind": told.kind,
            "author": {"kind": told.author, "name": name},
            "created_at": instant(told.created_at),
            "text": told.text,
        },
        client_msg_id=told.client_msg_id,
    )


def _shape(
    said: Rendered, *, card: _Card | None = None, client_msg_id: UUID | None = None
) -> Rendered:
    rendered = said | {
        "card": None if card is None else card.body,
        "actions": [] if card is None else list(card.buttons),
        "expires_at": None,
    }
    if client_msg_id is not None:
        rendered["client_msg_id"] = str(client_msg_id)
    return rendered


def _reader(at: datetime) -> _Reader:
    now = served()
    return _Reader(
        bank=Bank.objects.get(pk=now.bank_id),
        # The reach of a customer's block is that one row.
        customer=Customer.objects.get(),
        now=at,
    )


def _rendered(message: Message, card: _Card | None, reader: _Reader) -> Rendered:
    return _shape(
        {
            "id": str(message.id),
            "conversation_id": str(message.conversation_id),
            "seq": message.seq,
            "rev": message.rev,
            "kind": message.kind,
            "author": {"kind": message.author, "name": _author_name(message, reader)},
            "created_at": instant(message.created_at),
            "text": _fallback(message, card),
        },
        card=card,
        client_msg_id=message.client_msg_id,
    )


def _author_name(message: Message, reader: _Reader) -> str:
    if message.author == Message.Author.CUSTOMER:
        return reader.customer.display_name
    if message.author == Message.Author.BOT:
        return gettext("Assistant")
    return reader.bank.name


def _fallback(message: Message, card: _Card | None) -> str:
    """The plain words of a message, for whoever cannot draw its card."""
    if message.kind == Message.Kind.TEXT:
        return message.text
    if message.kind in {Message.Kind.SYSTEM, Message.Kind.LINK_ACCOUNT}:
        return words.line(message.template)
    body = {} if card is None else card.body
    if card is not None and not card.is_shown:
        told = body.get("state_text")
        return " ".join(str(each) for each in (words.NOT_SHARED, told) if each)
    return _shown_fallback(message, body)


def _shown_fallback(message: Message, body: Rendered) -> str:
    match message.kind:
        case Message.Kind.BALANCE:
            return _balance_fallback(body)
        case Message.Kind.TRANSACTIONS:
            return gettext("Your latest transactions")
        case Message.Kind.RECEIPT:
            return papers.receipt_fallback(body["receipt"])
        case Message.Kind.SHIPMENT:
            return papers.shipment_fallback(body["shipment"])
        case _:
            return _alert_fallback(message, body)


def _balance_fallback(body: Rendered) -> str:
    """When they were so, and not how much: that is seen by whoever taps."""
    said = {each["as_of_text"] for each in body["accounts"] if each["as_of_text"]}
    title = gettext("Your balances")
    return f"{title}. {said.pop()}" if len(said) == 1 else title


def _alert_fallback(message: Message, card: Rendered) -> str:
    title = words.alert_title(message.template)
    transaction, account = card.get("transaction"), card.get("account_name")
    about = [title, *([account] if account else [])]
    if transaction:
        paid = words.amount_text(transaction["amount"], transaction["amount_band"])
        about.append(" · ".join(each for each in (transaction.get("merchant"), paid) if each))
    told = card.get("state_text")
    return ". ".join([": ".join(about), *([told] if told else [])])


def _answers() -> list[Rendered]:
    return [
        {"key": "not_me", "label": gettext("Not me"), "style": "danger"},
        {"key": "was_me", "label": gettext("It was me"), "style": "plain"},
    ]


def _refreshing() -> list[Rendered]:
    return [{"key": "refresh", "label": gettext("Refresh"), "style": "plain"}]


def _card_bodies(messages: Sequence[Message], reader: _Reader, *, door: Door) -> dict[UUID, _Card]:
    bodies = _alert_bodies([each for each in messages if each.kind in _ALERTS], reader, door)
    bodies |= _paper_bodies(messages, reader, door)
    for each in messages:
        account_ids = tuple(UUID(account) for account in each.account_ids)
        if each.kind == Message.Kind.BALANCE:
            bodies[each.id] = _balance_card(each, account_ids, reader, door)
        elif each.kind == Message.Kind.TRANSACTIONS:
            latest = cards.render_transactions(account_ids, limit=LATEST, door=door, at=reader.now)
            bodies[each.id] = _body(latest, "transactions")
    return bodies


def _balance_card(
    message: Message, account_ids: tuple[UUID, ...], reader: _Reader, door: Door
) -> _Card:
    """What the accounts hold, since when; and how long we wait yet for the bank's newest word, if we do."""
    asked_at = message.state_at if message.state == REFRESHING else None
    shown = cards.render_balances(account_ids, door=door, at=reader.now)
    card = _body(shown, "accounts")
    shown_ids = [UUID(each["id"]) for each in card.body["accounts"]]
    seconds = None
    if asked_at is not None and not cards.are_read(shown_ids, asked_at):
        seconds = max(asked_at + PATIENCE - reader.now, timedelta()) // timedelta(seconds=1)
    for each in card.body["accounts"]:
        as_of = each["as_of"] and datetime.fromisoformat(each["as_of"])
        each["as_of_text"] = words.as_of_text(as_of, zone=reader.zone, now=reader.now)
        each["credit_line_text"] = words.credit_line_text(each)
    body = card.body | {"checking_seconds": seconds}
    return _Card(body, is_shown=card.is_shown, buttons=_refreshing() if card.is_shown else ())


def _body(shown: list[Rendered] | cards.Withheld, name: str) -> _Card:
    if isinstance(shown, cards.Withheld):
        return _Card({name: [], "withheld": NOT_SHARED}, is_shown=False)
    return _Card({name: shown, "withheld": None}, is_shown=True)


def _paper_bodies(messages: Sequence[Message], reader: _Reader, door: Door) -> dict[UUID, _Card]:
    """Receipts and shipments, each kind asked for at once."""
    receipts = _about(messages, Message.Kind.RECEIPT)
    shipments = _about(messages, Message.Kind.SHIPMENT)
    found = cards.render_receipts(list(receipts.values()), door=door, at=reader.now)
    moved = cards.render_shipments(list(shipments.values()), door=door, at=reader.now)
    bodies = {
        each.id: _paper(_NOTHING, each.kind)
        for each in messages
        if each.kind in _PAPERS and each.about_id is None
    }
    bodies |= {each: _paper(found[about], "receipt") for each, about in receipts.items()}
    for each, about in shipments.items():
        view = moved[about]
        if not isinstance(view, cards.Withheld):
            view = view | papers.shipment_words(view, zone=reader.zone, now=reader.now)
        bodies[each] = _paper(view, "shipment")
    return bodies


def _about(messages: Sequence[Message], kind: Message.Kind) -> dict[UUID, UUID]:
    """What each card of that kind is about."""
    of_kind = (each for each in messages if each.kind == kind)
    return {each.id: each.about_id for each in of_kind if each.about_id is not None}


def _paper(view: Rendered | cards.Withheld, name: str) -> _Card:
    if isinstance(view, cards.Withheld):
        return _Card({name: None, "withheld": NOT_SHARED}, is_shown=False)
    return _Card({name: view, "withheld": None}, is_shown=True)


def _alert_bodies(messages: Sequence[Message], reader: _Reader, door: Door) -> dict[UUID, _Card]:
    alert_ids = tuple({each.alert_id for each in messages if each.alert_id is not None})
    if not alert_ids:
        return {}
    views = cards.render_alerts(alert_ids, door=door, at=reader.now)
    instructions = freezes_of(alert_ids)
    bodies = {}
    for each in messages:
        if each.alert_id is not None:
            instruction = instructions.get(each.alert_id)
            bodies[each.id] = _alert_card(each, views[each.alert_id], instruction, reader)
    return bodies


def _alert_card(
    message: Message,
    view: cards.AlertView | cards.Withheld,
    instruction: Instruction | None,
    reader: _Reader,
) -> _Card:
    outcome = _outcome(message, instruction)
    is_fraud = message.kind == Message.Kind.FRAUD_ALERT
    shown = view if isinstance(view, cards.AlertView) else None
    is_answerable = is_fraud and outcome.state == CardState.OPEN and shown is not None
    body = {
        "alert_type": message.template,
        "state": outcome.state.value,
        "state_at": instant(outcome.at),
        "state_text": _told(outcome, reader, is_shown=shown is not None) if is_fraud else "",
        "bank_phone": reader.bank.phone or None,
        "account_name": None if shown is None else shown.account_name,
        "transaction": None if shown is None else shown.transaction,
        "withheld": NOT_SHARED if shown is None or shown.withheld else None,
    }
    buttons = _answers() if is_answerable else ()
    return _Card(body, is_shown=shown is not None, buttons=buttons)


def _told(outcome: Outcome, reader: _Reader, *, is_shown: bool) -> str:
    """Where things stand. What became of a customer's own instruction is theirs to know for good."""
    phone = reader.bank.phone
    if outcome.state == CardState.OPEN and not is_shown:
        return words.cannot_ask(phone)
    return words.state_text(outcome, zone=reader.zone, phone=phone, now=reader.now)


def _outcome(message: Message, instruction: Instruction | None) -> Outcome:
    status = None if instruction is None else instruction.status
    state = card_state(kept=message.state, instruction_status=status)
    if instruction is None:
        return Outcome(state, message.state_at)
    at = instruction.settled_at or instruction.requested_at
    return Outcome(state, at, instruction.reason)


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")
