"""How the bank writes its records in NextGenPSD2 1.3 JSON. No database, no clock."""

from __future__ import annotations

import textwrap
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from partners.sandbox import money, open_banking
from partners.sandbox.credit import credit_line

BASE = "/psd2/v1"
CONSENT_STATUS = {
    "AWAU": "received",
    "AUTH": "valid",
    "RJCT": "rejected",
    "CANC": "revokedByPsu",
    "EXPD": "expired",
}
_ACCOUNT_TYPE = {"current": "CACC", "card": "CARD", "savings": "SVGS"}
_NUMBER = {"UK.OBIE.IBAN": "iban", "UK.OBIE.PAN": "maskedPan"}
_CODE = {
    "CARD_PURCHASE": "PMNT-CCRD-POSD",
    "CARD_REFUND": "PMNT-CCRD-OTHR",
    "SALARY": "PMNT-RCDT-SALA",
    "DIRECT_DEBIT": "PMNT-RDDT-OTHR",
}
_LINE = 140
_NAME = 70


def amount(minor: int, currency: str) -> dict[str, str]:
    """An amount with its sign: money out is negative."""
    return {"currency": currency, "amount": money.to_text(minor, currency)}


def account(row: DictRow) -> dict[str, Any]:
    """An accountDetails."""
    here = f"{BASE}/accounts/{row['id']}"
    return {
        "resourceId": row["id"],
        _NUMBER.get(row["scheme"], "bban"): row["identification"],
        "currency": row["currency"],
        "displayName": row["name"],
        "ownerName": row["holder_names"],
        "cashAccountType": _ACCOUNT_TYPE[row["kind"]],
        "status": "enabled",
        "usage": "PRIV",
        "_links": {
            "balances": {"href": f"{here}/balances"},
            "transactions": {"href": f"{here}/transactions"},
        },
    }


def reference(row: DictRow) -> dict[str, str]:
    """Whose it is, by number as the standard has it."""
    return {
        _NUMBER.get(row["scheme"], "bban"): row["identification"],
        "currency": row["currency"],
    }


def balances(row: DictRow, *, zone: ZoneInfo) -> list[dict[str, Any]]:
    """Available (with pending taken off) and booked, both interim, since the account last moved."""
    available = row["booked_minor"] + row["pending_minor"]
    counted = {} if credit_line(row) is None else {"creditLimitIncluded": False}
    return [
        {
            "balanceType": kind,
            "balanceAmount": amount(minor, row["currency"]),
            **counted,
            "lastChangeDateTime": open_banking.moment(row["changed_at"], zone),
        }
        for kind, minor in (
            ("interimAvailable", available),
            ("interimBooked", row["booked_minor"]),
        )
    ]


def transaction(row: DictRow, *, zone: ZoneInfo) -> dict[str, Any]:
    """A row of either list; the days are the bank's own."""
    happened = row["occurred_at"].astimezone(zone)
    description = row["description"]
    lines = textwrap.wrap(description, _LINE) if len(description) > _LINE else []
    body = {
        "transactionId": row["transaction_id"],
        "bookingDate": happened.date().isoformat(),
        "valueDate": row["value_at"] and row["value_at"].astimezone(zone).date().isoformat(),
        "transactionAmount": amount(row["amount_minor"], row["currency"]),
        "currencyExchange": _exchange(row, happened.date().isoformat()),
        _other_side(row): row["merchant_name"][:_NAME],
        "merchantCategoryCode": row["merchant_category"],
        "maskedPan": f"************{row['last4']}" if row["card_id"] else None,
        "remittanceInformationUnstructured": "" if lines else description,
        "remittanceInformationUnstructuredArray": lines,
        "purposeCode": "SALA" if row["kind"] == "SALARY" else None,
        "bankTransactionCode": _CODE.get(row["kind"]),
        "proprietaryBankTransactionCode": row["kind"],
        "SupplementaryData": {
            **open_banking.supplement(row),
            # Finer than a second: the two lists do not say what of one second came first.
            "OccurredAt": happened.isoformat(timespec="milliseconds"),
        },
    }
    return {name: value for name, value in body.items() if value}


def _other_side(row: DictRow) -> str:
    return "debtorName" if row["amount_minor"] > 0 else "creditorName"


def _exchange(row: DictRow, on: str) -> list[dict[str, Any]] | None:
    if row["original_currency"] is None:
        return None
    return [
        {
            "sourceCurrency": row["original_currency"],
            "targetCurrency": row["currency"],
            "unitCurrency": row["original_currency"],
            "exchangeRate": str(row["exchange_rate"]),
            "quotationDate": on,
            # Of later versions of the standard: what was spent there.
            "instructedAmount": amount(abs(row["original_minor"]), row["original_currency"]),
        }
    ]


def messages(code: str, text: str) -> dict[str, Any]:
    """A refusal's body with one message."""
    return {"tppMessages": [{"category": "ERROR", "code": code, "text": text}]}
