"""What leaves, as JSON-ready values: one shape each, with what the bank masks left empty."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from partners.ledger.models import Account, Balance, Entry
from partners.purchases.models import Receipt, ReceiptLine, Shipment, ShipmentStop
from portal.rest.money import Money, money

Masked = frozenset[str]


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def day(on: date | None) -> str | None:
    return None if on is None else on.isoformat()


def account_shape(account: Account) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "name": account.name,
        "kind": account.kind,
        "currency": account.currency,
        "masked_identification": account.masked_identification,
    }


def balance_shape(balance: Balance) -> dict[str, Any]:
    return {
        "kind": balance.kind,
        "balance": money(balance.amount_minor, balance.currency),
        "as_of": instant(balance.as_of),
    }


def transaction_shape(entry: Entry, masked: Masked) -> dict[str, Any]:
    """A transaction as the API shows it; a masked field is null, as is one that the bank left out."""

    def shown(name: str, value: Any) -> Any:
        return _shown(name, value, masked)

    original = shown("original_amount", original_amount(entry))
    return {
        "id": str(entry.id),
        "account_id": str(entry.account_id),
        "status": entry.status,
        "kind": entry.kind,
        "amount": money(entry.amount_minor, entry.currency),
        "original_amount": original,
        "exchange_rate": None if original is None else shown("exchange_rate", entry.exchange_rate),
        "booked_on": day(entry.booked_on),
        "booked_at": shown("booked_at", instant(entry.booked_at)),
        "value_on": shown("value_on", day(entry.value_on)),
        "description": shown("description", entry.description),
        "merchant_name": shown("merchant_name", entry.merchant_name),
        "merchant_category": shown("merchant_category", entry.merchant_category),
        "merchant_country": shown("merchant_country", entry.merchant_country),
        "card_last4": shown("card_last4", entry.card_last4),
    }


def receipt_shape(
    receipt: Receipt, lines: Sequence[ReceiptLine], masked: Masked
) -> dict[str, Any]:
    """A receipt as the API shows it. Its parts come to its total; where lines are masked, they are null."""
    currency = receipt.currency
    return {
        "id": str(receipt.id),
        "account_id": str(receipt.account_id),
        "transaction_id": str(receipt.entry_id),
        "revision": receipt.revision,
        "merchant_name": _shown("merchant_name", receipt.merchant_name, masked),
        "merchant_place": _shown("merchant_place", receipt.merchant_place, masked),
        "issued_at": _shown("issued_at", instant(receipt.issued_at), masked),
        "lines": _shown("lines", [_line_shape(each, currency) for each in lines], masked),
        "subtotal": money(receipt.lines_minor, currency),
        "discount": money(receipt.discount_minor, currency) if receipt.discount_minor else None,
        "tax": None if receipt.tax_minor is None else money(receipt.tax_minor, currency),
        "tax_included": receipt.tax_included,
        "total": money(receipt.total_minor, currency),
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
    shipment: Shipment, stops: Sequence[ShipmentStop], masked: Masked
) -> dict[str, Any]:
    """A shipment as the API shows it, with its stops, oldest first."""
    return {
        "id": str(shipment.id),
        "account_id": str(shipment.account_id),
        "transaction_id": str(shipment.entry_id),
        "revision": shipment.revision,
        "merchant_name": _shown("merchant_name", shipment.merchant_name, masked),
        "carrier": _shown("carrier", shipment.carrier, masked),
        "tracking_code": _shown("tracking_code", shipment.tracking_code, masked),
        "status": shipment.status,
        "expected_on": day(shipment.expected_on),
        "updated_at": instant(shipment.updated_at),
        "events": [
            {
                "at": instant(each.at),
                "status": each.status,
                "text": each.text or None,
                "place": _shown("places", each.place, masked),
            }
            for each in stops
        ],
    }


def _shown(name: str, value: Any, masked: Masked) -> Any:
    return None if name in masked or value == "" else value


def original_amount(entry: Entry) -> Money | None:
    """What was paid in the shop's own currency, where that was another."""
    if entry.original_amount_minor is None or not entry.original_currency:
        return None
    return money(entry.original_amount_minor, entry.original_currency)


def card_transaction(entry: Entry, account_name: str, masked: Masked) -> dict[str, Any]:
    """A transaction as a chat card shows it."""
    full = transaction_shape(entry, masked)
    card = {
        "id": full["id"],
        "merchant": _merchant(full, masked),
        "amount": full["amount"],
        "booked_on": full["booked_on"],
        "booked_at": full["booked_at"],
        "status": full["status"],
        "card_last4": full["card_last4"],
        "account_name": account_name,
    }
    if full["original_amount"] is not None:
        card["original_amount"] = full["original_amount"]
    return card


def _merchant(full: Mapping[str, Any], masked: Masked) -> str | None:
    # A description mostly holds the shop's name too: where that is masked, it does not stand in for it.
    if "merchant_name" in masked:
        return None
    name: str | None = full["merchant_name"] or full["description"]
    return name


def card_account(account: Account, balances: Sequence[Balance]) -> dict[str, Any]:
    """An account as a chat card shows it: what is booked, what is available, and when that was so."""
    of_kind = {each.kind: each for each in balances}
    booked, available = of_kind.get("booked"), of_kind.get("available")
    latest = max((each.as_of for each in of_kind.values()), default=None)
    return {
        "id": str(account.id),
        "name": account.name,
        "balance": None if booked is None else money(booked.amount_minor, booked.currency),
        "available": None
        if available is None
        else money(available.amount_minor, available.currency),
        "as_of": instant(latest),
    }


def by_account(balances: Sequence[Balance]) -> dict[UUID, list[Balance]]:
    found: dict[UUID, list[Balance]] = {}
    for each in balances:
        found.setdefault(each.account_id, []).append(each)
    return found
