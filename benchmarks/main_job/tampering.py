"""Spoiling what a receiver got, to see that the judge does not miss it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, TypeVar

from benchmarks.main_job.definitions import IN_ORDER, LOW_BALANCE
from benchmarks.main_job.records import Card, CustomerView, Hook, Mail, Money, Seen

Cards = list[Card]
Item = TypeVar("Item", Hook, Mail)


class NothingToSpoil(Exception):
    """Too few cards came for this."""


def tampered(seen: Seen, how: str, *, seed: int) -> Seen:
    """The same, with one card, webhook or mail spoiled. Raises NothingToSpoil."""
    dice = random.Random(seed)  # noqa: S311  # which one it is is to be repeatable
    spoil, _fault = TAMPERINGS[how]
    spoiled = spoil(seen, dice)
    if spoiled is None:
        raise NothingToSpoil(how)
    return spoiled


def _of_cards(spoil: "SpoilCards") -> "Spoil":
    """Spoil the cards of the first customer, in a shuffled order, who has some for it."""

    def spoil_one(seen: Seen, dice: random.Random) -> Seen | None:
        places = list(range(len(seen.customers)))
        dice.shuffle(places)
        for place in places:
            cards = spoil(seen.customers[place], dice)
            if cards is not None:
                return _with_customer(seen, place, cards=cards)
        return None

    return spoil_one


def _with_customer(seen: Seen, place: int, **changed: Any) -> Seen:
    customers = list(seen.customers)
    customers[place] = replace(customers[place], **changed)
    return replace(seen, customers=customers)


def _drop(customer: CustomerView, dice: random.Random) -> Cards | None:
    chosen = _one_of(customer.cards, dice)
    return None if chosen is None else [each for each in customer.cards if each is not chosen]


def _double(customer: CustomerView, dice: random.Random) -> Cards | None:
    chosen = _one_of(customer.cards, dice)
    return None if chosen is None else [*customer.cards, chosen]


def _swap(customer: CustomerView, dice: random.Random) -> Cards | None:
    """Two neighbours among the cards of one account that do not say the same."""
    shown = {each.id: (each.account, each.at, each.text, each.money) for each in customer.rows}
    cards = list(customer.cards)
    last: dict[str, int] = {}
    pairs = []
    for place, card in enumerate(cards):
        row = shown.get(card.row)
        if row is None:
            continue
        before = last.get(row[0])
        if before is not None and shown[cards[before].row] != row:
            pairs.append((before, place))
        last[row[0]] = place
    if not pairs:
        return None
    one, other = dice.choice(pairs)
    cards[one], cards[other] = cards[other], cards[one]
    return cards


def _alter(customer: CustomerView, dice: random.Random) -> Cards | None:
    chosen = _one_of(customer.cards, dice)
    if chosen is None or chosen.money is None:
        return None
    money = Money(chosen.money.amount + Decimal("0.01"), chosen.money.currency)
    return _with(customer.cards, chosen, replace(chosen, money=money))


def _retype(customer: CustomerView, dice: random.Random) -> Cards | None:
    chosen = _one_of(customer.cards, dice)
    if chosen is None:
        return None
    others = [each for each in IN_ORDER if each not in {chosen.alert_type, LOW_BALANCE}]
    return _with(customer.cards, chosen, replace(chosen, alert_type=dice.choice(others)))


def _one_of(cards: Sequence[Card], dice: random.Random) -> Card | None:
    about_rows = [each for each in cards if each.row]
    return dice.choice(about_rows) if about_rows else None


def _with(cards: Sequence[Card], before: Card, after: Card) -> Cards:
    return [after if each is before else each for each in cards]


def _lost(_item: Item) -> list[Item]:
    return []


def _anew(item: Item) -> list[Item]:
    """Twice, the second under an id of its own."""
    return [item, replace(item, id=f"{item.id}-again")]


def _instead(items: Sequence[Item], chosen: str, become: "Become") -> list[Item]:
    return [each for item in items for each in (become(item) if item.id == chosen else [item])]


def _of_mails(become: "Become") -> "Spoil":
    def spoil_one(seen: Seen, dice: random.Random) -> Seen | None:
        mailed = [place for place, each in enumerate(seen.customers) if each.mails]
        if not mailed:
            return None
        place = dice.choice(mailed)
        mails = seen.customers[place].mails
        spoiled = _instead(mails, dice.choice(mails).id, become)
        return _with_customer(seen, place, mails=spoiled)

    return spoil_one


def _of_webhooks(become: "Become") -> "Spoil":
    """One that tells of an alert: of those that tell of a change, one may say what another does."""

    def spoil_one(seen: Seen, dice: random.Random) -> Seen | None:
        for place, program in enumerate(seen.programs):
            alerts = sorted(each.id for each in program.hooks if each.row)
            if alerts:
                programs = list(seen.programs)
                hooks = _instead(program.hooks, dice.choice(alerts), become)
                programs[place] = replace(program, hooks=hooks)
                return replace(seen, programs=programs)
        return None

    return spoil_one


Become = Callable[[Any], list[Any]]
SpoilCards = Callable[[CustomerView, random.Random], Cards | None]
Spoil = Callable[[Seen, random.Random], Seen | None]
# How, and what the judge has to call it.
TAMPERINGS: dict[str, tuple[Spoil, str]] = {
    "drop": (_of_cards(_drop), "lost"),
    "double": (_of_cards(_double), "duplicated"),
    "swap": (_of_cards(_swap), "out_of_order"),
    "alter": (_of_cards(_alter), "wrong_amount"),
    "retype": (_of_cards(_retype), "wrong_alert"),
    "lose_webhook": (_of_webhooks(_lost), "lost"),
    "send_webhook_anew": (_of_webhooks(_anew), "duplicated"),
    "lose_mail": (_of_mails(_lost), "lost"),
    "mail_anew": (_of_mails(_anew), "duplicated"),
}
