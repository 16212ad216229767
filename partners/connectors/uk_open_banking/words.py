"""Words of UK Open Banking 4.0 (ISO 20022 codes) and of 3.1, in ours."""

from collections.abc import Mapping
from typing import Literal

from partners.connectors.base import AccountKind

# ExternalEntryStatus1Code; OBEntryStatus1Code. None: not an entry (to come, informative, refused).
STATUSES: Mapping[str, Literal["pending", "posted"] | None] = {
    "PDNG": "pending",
    "Pending": "pending",
    "BOOK": "posted",
    "Booked": "posted",
    "FUTR": None,
    "INFO": None,
    "RJCT": None,
    "Rejected": None,
}

SIGNS: Mapping[str, Literal[1, -1]] = {"Credit": 1, "Debit": -1}

# OBExternalAccountSubType1Code of both versions.
ACCOUNT_KINDS: Mapping[str, AccountKind] = {
    "CACC": "current",
    "CurrentAccount": "current",
    "TRAN": "current",
    "SVGS": "savings",
    "Savings": "savings",
    "LLSV": "savings",
    "ONDP": "savings",
    "CARD": "credit_card",
    "CreditCard": "credit_card",
    "CHAR": "charge_card",
    "ChargeCard": "charge_card",
    "CPAC": "prepaid_card",
    "PrePaidCard": "prepaid_card",
    "WALT": "e_money",
    "EMoney": "e_money",
    "Wallet": "e_money",
    "LOAN": "loan",
    "Loan": "loan",
    "MORT": "mortgage",
    "Mortgage": "mortgage",
}

# OBBalanceType1Code that say what is so now, best first: interim, closing, opening.
BALANCE_KINDS: Mapping[str, tuple[Literal["available", "booked"], int]] = {
    "ITAV": ("available", 0),
    "InterimAvailable": ("available", 0),
    "CLAV": ("available", 1),
    "ClosingAvailable": ("available", 1),
    "OPAV": ("available", 2),
    "OpeningAvailable": ("available", 2),
    "ITBD": ("booked", 0),
    "InterimBooked": ("booked", 0),
    "CLBD": ("booked", 1),
    "ClosingBooked": ("booked", 1),
    "OPBD": ("booked", 2),
    "OpeningBooked": ("booked", 2),
}

# AWAU of 4.0 and AwaitingAuthorisation of 3.1: the customer has not decided yet.
AWAITING = frozenset({"AWAU", "AwaitingAuthorisation"})

# A consent that is not there has ended, whichever way a bank says it.
GONE = frozenset({"http_404", "http_410", "U011", "UK.OBIE.Resource.NotFound"})

# OBExternalAccountIdentification4Code: numbers of cards, which tell of no account.
CARD_SCHEMES = frozenset({"UK.OBIE.PAN", "PAN"})
