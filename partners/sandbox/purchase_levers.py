"""The levers of /_control for what customers do with their money, and what shops send after it."""

from __future__ import annotations

from psycopg.rows import DictRow
from starlette.requests import Request

from partners.sandbox import money
from partners.sandbox.bank import bank_of
from partners.sandbox.bodies import read_json
from partners.sandbox.judgement import MOST_ROWS
from partners.sandbox.ledger import (
    LedgerRefusal,
    book_due,
    changing,
    refund,
    remove_pending,
    set_card_state,
)
from partners.sandbox.levers import Answer, customer_named, lever, member, whole
from partners.sandbox.parcels import move_parcel, parcel_body
from partners.sandbox.receipts import correct_receipt, issue_ahead, receipt_id
from partners.sandbox.shopping import (
    Order,
    online_order,
    pay_salary,
    paying_card,
    place_order,
    price_of,
    read_order,
)
from partners.sandbox.updates import all_updates, tell_again


def _transaction_answer(row: DictRow) -> Answer:
    """A transaction as the control interface shows it."""
    return {
        "AccountId": row["account_id"],
        "TransactionId": row["transaction_id"],
        "CardId": row["card_id"],
        "status": row["status"],
        "kind": row["kind"],
        "amount": {
            "amount": money.to_text(row["amount_minor"], row["currency"]),
            "currency": row["currency"],
        },
        "merchant": row["merchant_name"],
        "country": row["merchant_country"],
        "fraud_suspected": row["fraud_suspected"],
        "occurred_at": row["occurred_at"].isoformat(),
    }


@lever(creates=True)
async def purchase(request: Request) -> Answer:
    """POST customers/{login}/buy: 201 with the pending purchase, 409 when the card declined it."""
    return await _place(request, read_order(await read_json(request, empty=True)))


@lever(creates=True)
async def order_online(request: Request) -> Answer:
    """POST customers/{login}/order: the same from a shop that sends it, with its receipt and its parcel."""
    return await _place(request, online_order(bank_of(request)))


async def _place(request: Request, order: Order) -> Answer:
    bank = bank_of(request)
    async with changing(bank) as change:
        customer = await customer_named(request, change.connection)
        row, accepted = await place_order(
            bank, change, customer_id=customer["id"], order=order, by="control"
        )
    if not accepted:
        raise LedgerRefusal("card_frozen", "The card is frozen: the purchase was declined.")
    return _transaction_answer(row)


@lever(creates=True)
async def give_back(request: Request) -> Answer:
    """POST customers/{login}/refund {transaction_id?}."""
    bank = bank_of(request)
    body = await read_json(request, empty=True)
    async with changing(bank) as change:
        customer = await customer_named(request, change.connection)
        row = await refund(
            change,
            customer_id=customer["id"],
            transaction_id=member(body, "transaction_id", str, needed=False),
            by="control",
        )
    return _transaction_answer(row)


@lever(creates=True)
async def salary(request: Request) -> Answer:
    """POST customers/{login}/salary."""
    bank = bank_of(request)
    async with changing(bank) as change:
        customer = await customer_named(request, change.connection)
        row = await pay_salary(bank, change, customer_id=customer["id"], by="control")
    return _transaction_answer(row)


@lever()
async def set_cards(request: Request) -> Answer:
    """POST customers/{login}/cards {frozen, card_id?}: what the customer could do on the bank's page."""
    bank = bank_of(request)
    body = await read_json(request)
    frozen = member(body, "frozen", bool)
    only = member(body, "card_id", str, needed=False)
    async with changing(bank) as change:
        customer = await customer_named(request, change.connection)
        rows = await change.all(
            "SELECT id FROM cards WHERE customer_id = %s AND (%s::text IS NULL OR id = %s)",
            (customer["id"], only, only),
        )
        if not rows:
            raise LedgerRefusal("card_not_found", "There is no such card.")
        ids = [row["id"] for row in rows]
        changed = await set_card_state(change, card_ids=ids, frozen=frozen, by="control")
    return {"changed": changed}


@lever()
async def book(request: Request) -> Answer:
    """POST book: everything pending is booked now."""
    bank = bank_of(request)
    booked = 0
    while True:
        async with changing(bank) as change:
            number = await book_due(bank, change, everything=True)
        booked += number
        if not number:
            return {"booked": booked}


@lever()
async def lapse(request: Request) -> Answer:
    """POST lapse {account_id, transaction_id}: a pending purchase disappears."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await remove_pending(
            change,
            account_id=member(body, "account_id", str),
            transaction_id=member(body, "transaction_id", str),
            by="control",
        )
    return _transaction_answer(row)


@lever(creates=True)
async def receipt_ahead(request: Request) -> Answer:
    """POST customers/{login}/receipt {amount, merchant?, account?}: a receipt before its purchase."""
    bank = bank_of(request)
    body = await read_json(request)
    amount = member(body, "amount", str)
    merchant = member(body, "merchant", str, needed=False) or "Corner Test"
    async with changing(bank) as change:
        customer = await customer_named(request, change.connection)
        card = await paying_card(
            change,
            customer_id=customer["id"],
            account_id=member(body, "account", str, needed=False),
        )
        ahead = await issue_ahead(
            bank,
            change,
            account_id=card["account_id"],
            merchant=merchant,
            price=price_of(amount, card["currency"]),
            currency=card["currency"],
        )
    return {
        "AccountId": ahead.account_id,
        "TransactionId": ahead.transaction_id,
        "ReceiptId": receipt_id(ahead.account_id, ahead.transaction_id),
    }


@lever()
async def receipt_again(request: Request) -> Answer:
    """POST receipts/correct {receipt_id}: its next revision, with lines that add up."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await correct_receipt(bank, change, member(body, "receipt_id", str))
    return {"ReceiptId": row["id"], "Revision": row["revision"]}


@lever()
async def update_again(request: Request) -> Answer:
    """POST updates/again {id, revision?}: tell a revision once more; an older one is out of order."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await tell_again(
            change,
            about=member(body, "id", str),
            revision=member(body, "revision", int, needed=False),
        )
    return {"id": row["about"], "Revision": row["revision"]}


@lever()
async def parcel_on(request: Request) -> Answer:
    """POST parcels/move {parcel_id, to?}: on to the next stop of its way, or to a status."""
    bank = bank_of(request)
    body = await read_json(request)
    async with changing(bank) as change:
        row = await move_parcel(
            bank,
            change,
            member(body, "parcel_id", str),
            to=member(body, "to", str, needed=False),
        )
    return {"ShipmentId": row["id"], "Revision": row["revision"], **parcel_body(row)}


@lever()
async def updates(request: Request) -> Answer:
    """GET updates?after=&limit=: all that was told of receipts and shipments, as it was told."""
    after = whole(request, "after", default=0)
    limit = whole(request, "limit", default=1000)
    if not 1 <= limit <= MOST_ROWS:
        raise LedgerRefusal("bad_request", f"limit is 1 to {MOST_ROWS}")
    async with bank_of(request).pool.connection() as connection:
        rows = await all_updates(connection, after=after, limit=limit)
    return {"updates": rows, "next_after": rows[-1]["seq"] if rows else after}
