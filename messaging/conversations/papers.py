"""Receipts and parcels in plain words, for whoever cannot draw their cards; and what a parcel's card says."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext

from messaging.conversations import words

_MOST_LINES = 12
_TIMES = "\u00d7"
_CAME = frozenset({"delivered", "returned"})

Shown = Mapping[str, Any]


def shipment_words(shipment: Shown, *, zone: ZoneInfo, now: datetime) -> dict[str, str]:
    """Where the parcel is, and when it comes or came."""
    status = shipment["status"]
    return {
        "status_text": words.parcel_text(status),
        "when_text": _when(shipment, zone=zone, now=now),
    }


def _when(shipment: Shown, *, zone: ZoneInfo, now: datetime) -> str:
    if shipment["status"] in _CAME:
        return words.came_text(datetime.fromisoformat(shipment["updated_at"]), zone=zone)
    if shipment["expected_on"] is None:
        return ""
    return words.expected_text(date.fromisoformat(shipment["expected_on"]), zone=zone, now=now)


def shipment_fallback(shipment: Shown) -> str:
    """`Your parcel from Casa Tegola: On its way. Expected tomorrow. Corriere Gabbiano GB01`."""
    carried = " ".join(each for each in (shipment["carrier"], shipment["tracking_code"]) if each)
    told = (_titled(gettext("Your parcel"), shipment), shipment["when_text"], carried)
    return ". ".join(each for each in told if each)


def _titled(title: str, shipment: Shown) -> str:
    shop = shipment["merchant_name"]
    named = gettext("Your parcel from %(shop)s") % {"shop": shop} if shop else title
    return f"{named}: {shipment['status_text']}"


def receipt_fallback(receipt: Shown) -> str:
    """The whole receipt on one line: what was bought, what was taken off and added, what it came to."""
    shop = receipt["merchant_name"]
    title = gettext("Receipt from %(shop)s") % {"shop": shop} if shop else gettext("Receipt")
    lines = receipt["lines"] or []
    told = [_line(each) for each in lines[:_MOST_LINES]]
    left = len(lines) - len(told)
    if left:
        told.append(gettext("and %(n)d more") % {"n": left})
    if receipt["discount"]:
        told.append(gettext("discount %(amount)s") % {"amount": receipt["discount"]["amount"]})
    if receipt["tax"] and not receipt["tax_included"]:
        told.append(gettext("tax %(amount)s") % {"amount": receipt["tax"]["amount"]})
    total = {"total": words.amount_text(receipt["total"], receipt["total_band"])}
    came_to = gettext("Total %(total)s") % total
    return ". ".join([f"{title}: {', '.join(told)}" if told else title, came_to])


def _line(line: Shown) -> str:
    quantity = " ".join(each for each in (line["quantity"], line["unit"]) if each)
    return " ".join(
        each
        for each in (f"{quantity} {_TIMES}", line["description"], line["amount"]["amount"])
        if each
    )
