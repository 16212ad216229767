"""Words of the cursor sync, in ours."""

from collections.abc import Mapping

from partners.connectors.base import AccountKind, Kind

# `subtype` of an account, else its `type`.
ACCOUNT_KINDS: Mapping[str, AccountKind] = {
    "checking": "current",
    "cash management": "current",
    "savings": "savings",
    "money market": "savings",
    "cd": "savings",
    "credit card": "credit_card",
    "charge card": "charge_card",
    "prepaid": "prepaid_card",
    "ebt": "prepaid_card",
    "paypal": "e_money",
    "mortgage": "mortgage",
    "home equity": "mortgage",
    "credit": "credit_card",
    "loan": "loan",
}
# Types of account whose `current` is what is owed: the more, the less there is.
OWED = frozenset({"credit", "loan"})

# `transaction_code`, else what `personal_finance_category` says, of which the detail counts first.
CODES: Mapping[str, Kind] = {
    "direct debit": "direct_debit",
    "bank charge": "fee",
}
CATEGORIES: Mapping[str, Kind] = {
    "INCOME_WAGES": "salary",
    "INCOME_SALARY": "salary",
    "TRANSFER_IN": "transfer_in",
    "TRANSFER_OUT": "transfer_out",
    "BANK_FEES": "fee",
}
BY_CARD = "purchase"

# `error_code`. Only the customer can mend these, at the bank's own page.
OVER = frozenset(
    {
        "ITEM_LOGIN_REQUIRED",
        "ITEM_NOT_FOUND",
        "ITEM_LOCKED",
        "ITEM_CONCURRENTLY_DELETED",
        "ACCESS_NOT_GRANTED",
        "INVALID_CREDENTIALS",
        "INVALID_MFA",
        "INVALID_UPDATED_USERNAME",
        "INSUFFICIENT_CREDENTIALS",
        "MFA_NOT_SUPPORTED",
        "NO_ACCOUNTS",
        "PASSWORD_RESET_REQUIRED",
        "USER_INPUT_TIMEOUT",
        "USER_PERMISSION_REVOKED",
        "USER_ACCOUNT_REVOKED",
        "USER_SETUP_REQUIRED",
    }
)
# The token, and not what it stands for.
TOKEN = frozenset({"INVALID_ACCESS_TOKEN"})
# The bank behind it, or it itself, is not ready: a 400 with these is no word on what was asked.
NOT_NOW = frozenset(
    {
        "PRODUCT_NOT_READY",
        "INTERNAL_SERVER_ERROR",
        "PLANNED_MAINTENANCE",
        "INSTITUTION_DOWN",
        "INSTITUTION_NOT_RESPONDING",
        "INSTITUTION_NOT_AVAILABLE",
    }
)
TOO_OFTEN = "RATE_LIMIT_EXCEEDED"
MOVED = "TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION"
# What is said of a cursor that belongs to nothing.
BAD_CURSOR = frozenset({"INVALID_FIELD", "INVALID_CURSOR"})
NOT_READY = "NOT_READY"
GONE = frozenset({"http_404", "http_410", "INVALID_LINK_TOKEN"})
