"""How the bank writes its records in UK Open Banking JSON, of 4.0 and of 3.1. No database, no clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from psycopg.rows import DictRow

from partners.sandbox import money
from partners.sandbox.credit import credit_line

_PURPOSE = {"SALARY": "SALA"}


@dataclass(frozen=True)
class Version:
    """The words of one version of the standard."""

    base: str
    statuses: Mapping[str, str]
    consent_statuses: Mapping[str, str]
    category_field: str
    type_field: str
    account_types: Mapping[str, str]
    available: str
    booked: str
    has_purpose: bool
    error_codes: Mapping[str, str]


V4 = Version(
    base="/open-banking/v4.0/aisp",
    statuses={"pending": "PDNG", "booked": "BOOK"},
    consent_statuses={},
    category_field="AccountCategory",
    type_field="AccountTypeCode",
    account_types={"current": "CACC", "card": "CARD", "savings": "SVGS"},
    available="ITAV",
    booked="ITBD",
    has_purpose=True,
    error_codes={},
)
V3_1 = Version(
    base="/open-banking/v3.1/aisp",
    statuses={"pending": "Pending", "booked": "Booked"},
    # It has no word for a consent that has run out.
    consent_statuses={
        "AWAU": "AwaitingAuthorisation",
        "AUTH": "Authorised",
        "RJCT": "Rejected",
        "CANC": "Revoked",
        "EXPD": "Revoked",
    },
    category_field="AccountType",
    type_field="AccountSubType",
    account_types={"current": "CurrentAccount", "card": "CreditCard", "savings": "Savings"},
    available="InterimAvailable",
    booked="InterimBooked",
    has_purpose=False,
    error_codes={
        "U000": "UK.OBIE.UnexpectedError",
        "U001": "UK.OBIE.Field.Invalid",
        "U002": "UK.OBIE.Field.Invalid",
        "U003": "UK.OBIE.Field.InvalidDate",
        "U004": "UK.OBIE.Field.Missing",
        "U005": "UK.OBIE.Field.Unexpected",
        "U006": "UK.OBIE.Header.Invalid",
        "U007": "UK.OBIE.Header.Missing",
        "U008": "UK.OBIE.Resource.ConsentMismatch",
        "U009": "UK.OBIE.Resource.InvalidConsentStatus",
        "U010": "UK.OBIE.Resource.InvalidFormat",
        "U011": "UK.OBIE.Resource.NotFound",
    },
)


def version_of(path: str) -> Version:
    """Which version an address belongs to; our own interface speaks as 4.0 does."""
    return V3_1 if path.startswith(f"{V3_1.base}/") else V4


def amount(minor: int, currency: str) -> dict[str, str]:
    """An unsigned amount; its direction is in CreditDebitIndicator."""
    return {"Amount": money.to_text(abs(minor), currency), "Currency": currency}


def direction(minor: int) -> str:
    """Credit or Debit; zero is Credit."""
    return "Credit" if minor >= 0 else "Debit"


def moment(at: dt.datetime, zone: ZoneInfo) -> str:
    """RFC 3339 in the bank's own zone, with that moment's offset."""
    return at.astimezone(zone).isoformat(timespec="seconds")


def account(row: DictRow, *, version: Version, zone: ZoneInfo, detailed: bool) -> dict[str, Any]:
    """An OBAccount6; the numbers only for who may see details."""
    body = {
        "AccountId": row["id"],
        "Status": "Enabled",
        "StatusUpdateDateTime": moment(row["opened_at"], zone),
        "Currency": row["currency"],
        version.category_field: "Personal",
        version.type_field: version.account_types[row["kind"]],
        "Description": row["name"][:35],
        "Nickname": row["name"],
        "OpeningDate": moment(row["opened_at"], zone),
    }
    if detailed:
        body["Account"] = [
            {
                "SchemeName": row["scheme"],
                "Identification": row["identification"],
                "Name": row["holder_names"],
            }
        ]
    return body


def balances(
    row: DictRow, *, version: Version, at: dt.datetime, zone: ZoneInfo
) -> list[dict[str, Any]]:
    """Available (with pending taken off) and booked, both interim; neither counts the overdraft."""
    available = row["booked_minor"] + row["pending_minor"]
    told: list[dict[str, Any]] = [
        {
            "AccountId": row["id"],
            "CreditDebitIndicator": direction(minor),
            "Type": kind,
            "DateTime": moment(at, zone),
            "Amount": amount(minor, row["currency"]),
        }
        for kind, minor in ((version.available, available), (version.booked, row["booked_minor"]))
    ]
    if (line := credit_line(row)) is not None:
        agreed = {"Included": False, "Type": "Pre-Agreed", "Amount": amount(line, row["currency"])}
        told[0]["CreditLine"] = [agreed]
    return told


def transaction(
    row: DictRow, *, version: Version, zone: ZoneInfo, issuer: str, detailed: bool
) -> dict[str, Any]:
    """An OBTransaction6 with only the members that apply."""
    body = {
        "AccountId": row["account_id"],
        "TransactionId": row["transaction_id"],
        "CreditDebitIndicator": direction(row["amount_minor"]),
        "Status": version.statuses[row["status"]],
        "TransactionMutability": "Mutable" if row["status"] == "pending" else "Immutable",
        "BookingDateTime": moment(row["occurred_at"], zone),
        "Amount": amount(row["amount_minor"], row["currency"]),
        "ProprietaryBankTransactionCode": {"Code": row["kind"], "Issuer": issuer},
        "CurrencyExchange": _exchange(row),
        "CardInstrument": _card(row),
        "SupplementaryData": supplement(row) or None,
        "CategoryPurposeCode": _PURPOSE.get(row["kind"]) if version.has_purpose else None,
    }
    if row["value_at"] is not None:
        body["ValueDateTime"] = moment(row["value_at"], zone)
    if detailed:
        body["TransactionInformation"] = row["description"] or None
        body["MerchantDetails"] = _merchant(row) or None
    return {name: value for name, value in body.items() if value is not None}


def _exchange(row: DictRow) -> dict[str, Any] | None:
    if row["original_currency"] is None:
        return None
    return {
        "SourceCurrency": row["original_currency"],
        "TargetCurrency": row["currency"],
        "UnitCurrency": row["original_currency"],
        # The standard wants a JSON number; six digits print as they were written.
        "ExchangeRate": float(row["exchange_rate"]),
        "InstructedAmount": amount(row["original_minor"], row["original_currency"]),
    }


def _card(row: DictRow) -> dict[str, str] | None:
    if row["card_id"] is None:
        return None
    return {
        "CardSchemeName": "VISA",
        "AuthorisationType": "Contactless" if row["merchant_country"] else "ConsumerDevice",
        "Name": row["card_holder"],
        "Identification": f"**** {row['last4']}",
    }


def _merchant(row: DictRow) -> dict[str, str]:
    return _present(
        MerchantName=row["merchant_name"], MerchantCategoryCode=row["merchant_category"]
    )


def supplement(row: DictRow) -> dict[str, str]:
    """What the bank adds beyond the standard, as the partner interface describes it."""
    return _present(
        FraudSignal=_fraud_signal(row),
        MerchantCountry=row["merchant_country"],
        CardId=row["card_id"] or "",
    )


def _fraud_signal(row: DictRow) -> str:
    """What the bank holds of it; the customer's own word settles what it suspected."""
    if row["decision"] == "not_me":
        return "confirmed"
    if not row["fraud_suspected"]:
        return ""
    return "cleared" if row["decision"] == "was_me" else "suspected"


def _present(**members: str) -> dict[str, str]:
    return {name: value for name, value in members.items() if value}


def page(
    data: dict[str, Any], *, address: str, following: str | None = None, **meta: Any
) -> dict[str, Any]:
    """The envelope: Data, Links, Meta."""
    links = {"Self": address, **({"Next": following} if following else {})}
    return {"Data": data, "Links": links, "Meta": meta}


def errors(
    code: str, message: str, path: str | None = None, *, version: Version = V4
) -> dict[str, Any]:
    """An OBErrorResponse1 with one error; `code` is of the four-letter code set of version 4."""
    said = version.error_codes.get(code, code)
    error = {"ErrorCode": said, "Message": message, **({"Path": path} if path else {})}
    # 3.1 sums up what 4.0 only lists.
    whole = {"Code": said, "Message": message} if version.error_codes else {}
    return {**whole, "Errors": [error]}
