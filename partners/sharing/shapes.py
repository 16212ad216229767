"""What leaves, as JSON-ready values: one shape each, with what the bank masks left empty (`masks`)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson

from partners.feeds.masks import Masks, band, day, exact, month, shown
from partners.ledger.categories import Category, category_of
from partners.ledger.exchange import rate_fits
from partners.ledger.merchants import LONGEST_LINE, clean_name
from partners.ledger.models import Account, Balance, Entry
from partners.purchases.models import (
    Receipt,
    ReceiptLine,
    Shipment,
    ShipmentStatus,
    ShipmentStop,
)
from portal.rest.money import Money, money

# Kinds of payment whose text on the statement is a shop's, where the bank gives no name beside it.
_NAMES_A_SHOP = frozenset({"card_purchase", "card_refund", "other"})


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def account_shape(account: Account, masks: Masks) -> dict[str, Any]:
    """An account as the API shows it; `masks` are those of accounts."""
    digits = account.masked_identification
    return {
        "id": str(account.id),
        "name": account_name(account, masks),
        "kind": shown("kind", account.kind, masks),
        "currency": account.currency,
        "masked_identification": None if "masked_identification" in masks else digits,
    }


def account_name(account: Account, masks: Masks) -> str | None:
    name: str | None = shown("name", account.name, masks)
    return name


def card_name(account: Account, masks: Masks) -> str | None:
    """What a card calls an account: by its last digits where its name is held back, so that it is told from
    others; null where these are held back too.
    """
    digits: str | None = shown("masked_identification", account.masked_identification, masks)
    # Both are empty once they have aged out.
    return account_name(account, masks) or (digits or "").replace("*", "•") or None


def balance_shape(balance: Balance, masks: Masks) -> dict[str, Any]:
    return {
        "kind": balance.kind,
        "balance": exact(balance.amount_minor, balance.currency, masks),
        "balance_band": band(balance.amount_minor, balance.currency, masks),
        "credit_line": exact(balance.credit_line_minor, balance.currency, masks),
        "credit_line_band": band(balance.credit_line_minor, balance.currency, masks),
        "credit_line_included": balance.credit_line_included,
        "as_of": instant(balance.as_of),
    }


def transaction_shape(entry: Entry, masks: Masks) -> dict[str, Any]:
    """A transaction as the API shows it; a masked field is null, as is one that the bank left out."""
    original = shown("original_amount", original_amount(entry), masks)
    return {
        "id": str(entry.id),
        "account_id": str(entry.account_id),
        "status": entry.status,
        "kind": entry.kind,
        "amount": exact(entry.amount_minor, entry.currency, masks),
        "amount_band": band(entry.amount_minor, entry.currency, masks),
        "original_amount": original,
        "original_currency": shown("original_amount", entry.original_currency, masks),
        "exchange_rate": shown("exchange_rate", entry.exchange_rate, masks),
        "exchange_rate_fits": shown("exchange_rate", _rate_fits(entry), masks),
        "booked_on": day(entry.booked_on, masks),
        "booked_month": month(entry.booked_on, masks),
        "booked_at": shown("booked_at", instant(entry.booked_at), masks),
        "value_on": shown("value_on", day(entry.value_on, masks), masks),
        "description": shown("description", entry.description, masks),
        "merchant": merchant(entry, masks),
        "category": None if (known := category(entry, masks)) is None else known.value,
        "merchant_name": shown("merchant_name", entry.merchant_name, masks),
        "merchant_category": shown("merchant_category", entry.merchant_category, masks),
        "merchant_country": shown("merchant_country", entry.merchant_country, masks),
        "card_last4": shown("card_last4", entry.card_last4, masks),
        "details": details(entry, masks),
    }


def details(entry: Entry, masks: Masks) -> list[dict[str, Any]] | None:
    """What the row sums up, one by one. They say in other words what its description says, and are held back with it."""
    if not entry.details or "description" in masks:
        return None
    return [
        {
            "amount": money(each["amount_minor"], each["currency"])
            if "currency" in each
            else None,
            "counterparty": each.get("counterparty"),
            "description": each.get("description"),
            "reference": each.get("reference"),
        }
        for each in orjson.loads(entry.details)
    ]


def merchant(entry: Entry, masks: Masks) -> str | None:
    """The merchant's name, cleaned; null where what it would be cleaned from is held back."""
    told_by = "merchant_name" if entry.merchant_name else "description"
    if {told_by, "merchant_name"} & masks:
        return None
    country = "" if "merchant_country" in masks else entry.merchant_country
    if entry.merchant_name:
        return clean_name(entry.merchant_name, country)
    name = clean_name(entry.description, country) if entry.kind in _NAMES_A_SHOP else ""
    # Of a row that says neither what it is nor who was paid, a line as short as a card's; the rest is prose.
    return name if name and (entry.kind != "other" or len(name) <= LONGEST_LINE) else None


def category(entry: Entry, masks: Masks) -> Category | None:
    """What kind of thing is sold there, where the bank gives the merchant's category code."""
    if not entry.merchant_category or "merchant_category" in masks:
        return None
    return category_of(entry.merchant_category)


def receipt_shape(receipt: Receipt, lines: Sequence[ReceiptLine], masks: Masks) -> dict[str, Any]:
    """A receipt as the API shows it. Its parts come to its total; where lines are masked, they are null."""
    currency = receipt.currency
    discount = receipt.discount_minor or None
    return {
        "id": str(receipt.id),
        "account_id": str(receipt.account_id),
        "transaction_id": str(receipt.entry_id),
        "revision": receipt.revision,
        "merchant_name": shown("merchant_name", receipt.merchant_name, masks),
        "merchant_place": shown("merchant_place", receipt.merchant_place, masks),
        "issued_at": shown("issued_at", instant(receipt.issued_at), masks),
        "lines": shown("lines", [_line_shape(each, currency) for each in lines], masks),
        "subtotal": exact(receipt.lines_minor, currency, masks),
        "discount": exact(discount, currency, masks),
        "tax": exact(receipt.tax_minor, currency, masks),
        "tax_included": receipt.tax_included,
        "total": exact(receipt.total_minor, currency, masks),
        "total_band": band(receipt.total_minor, currency, masks),
    }


def _line_shape(line: ReceiptLine, currency: str) -> dict[str, Any]:
    return {
        "description": line.description or None,
        "quantity": quantity_text(line.quantity_milli),
        "unit": line.unit or None,
        "unit_price": money(line.unit_price_minor, currency),
        "discount": money(line.discount_minor, currency) if line.discount_minor else None,
        "amount": money(line.amount_minor, currency),
    }


def quantity_text(milli: int) -> str:
    """Thousandths as a decimal without zeros that say nothing: 2000 is `2`, 742 is `0.742`."""
    whole, rest = divmod(milli, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def shipment_shape(
    shipment: Shipment,
    stops: Sequence[ShipmentStop],
    masks: Masks,
    *,
    receipt_id: UUID | None = None,
) -> dict[str, Any]:
    """A shipment as the API shows it, with its stops, oldest first, and the receipt of what is in it."""
    return {
        "id": str(shipment.id),
        "account_id": str(shipment.account_id),
        "transaction_id": str(shipment.entry_id),
        "receipt_id": None if receipt_id is None else str(receipt_id),
        "revision": shipment.revision,
        "merchant_name": shown("merchant_name", shipment.merchant_name, masks),
        "carrier": shown("carrier", shipment.carrier, masks),
        "tracking_code": shown("tracking_code", shipment.tracking_code, masks),
        "status": shipment.status,
        "expected_on": None if shipment.expected_on is None else shipment.expected_on.isoformat(),
        "updated_at": _moved_at(shipment.updated_at, shipment.status, masks),
        "events": [_stop_shape(each, masks) for each in stops],
    }


def _stop_shape(stop: ShipmentStop, masks: Masks) -> dict[str, Any]:
    return {
        "at": _moved_at(stop.at, stop.status, masks),
        "status": stop.status,
        "text": stop.text or None,
        "place": shown("places", stop.place, masks),
    }


def _moved_at(at: datetime, status: str, masks: Masks) -> str | None:
    # What is ordered is mostly paid for in the same minute.
    is_masked = status == ShipmentStatus.ORDERED and "ordered_at" in masks
    return None if is_masked else instant(at)


def original_amount(entry: Entry) -> Money | None:
    """What was paid in the shop's own currency, where that was another."""
    if entry.original_amount_minor is None or not entry.original_currency:
        return None
    return money(entry.original_amount_minor, entry.original_currency)


def _rate_fits(entry: Entry) -> bool | None:
    if entry.original_amount_minor is None or not entry.original_currency:
        return None
    return rate_fits(
        entry.exchange_rate,
        original_minor=entry.original_amount_minor,
        original_currency=entry.original_currency,
        amount_minor=entry.amount_minor,
        currency=entry.currency,
    )


def card_transaction(entry: Entry, account: str | None, masks: Masks) -> dict[str, Any]:
    """A transaction as a chat card shows it."""
    full = transaction_shape(entry, masks)
    name, known = full["merchant"] or full["description"], category(entry, masks)
    written = full["description"] or full["merchant_name"]
    card = {
        "id": full["id"],
        "merchant": name,
        # As the bank wrote it, where that is not what stands above.
        "statement_text": None if written == name else written,
        "category": full["category"],
        "category_text": None if known is None else str(known.label),
        "amount": full["amount"],
        "amount_band": full["amount_band"],
        "booked_on": full["booked_on"],
        "booked_month": full["booked_month"],
        "booked_at": full["booked_at"],
        "status": full["status"],
        "card_last4": full["card_last4"],
        "account_name": account,
    }
    if full["original_amount"] is not None:
        card["original_amount"] = full["original_amount"]
        # A rate that does not lead from one to the other would explain nothing.
        card["exchange_rate"] = full["exchange_rate"] if full["exchange_rate_fits"] else None
    return card


def card_account(
    account: Account, balances: Sequence[Balance], masks: Masks, *, of_accounts: Masks
) -> dict[str, Any]:
    """An account as a chat card shows it: what is booked, what is available, and when that was so."""
    of_kind = {each.kind: balance_shape(each, masks) for each in balances}
    booked, available = of_kind.get("booked", {}), of_kind.get("available", {})
    latest = max((each.as_of for each in balances), default=None)
    # Of what is available, where the bank says that: it is what a line changes.
    of_line = available or booked
    return {
        "id": str(account.id),
        "name": card_name(account, of_accounts),
        "balance": booked.get("balance"),
        "balance_band": booked.get("balance_band"),
        "available": available.get("balance"),
        "available_band": available.get("balance_band"),
        "credit_line": of_line.get("credit_line"),
        "credit_line_band": of_line.get("credit_line_band"),
        "credit_line_included": of_line.get("credit_line_included"),
        "as_of": instant(latest),
    }


def by_account(balances: Sequence[Balance]) -> dict[UUID, list[Balance]]:
    found: dict[UUID, list[Balance]] = {}
    for each in balances:
        found.setdefault(each.account_id, []).append(each)
    return found
