"""Which feeds belong to others, and which of their fields a bank can hold back, or show less exactly."""

from collections.abc import Mapping

# What is told of a payment can be shown once the payment is known: so payments are read for it.
BELONG_TO_PAYMENTS = frozenset({"receipts", "shipments"})

# In place of the exact value: the month of a day, the band that an amount lies in.
BY_MONTH, IN_BANDS = "booked_on:month", "amount:band"
# What of an account itself is held back, whatever is shared of it. It is no feed: nobody switches it, or asks for it alone.
ACCOUNTS = "accounts"

MASKABLE: Mapping[str, tuple[str, ...]] = {
    ACCOUNTS: ("name", "kind", "masked_identification"),
    "balances": (IN_BANDS,),
    "transactions": (
        "description",
        "merchant_name",
        "merchant_category",
        "merchant_country",
        "booked_at",
        BY_MONTH,
        "card_last4",
        "original_amount",
        IN_BANDS,
    ),
    "receipts": ("merchant_name", "merchant_place", "lines", "issued_at", IN_BANDS),
    "shipments": ("merchant_name", "carrier", "tracking_code", "places"),
}
