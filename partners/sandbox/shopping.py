"""What a customer can be made to do: buy, buy something suspicious, be paid."""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass, replace

from psycopg.rows import DictRow

from partners.sandbox import money
from partners.sandbox.bank import Bank
from partners.sandbox.goods import SENT
from partners.sandbox.ledger import Change, Entry, LedgerRefusal, abroad, buy, record
from partners.sandbox.merchants import NEIGHBOURHOODS, SUSPICIOUS, Merchant
from partners.sandbox.papers import NO_PAPERS, Papers, hand_over, usual_papers
from partners.sandbox.receipts import announced, catch_up

_COUNTRY = re.compile(r"[A-Z]{2}")
_CATEGORY = re.compile(r"[0-9]{3,4}")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Order:
    """A purchase somebody wants made; what is None the bank invents. `amount` is positive text.

    `announced` is the number under which a receipt ran ahead: that purchase is made, as it says.
    """

    amount: str | None = None
    merchant: str | None = None
    mcc: str | None = None
    country: str | None = None
    currency: str | None = None
    account: str | None = None
    suspicious: bool = False
    receipt: str | None = None
    parcel: bool | None = None
    announced: str | None = None


def read_order(body: object) -> Order:
    """An order from a JSON object; raises LedgerRefusal naming the field."""
    if not isinstance(body, dict):
        raise LedgerRefusal("bad_order", "an order is a JSON object")
    unknown = set(body) - set(Order.__dataclass_fields__)
    if unknown:
        raise LedgerRefusal("bad_order", f"unknown field {min(map(str, unknown))[:40]!r}")
    order = Order(**{name: value for name, value in body.items() if value is not None})
    if not isinstance(order.suspicious, bool):
        raise LedgerRefusal("bad_order", "suspicious is true or false")
    if order.parcel is not None and not isinstance(order.parcel, bool):
        raise LedgerRefusal("bad_order", "parcel is true or false")
    for name in ("amount", "merchant", "mcc", "country", "currency", "account", "announced"):
        value = getattr(order, name)
        if value is not None and (not isinstance(value, str) or not _printable(value)):
            raise LedgerRefusal("bad_order", f"{name} is a short text")
    _check_forms(order)
    return order


def _printable(text: str) -> bool:
    return 0 < len(text) <= _LONGEST_NAME and text.isprintable()


def _check_forms(order: Order) -> None:
    if order.mcc is not None and not _CATEGORY.fullmatch(order.mcc):
        raise LedgerRefusal("bad_order", "mcc is three or four digits")
    if order.country is not None and not _COUNTRY.fullmatch(order.country):
        raise LedgerRefusal("bad_order", "country is two capital letters")
    if order.currency is not None and not money.is_currency(order.currency):
        raise LedgerRefusal("bad_order", "currency is three capital letters")
    if order.receipt not in (None, "none", "now", "later", "broken"):
        raise LedgerRefusal("bad_order", "receipt is none, now, later or broken")


async def place_order(
    bank: Bank, change: Change, *, customer_id: uuid.UUID, order: Order, by: str
) -> tuple[DictRow, bool]:
    """Make the purchase on one of the customer's cards; gives its row and whether it was accepted."""
    card = await paying_card(change, customer_id=customer_id, account_id=order.account)
    if order.announced is not None:
        order = await _as_announced(change, order, account_id=card["account_id"])
    merchant, usual = _choose(bank, order)
    currency = order.currency or usual or card["currency"]
    entry = Entry(
        account_id=card["account_id"],
        kind="CARD_PURCHASE",
        amount_minor=0,
        currency=card["currency"],
        occurred_at=change.at,
        description=f"{merchant.name.upper()} {merchant.country}",
        source=by,
        merchant_name=merchant.name,
        merchant_category=merchant.category,
        merchant_country=merchant.country,
        card_id=card["id"],
        fraud_suspected=order.suspicious,
        transaction_id=order.announced,
    )
    try:
        price = _price(order, merchant, currency)
        entry = abroad(entry, currency=currency, amount_minor=-price)
    except money.MoneyError as problem:
        raise LedgerRefusal("bad_order", str(problem)) from problem
    if entry.amount_minor == 0:
        raise LedgerRefusal("bad_order", "the amount is too small for the account's currency")
    row, accepted = await buy(bank, change, entry)
    if accepted:
        if order.announced is not None:
            await catch_up(change, row)
        await hand_over(bank, change, row, _papers(bank, row, order))
    return row, accepted


async def _as_announced(change: Change, order: Order, *, account_id: str) -> Order:
    ahead = await announced(change, account_id=account_id, transaction_id=order.announced or "")
    return replace(
        order, amount=ahead.total, merchant=ahead.merchant, currency=ahead.currency, receipt="none"
    )


def _papers(bank: Bank, purchase: DictRow, order: Order) -> Papers:
    """What comes with it: as ordered, else as such a shop does. One that somebody made up does nothing."""
    made_up = order.merchant is not None or order.suspicious
    usual = NO_PAPERS if made_up else usual_papers(bank, purchase)
    return Papers(
        receipt=order.receipt or usual.receipt,
        parcel=usual.parcel if order.parcel is None else order.parcel,
    )


def online_order(bank: Bank) -> Order:
    """Something from one of the place's shops, with its receipt, to be sent home."""
    shops = NEIGHBOURHOODS[bank.profile.country].shops
    shop = secrets.choice([each for each in shops if each.category in SENT])
    price = shop.least + secrets.randbelow(shop.most - shop.least + 1)
    return Order(
        amount=money.to_text(price, bank.profile.currency),
        merchant=shop.name,
        mcc=shop.category,
        country=shop.country,
        currency=bank.profile.currency,
        receipt="now",
        parcel=True,
    )


async def paying_card(
    change: Change, *, customer_id: uuid.UUID, account_id: str | None
) -> DictRow:
    """The card on the account named, or the customer's first own card."""
    card = await change.one(
        """SELECT k.id, k.account_id, a.currency FROM cards k
           JOIN accounts a ON a.id = k.account_id
           JOIN account_holders h ON h.account_id = a.id AND h.customer_id = %s
           WHERE %s::text IS NULL OR a.id = %s
           ORDER BY k.customer_id <> %s, h.position, k.id LIMIT 1""",
        (customer_id, account_id, account_id, customer_id),
    )
    if card is None:
        raise LedgerRefusal("card_not_found", "The customer has no card on such an account.")
    return card


def _choose(bank: Bank, order: Order) -> tuple[Merchant, str | None]:
    """The shop, and its own currency where that differs from the bank's."""
    usual: str | None
    if order.suspicious:
        shop, usual = secrets.choice(SUSPICIOUS)
    else:
        place = NEIGHBOURHOODS[bank.profile.country]
        shop, usual = secrets.choice(place.groceries + place.daily + place.shops), None
    chosen = Merchant(
        name=order.merchant or shop.name,
        category=order.mcc or shop.category,
        country=order.country or shop.country,
        least=shop.least,
        most=shop.most,
    )
    return chosen, None if order.amount else usual


def _price(order: Order, merchant: Merchant, currency: str) -> int:
    if order.amount is None:
        return merchant.least + secrets.randbelow(merchant.most - merchant.least + 1)
    return price_of(order.amount, currency)


def price_of(amount: str, currency: str) -> int:
    """A price as people write it; raises LedgerRefusal."""
    try:
        price = money.to_minor(amount, currency)
    except money.MoneyError as problem:
        raise LedgerRefusal("bad_order", str(problem)) from problem
    if price <= 0:
        raise LedgerRefusal("bad_order", "an amount to pay is more than zero")
    return price


async def pay_salary(bank: Bank, change: Change, *, customer_id: uuid.UUID, by: str) -> DictRow:
    """A month's salary into the customer's current account."""
    account = await change.one(
        """SELECT a.id, a.currency FROM accounts a
           JOIN account_holders h ON h.account_id = a.id AND h.customer_id = %s
           WHERE a.kind = 'current' AND a.currency = %s
           ORDER BY EXISTS (SELECT 1 FROM cards k WHERE k.account_id = a.id
             AND k.customer_id = h.customer_id) DESC, h.position LIMIT 1""",
        (customer_id, bank.profile.currency),
    )
    if account is None:
        raise LedgerRefusal("account_not_found", "The customer has no current account.")
    place = NEIGHBOURHOODS[bank.profile.country]
    least, most = place.salary
    entry = Entry(
        account_id=account["id"],
        kind="SALARY",
        amount_minor=least + secrets.randbelow(most - least + 1),
        currency=account["currency"],
        occurred_at=change.at,
        description=f"Salary {secrets.choice(place.employers)}",
        source=by,
    )
    return await record(change, entry, status="booked")
