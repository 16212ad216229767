"""Which feeds belong to others, and which of their fields a bank can hold back."""

from collections.abc import Mapping

# What is told of a payment can be shown once the payment is known: so payments are read for it.
BELONG_TO_PAYMENTS = frozenset({"receipts", "shipments"})

MASKABLE: Mapping[str, tuple[str, ...]] = {
    "transactions": (
        "description",
        "merchant_name",
        "merchant_category",
        "merchant_country",
        "booked_at",
        "card_last4",
        "original_amount",
    ),
    "receipts": ("merchant_name", "merchant_place", "lines", "issued_at"),
    "shipments": ("merchant_name", "carrier", "tracking_code", "places"),
}
