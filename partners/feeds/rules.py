"""Which feeds can be read, and which of their fields a bank can hold back."""

from collections.abc import Mapping

# Kinds that a connector reads today; the others are named so that a bank can see what comes.
READY = frozenset({"balances", "transactions"})

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
}
