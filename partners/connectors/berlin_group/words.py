"""Words of NextGenPSD2 1.3, in ours."""

from collections.abc import Mapping
from typing import Literal

from partners.connectors.base import AccountKind

# cashAccountType: ExternalCashAccountType1Code of ISO 20022.
ACCOUNT_KINDS: Mapping[str, AccountKind] = {
    "CACC": "current",
    "TRAN": "current",
    "TRAS": "current",
    "SVGS": "savings",
    "LLSV": "savings",
    "ONDP": "savings",
    "CARD": "credit_card",
    "CHAR": "charge_card",
    "CPAC": "prepaid_card",
    "WALT": "e_money",
    "LOAN": "loan",
    "MORT": "mortgage",
}

# balanceType that say what is so now, best first. `expected` is booked and pending together;
# `forwardAvailable` is of a day to come, and `nonInvoiced` a card's bill: neither is what there is.
BALANCE_KINDS: Mapping[str, tuple[Literal["available", "booked"], int]] = {
    "interimAvailable": ("available", 0),
    "expected": ("available", 1),
    "interimBooked": ("booked", 0),
    "closingBooked": ("booked", 1),
    "openingBooked": ("booked", 2),
}
# Those that are as of the answer; the others are of a day's end or beginning.
INTERIM = frozenset({"interimAvailable", "expected", "interimBooked"})

# consentStatus before the customer's yes, and after it.
AWAITING = frozenset({"received"})
GIVEN = frozenset({"valid"})

# Message codes: the day's accesses to an account without its customer are used up; the days asked for are out of bounds; the consent is over; it does
# not allow this; it is not there.
EXCEEDED = "ACCESS_EXCEEDED"
PERIOD = "PERIOD_INVALID"
OVER = frozenset({"CONSENT_EXPIRED", "CONSENT_UNKNOWN"})
INVALID = "CONSENT_INVALID"
GONE = frozenset({"http_404", "http_410", "RESOURCE_UNKNOWN", "RESOURCE_EXPIRED", INVALID, *OVER})
