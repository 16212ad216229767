"""Spoiling what a receiver got, to see that the judge does not miss it."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal

from benchmarks.main_job.definitions import IN_ORDER
from benchmarks.main_job.judge import LOW_BALANCE
from benchmarks.main_job.records import Card, CustomerView, Money, Seen

Cards = list[Card]


class NothingToSpoil(Exception):
    """Too few cards came for this."""


def tampered(seen: Seen, how: str, *, seed: int) -> Seen:
    """The same, with one card dropped, doubled, swapped, altered or retyped. Raises NothingToSpoil."""
    dice = random.Random(seed)  # noqa: S311  # which card it is is to be repeatable
    spoil, _fault = TAMPERINGS[how]
    customers = list(seen.customers)
    places = list(range(len(customers)))
    dice.shuffle(places)
    for place in places:
        spoiled = spoil(customers[place], dice)
        if spoiled is not None:
            customers[place] = replace(customers[place], cards=spoiled)
            return replace(seen, customers=customers)
    raise NothingToSpoil(how)


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


Spoil = Callable[[CustomerView, random.Random], Cards | None]
# How, and what the judge has to call it.
TAMPERINGS: dict[str, tuple[Spoil, str]] = {
    "drop": (_drop, "lost"),
    "double": (_double, "duplicated"),
    "swap": (_swap, "out_of_order"),
    "alter": (_alter, "wrong_amount"),
    "retype": (_retype, "wrong_alert"),
}
