"""How the bank writes its records for the cursor sync, in Plaid's shape. No database, no clock."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from partners.sandbox import money, open_banking
from partners.sandbox.credit import credit_line

BASE = "/sync"
_TYPE = {
    "current": ("depository", "checking"),
    "card": ("credit", "credit card"),
    "savings": ("depository", "savings"),
}
_OWED = "credit"
_CODE = {
    "CARD_PURCHASE": "purchase",
    "CARD_REFUND": "purchase",
    "DIRECT_DEBIT": "direct debit",
    "FEE": "bank charge",
    "TRANSFER_IN": "transfer",
    "TRANSFER_OUT": "transfer",
}
_CATEGORY = {
    "SALARY": ("INCOME", "INCOME_WAGES"),
    "TRANSFER_IN": ("TRANSFER_IN", "TRANSFER_IN_ACCOUNT_TRANSFER"),
    "TRANSFER_OUT": ("TRANSFER_OUT", "TRANSFER_OUT_ACCOUNT_TRANSFER"),
    "FEE": ("BANK_FEES", "BANK_FEES_OTHER_BANK_FEES"),
}
_NOWHERE = dict.fromkeys(
    ("address", "city", "region", "postal_code", "country", "lat", "lon", "store_number")
)
_PAYMENT_META = dict.fromkeys(
    ("reference_number", "ppd_id", "payee", "by_order_of", "payer", "payment_method")
) | {"payment_processor": None, "reason": None}
_MARKED = re.compile(r'"\\u0000(-?[0-9]+(?:\.[0-9]+)?)"')


def to_json(body: Mapping[str, Any]) -> bytes:
    """The body with its amounts as JSON numbers, digit by digit: no float has them in between."""
    return _MARKED.sub(r"\1", json.dumps(body)).encode()


def _number(minor: int, currency: str) -> str:
    """An amount, marked for `to_json` with what no text that is kept can contain."""
    return f"\0{money.to_text(minor, currency)}"


def request_id() -> str:
    """A name for one answer."""
    return uuid.uuid4().hex[:15]


def account(row: DictRow, *, at: str) -> dict[str, Any]:
    """An AccountBase. Of a card, `current` is what is owed."""
    kind, subtype = _TYPE[row["kind"]]
    known = "".join(mark for mark in row["identification"] if mark.isalnum())
    booked, currency = row["booked_minor"], row["currency"]
    line = 0 if kind == _OWED else credit_line(row)
    return {
        "account_id": row["id"],
        "mask": known[-4:] or None,
        "name": row["name"],
        "official_name": None,
        "type": kind,
        "subtype": subtype,
        "balances": {
            "available": _number(booked + row["pending_minor"], currency),
            "current": _number(-booked if kind == _OWED else booked, currency),
            "limit": None if line is None else _number(line, currency),
            "iso_currency_code": currency,
            "unofficial_currency_code": None,
            "last_updated_datetime": at,
        },
    }


def item(consent: DictRow) -> dict[str, Any]:
    """What the customer linked, as an Item."""
    return {
        "item_id": consent["id"],
        "webhook": None,
        "error": None,
        "available_products": [],
        "billed_products": [],
        "consent_expiration_time": None,
        "update_type": "background",
    }


def transaction(
    row: DictRow, *, zone: ZoneInfo, was: str | None, detailed: bool
) -> dict[str, Any]:
    """A Transaction. Money out is positive. `was`: its id while it was pending, where it had another."""
    happened = row["occurred_at"].astimezone(zone)
    booked = row["value_at"] and row["value_at"].astimezone(zone)
    primary, detail = _CATEGORY.get(row["kind"], ("OTHER", "OTHER_OTHER"))
    return {
        "account_id": row["account_id"],
        "transaction_id": row["transaction_id"],
        "pending": row["status"] == "pending",
        "pending_transaction_id": was,
        "amount": _number(-row["amount_minor"], row["currency"]),
        "iso_currency_code": row["currency"],
        "unofficial_currency_code": None,
        "date": happened.date().isoformat(),
        "authorized_date": happened.date().isoformat(),
        # Finer than a second: what of one second came first is told by nothing else.
        "authorized_datetime": happened.isoformat(timespec="milliseconds"),
        "datetime": booked and booked.isoformat(timespec="seconds"),
        "name": row["merchant_name"] or row["description"],
        "merchant_name": row["merchant_name"] or None,
        "original_description": row["description"] if detailed else None,
        "payment_channel": "in store" if row["merchant_country"] else "other",
        "transaction_code": _CODE.get(row["kind"]),
        "personal_finance_category": {"primary": primary, "detailed": detail},
        "location": _NOWHERE | {"country": row["merchant_country"] or None},
        "payment_meta": _PAYMENT_META,
        "account_owner": None,
        "SupplementaryData": _supplement(row),
    }


def _supplement(row: DictRow) -> dict[str, Any]:
    """What the shape has no member for."""
    more: dict[str, Any] = {
        **open_banking.supplement(row),
        "MerchantCategoryCode": row["merchant_category"],
        "CardMask": f"**** {row['last4']}" if row["card_id"] else "",
    }
    if row["original_currency"] is not None:
        more["OriginalAmount"] = open_banking.amount(
            row["original_minor"], row["original_currency"]
        )
        more["ExchangeRate"] = str(row["exchange_rate"])
    return {name: value for name, value in more.items() if value}


def error(kind: str, code: str, words: str) -> dict[str, Any]:
    """A PlaidError."""
    return {
        "error_type": kind,
        "error_code": code,
        "error_message": words,
        "display_message": None,
        "request_id": request_id(),
    }
