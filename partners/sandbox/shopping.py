"""What a customer can be made to do: buy, buy something suspicious, be paid."""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass

from psycopg.rows import DictRow

from partners.sandbox import money
from partners.sandbox.bank import Bank
from partners.sandbox.ledger import Change, Entry, LedgerRefusal, abroad, buy, record
from partners.sandbox.merchants import NEIGHBOURHOODS, SUSPICIOUS, Merchant

_COUNTRY = re.compile(r"[A-Z]{2}")
_CATEGORY = re.compile(r"[0-9]{3,4}")
_LONGEST_NAME = 100


@dataclass(frozen=True)
class Order:
    """A purchase somebody wants made; what is None the bank invents. `amount` is positive text."""

    amount: str | None = None
    merchant: str | None = None
    mcc: str | None = None
    country: str | None = None
    currency: str | None = None
    account: str | None = None
    suspicious: bool = False


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
    for name in ("amount", "merchant", "mcc", "country", "currency", "account"):
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


async def place_order(
    bank: Bank, change: Change, *, customer_id: uuid.UUID, order: Order, by: str
) -> tuple[DictRow, bool]:
    """Make the purchase on one of the customer's cards; gives its row and whether it was accepted."""
    card = await _paying_card(change, customer_id=customer_id, account_id=order.account)
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
    )
    try:
        price = _price(order, merchant, currency)
        entry = abroad(entry, currency=currency, amount_minor=-price)
    except money.MoneyError as problem:
        raise LedgerRefusal("bad_order", str(problem)) from problem
    if entry.amount_minor == 0:
        raise LedgerRefusal("bad_order", "the amount is too small for the account's currency")
    return await buy(bank, change, entry)


async def _paying_card(
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
    price = money.to_minor(order.amount, currency)
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
