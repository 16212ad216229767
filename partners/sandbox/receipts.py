"""Itemised receipts: invented so that their lines add up to the purchase, issued at once or later."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from partners.sandbox import money, open_banking
from partners.sandbox.bank import Bank
from partners.sandbox.goods import ANYTHING, Good, Shelf, shelf_of
from partners.sandbox.ledger import Change, LedgerRefusal, transaction_number
from partners.sandbox.people import dice
from partners.sandbox.updates import Update, tell

_MOST_LINES = 9
_THOUSAND = 1000
_TIE_RECEIPT = b"""UPDATE receipts SET transaction_key = %s
    WHERE account_id = %s AND transaction_id = %s AND transaction_key IS NULL"""
_TIE_UPDATES = b"""UPDATE updates SET transaction_key = %s
    WHERE account_id = %s AND transaction_id = %s AND transaction_key IS NULL"""


@dataclass(frozen=True)
class Line:
    """A line in minor units: `amount` is quantity x price, less what was taken off this line."""

    name: str
    unit: str
    thousandths: int
    price: int
    off: int
    amount: int


@dataclass(frozen=True)
class Receipt:
    """A receipt in minor units; its tax is contained in the prices, as in all of these countries."""

    lines: tuple[Line, ...]
    discount: int
    tax: int
    total: int


def invent_receipt(chance: random.Random, shelf: Shelf, total: int) -> Receipt:
    """What may have been bought there for exactly `total` (more than zero)."""
    discount = total // 20 if total > _THOUSAND and chance.randrange(8) == 0 else 0
    lines = tuple(_itemised(chance, shelf.goods, total + discount))
    return Receipt(lines, discount, tax=_half_up(total * shelf.tax, 1000 + shelf.tax), total=total)


def _itemised(chance: random.Random, goods: Sequence[Good], sum_of_lines: int) -> list[Line]:
    lines: list[Line] = []
    left = sum_of_lines
    for good in chance.sample(goods, len(goods)):
        line = _picked(chance, good)
        if line.amount < left and len(lines) < _MOST_LINES:
            lines.append(line)
            left -= line.amount
    # What is left was one more thing, at whatever it cost that day.
    nearest = min(goods, key=lambda good: (bool(good.unit), abs(good.price - left)))
    return [*lines, Line(nearest.name, "", _THOUSAND, left, 0, left)]


def _picked(chance: random.Random, good: Good) -> Line:
    price = good.price * chance.randint(92, 108) // 100
    weighed = chance.randrange(180, 1400)
    thousandths = weighed if good.unit else chance.choice((1, 1, 1, 2, 2, 3)) * _THOUSAND
    full = _half_up(price * thousandths, _THOUSAND)
    off = full * chance.choice((10, 20, 25)) // 100 if chance.randrange(9) == 0 else 0
    return Line(good.name, good.unit, thousandths, price, off, full - off)


def _half_up(part: int, whole: int) -> int:
    return (2 * part + whole) // (2 * whole)


def receipt_body(
    receipt: Receipt, *, merchant: str, currency: str, issued: str, wrong_by: int = 0
) -> dict[str, Any]:
    """What the interface says of it; `wrong_by` minor units too much makes a total that does not add up."""

    def text(minor: int) -> str:
        return money.to_text(minor, currency)

    return {
        "Merchant": {"Name": merchant},
        "IssuedAt": issued,
        "Currency": currency,
        "Lines": [_line_body(line, currency) for line in receipt.lines],
        "Discount": text(receipt.discount),
        "Tax": {"Amount": text(receipt.tax), "Included": True},
        "Total": text(receipt.total + wrong_by),
    }


def _line_body(line: Line, currency: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "Description": line.name,
        "Quantity": _quantity(line.thousandths),
        "UnitPrice": money.to_text(line.price, currency),
        "Amount": money.to_text(line.amount, currency),
    }
    if line.unit:
        said["Unit"] = line.unit
    if line.off:
        said["Discount"] = money.to_text(line.off, currency)
    return said


def _quantity(thousandths: int) -> str:
    whole, rest = divmod(thousandths, _THOUSAND)
    return f"{whole}.{rest:03d}" if rest else str(whole)


def receipt_of(bank: Bank, purchase: DictRow, *, always: bool = False) -> Receipt | None:
    """The receipt of a purchase, the same each time; None where that shop gives none, unless `always`."""
    shelf = shelf_of(purchase["merchant_country"], purchase["merchant_category"])
    if shelf is None and not always:
        return None
    paid = purchase["original_minor"] or purchase["amount_minor"]
    where = (purchase["account_id"], purchase["transaction_id"])
    chance = dice(bank.settings.seed, bank.profile.slug, "receipt", *where)
    return invent_receipt(chance, shelf or ANYTHING, -paid)


def body_of(
    bank: Bank, purchase: DictRow, receipt: Receipt, *, at: dt.datetime, wrong_by: int = 0
) -> dict[str, Any]:
    """The receipt of a purchase as the interface says it, printed at that time."""
    return receipt_body(
        receipt,
        merchant=purchase["merchant_name"],
        currency=purchase["original_currency"] or purchase["currency"],
        issued=open_banking.moment(at, bank.profile.tz),
        wrong_by=wrong_by,
    )


async def write_receipt(
    bank: Bank, change: Change, purchase: DictRow, *, broken: bool = False, late: bool = False
) -> str:
    """Issue a purchase's receipt now, or `late`; gives its id. `broken`: its lines do not add up."""
    receipt = receipt_of(bank, purchase, always=True)
    if receipt is None:
        raise RuntimeError("a purchase without a receipt")
    body = body_of(bank, purchase, receipt, at=change.at, wrong_by=100 if broken else 0)
    wait = dt.timedelta(seconds=bank.settings.receipt_after_seconds)
    row = await _keep(
        change,
        account_id=purchase["account_id"],
        transaction_key=purchase["key"],
        transaction_id=purchase["transaction_id"],
        body=body,
        issue_at=change.at + wait if late else None,
    )
    if late:
        change.more_due = True
    else:
        await _tell(change, row)
    return str(row["id"])


def receipt_id(account_id: str, transaction_id: str) -> str:
    """The bank's id of the receipt of a purchase."""
    return f"rcp-{account_id}-{transaction_id}"


async def _keep(change: Change, *, issue_at: dt.datetime | None, **values: Any) -> DictRow:
    row = await change.one(
        """INSERT INTO receipts (id, account_id, transaction_key, transaction_id, revision, issue_at, body)
           VALUES (%(id)s, %(account_id)s, %(transaction_key)s, %(transaction_id)s, %(revision)s,
             %(issue_at)s, %(body)s)
           ON CONFLICT (id) DO NOTHING RETURNING *""",
        {
            **values,
            "id": receipt_id(values["account_id"], values["transaction_id"]),
            "body": Jsonb(values["body"]),
            "issue_at": issue_at,
            "revision": 0 if issue_at else 1,
        },
    )
    if row is None:
        raise LedgerRefusal("receipt_exists", "This purchase has its receipt already.")
    return row


async def _tell(change: Change, row: DictRow) -> None:
    await tell(
        change,
        Update(
            kind="receipt",
            account_id=row["account_id"],
            about=row["id"],
            revision=row["revision"],
            transaction_key=row["transaction_key"],
            transaction_id=row["transaction_id"],
            body=row["body"],
        ),
    )


async def issue_due(change: Change) -> int:
    """Issue the receipts whose time has come; gives how many."""
    rows = await change.all(
        """UPDATE receipts SET revision = 1, issue_at = NULL
           WHERE id IN (SELECT id FROM receipts WHERE issue_at <= %s ORDER BY issue_at LIMIT 100)
           RETURNING *""",
        (change.at,),
    )
    for row in sorted(rows, key=lambda row: str(row["id"])):
        await _tell(change, row)
    return len(rows)


async def correct_receipt(bank: Bank, change: Change, receipt_id: str) -> DictRow:
    """Issue a receipt again, with lines that add up, under its next revision."""
    row = await change.one(
        "SELECT * FROM receipts WHERE id = %s AND revision > 0 FOR UPDATE", (receipt_id,)
    )
    purchase = row and await change.one(
        "SELECT * FROM transactions WHERE key = %s", (row["transaction_key"],)
    )
    if row is None or purchase is None:
        raise LedgerRefusal("receipt_not_found", "There is no such receipt of a purchase.")
    receipt = receipt_of(bank, {**purchase, "transaction_id": row["transaction_id"]}, always=True)
    if receipt is None:
        raise RuntimeError("a purchase without a receipt")
    corrected = await change.one(
        "UPDATE receipts SET revision = revision + 1, body = %s WHERE id = %s RETURNING *",
        (Jsonb(body_of(bank, purchase, receipt, at=change.at)), receipt_id),
    )
    if corrected is None:
        raise RuntimeError("a receipt vanished under the ledger's lock")
    await _tell(change, corrected)
    return corrected


@dataclass(frozen=True)
class Announced:
    """A purchase that is still to happen, and of which there is a receipt already."""

    account_id: str
    transaction_id: str
    merchant: str
    currency: str
    total: str


async def issue_ahead(
    bank: Bank, change: Change, *, account_id: str, merchant: str, price: int, currency: str
) -> Announced:
    """Issue a receipt under a number that no transaction has yet: buying it comes later."""
    taken = await change.one(
        "UPDATE accounts SET next_number = next_number + 1 WHERE id = %s RETURNING next_number - 1 AS number",
        (account_id,),
    )
    if taken is None:
        raise LedgerRefusal("account_not_found", "There is no such account.")
    transaction_id = transaction_number(taken["number"])
    chance = dice(bank.settings.seed, bank.profile.slug, "receipt", account_id, transaction_id)
    issued = open_banking.moment(change.at, bank.profile.tz)
    body = receipt_body(
        invent_receipt(chance, ANYTHING, price),
        merchant=merchant,
        currency=currency,
        issued=issued,
    )
    row = await _keep(
        change,
        account_id=account_id,
        transaction_key=None,
        transaction_id=transaction_id,
        body=body,
        issue_at=None,
    )
    await _tell(change, row)
    return Announced(account_id, transaction_id, merchant, currency, body["Total"])


async def announced(change: Change, *, account_id: str, transaction_id: str) -> Announced:
    """The purchase that a receipt ran ahead of. Raises LedgerRefusal where there is none, or it is made."""
    row = await change.one(
        """SELECT * FROM receipts WHERE account_id = %s AND transaction_id = %s
           AND transaction_key IS NULL""",
        (account_id, transaction_id),
    )
    if row is None:
        raise LedgerRefusal("receipt_not_found", "No receipt waits for such a purchase.")
    body = row["body"]
    return Announced(
        account_id, transaction_id, body["Merchant"]["Name"], body["Currency"], body["Total"]
    )


async def catch_up(change: Change, purchase: DictRow) -> None:
    """Tie the receipt that ran ahead to its purchase."""
    values = (purchase["key"], purchase["account_id"], purchase["transaction_id"])
    for statement in (_TIE_RECEIPT, _TIE_UPDATES):
        await change.connection.execute(statement, values)
