"""What a reader would see of one invented payment, balance, receipt or parcel under a bank's masks.

Drawn by the shapes that every door uses, so that the example cannot say more or less than they do.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from partners.alerts.models import AlertType
from partners.alerts.queries import enabled_rules
from partners.feeds.masks import IN_BANDS, Masks, masks_of, tells_what_is_masked
from partners.ledger.categories import Category
from partners.ledger.models import Account, Balance, Entry
from partners.purchases.models import Receipt, ReceiptLine, Shipment, ShipmentStop
from partners.sharing.rules import FEED_OF_ALERT
from partners.sharing.shapes import (
    account_shape,
    balance_shape,
    receipt_shape,
    shipment_shape,
    transaction_shape,
)

Shape = Mapping[str, Any]
_AT = datetime(2026, 3, 14, 11, 26, tzinfo=UTC)
_LABELS: Mapping[str, Promise] = {
    "name": _("Name of the account"),
    "kind": _("Kind of account"),
    "masked_identification": _("Last digits of the account"),
    "currency": _("Currency"),
    "booked": _("Booked"),
    "available": _("Available"),
    "merchant_name": _("Merchant"),
    "description": _("Text of the statement"),
    "merchant_category": _("Kind of merchant"),
    "merchant_country": _("Country"),
    "merchant_place": _("Where the shop is"),
    "day": _("Day"),
    "booked_at": _("Time of day"),
    "amount": _("Amount"),
    "original_amount": _("Amount in the foreign currency"),
    "card_last4": _("Last digits of the card"),
    "issued_at": _("Time of the receipt"),
    "lines": _("What was bought"),
    "total": _("Total"),
    "carrier": _("Carrier"),
    "tracking_code": _("Tracking code"),
    "status": _("Status"),
    "places": _("Where the parcel was"),
}


def example(kind: str, currency: str, chosen: Mapping[str, Iterable[str]]) -> list[dict[str, str]]:
    """The lines of the example: each with label, and text or nothing where it is not shown."""
    seen = _SEEN[kind](currency, masks_of(kind, chosen))
    return [{"label": str(_LABELS[name]), "text": text} for name, text in seen.items()]


def held_back_alerts(kind: str, chosen: Mapping[str, Iterable[str]]) -> list[str]:
    """Alert types that are on and would tell what is masked, by name; in the bank's block."""
    masks = masks_of(kind, chosen)
    return [
        str(AlertType(each).label)
        for each, parameters in enabled_rules().items()
        if FEED_OF_ALERT.get(each) == kind and tells_what_is_masked(each, parameters, masks)
    ]


def balances_tell_amounts(kind: str, chosen: Mapping[str, Iterable[str]]) -> bool:
    """Whether payments are in bands and balances, which tell what lies between them, are not."""
    hidden = IN_BANDS in masks_of("transactions", chosen)
    return kind == "transactions" and hidden and IN_BANDS not in masks_of("balances", chosen)


def _accounts(currency: str, masks: Masks) -> dict[str, str]:
    account = Account(
        name=gettext("Household"),
        kind=gettext("Current account"),
        currency=currency,
        masked_identification="••4821",
    )
    shape = account_shape(account, masks)
    return {
        name: shape[name] or "" for name in ("name", "kind", "masked_identification", "currency")
    }


def _balances(currency: str, masks: Masks) -> dict[str, str]:
    def of_kind(kind: str, amount_minor: int) -> str:
        held = Balance(kind=kind, amount_minor=amount_minor, currency=currency, as_of=_AT)
        shape = balance_shape(held, masks)
        return _amount(shape["balance"], shape["balance_band"])

    return {"booked": of_kind("booked", 123_456), "available": of_kind("available", 118_956)}


def _transactions(currency: str, masks: Masks) -> dict[str, str]:
    shape = transaction_shape(_entry(currency), masks)
    return {
        "merchant_name": shape["merchant"] or "",
        "description": shape["description"] or "",
        "merchant_category": _kind_of_merchant(shape),
        "merchant_country": shape["merchant_country"] or "",
        "day": shape["booked_on"] or shape["booked_month"],
        "booked_at": shape["booked_at"] or "",
        "amount": _amount(shape["amount"], shape["amount_band"]),
        "original_amount": _amount(shape["original_amount"], None),
        "card_last4": shape["card_last4"] or "",
    }


def _kind_of_merchant(shape: Shape) -> str:
    code = shape["merchant_category"]
    return f"{Category(shape['category']).label} ({code})" if shape["category"] else code or ""


def _entry(currency: str) -> Entry:
    elsewhere = "SEK" if currency != "SEK" else "NOK"
    return Entry(
        status="posted",
        kind="card_purchase",
        amount_minor=-34_90,
        currency=currency,
        original_amount_minor=-389_00,
        original_currency=elsewhere,
        exchange_rate="0.0897",
        booked_on=date(2026, 3, 14),
        booked_at=_AT,
        description="BOTTEGA VERDE MALMO 14.03",
        merchant_name="Bottega Verde",
        merchant_category="5411",
        merchant_country="SE",
        card_last4="4821",
    )


def _receipts(currency: str, masks: Masks) -> dict[str, str]:
    line = ReceiptLine(
        description="Olive oil",
        quantity_milli=2000,
        unit_price_minor=17_45,
        amount_minor=34_90,
        discount_minor=0,
    )
    receipt = Receipt(
        revision=1,
        currency=currency,
        merchant_name="Bottega Verde",
        merchant_place="Malmo",
        issued_at=_AT,
        lines_minor=34_90,
        discount_minor=0,
        total_minor=34_90,
    )
    shape = receipt_shape(receipt, [line], masks)
    lines = [f"{it['quantity']} x {it['description']}" for it in shape["lines"] or ()]
    return {
        "merchant_name": shape["merchant_name"] or "",
        "merchant_place": shape["merchant_place"] or "",
        "issued_at": shape["issued_at"] or "",
        "lines": ", ".join(lines),
        "total": _amount(shape["total"], shape["total_band"]),
    }


def _shipments(_currency: str, masks: Masks) -> dict[str, str]:
    shipment = Shipment(
        revision=1,
        merchant_name="Bottega Verde",
        carrier="Corriere Gabbiano",
        tracking_code="GB0142",
        status="in_transit",
        updated_at=_AT,
    )
    stop = ShipmentStop(at=_AT, status="in_transit", text="", place="Malmo")
    shape = shipment_shape(shipment, [stop], masks)
    return {
        "merchant_name": shape["merchant_name"] or "",
        "carrier": shape["carrier"] or "",
        "tracking_code": shape["tracking_code"] or "",
        "status": gettext("On its way"),
        "places": shape["events"][0]["place"] or "",
    }


def _amount(amount: Shape | None, band: Shape | None) -> str:
    if amount is not None:
        return f"{amount['amount']} {amount['currency']}"
    if band is None:
        return ""
    edges = gettext("%(above)s to %(up_to)s %(currency)s") if band["up_to"] else "> %(above)s"
    return edges % band


_SEEN: Mapping[str, Callable[[str, Masks], dict[str, str]]] = {
    "accounts": _accounts,
    "balances": _balances,
    "transactions": _transactions,
    "receipts": _receipts,
    "shipments": _shipments,
}
