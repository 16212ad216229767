"""A second reading of the standard's JSON, in code of its own: what has to come of a bank's answer.

Written from docs/words.md, docs/connectors.md and the standard, and shares nothing with the connector.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

Json = dict[str, Any]
ZONE = ZoneInfo("Europe/London")

# ISO 4217, table A.1: currencies whose minor unit is not a hundredth, and those that have none.
_WHOLE = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
_THOUSANDTHS = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
_TEN_THOUSANDTHS = ["CLF", "UYW"]
_NO_MINOR_UNIT = [
    "XAG",
    "XAU",
    "XBA",
    "XBB",
    "XBC",
    "XBD",
    "XDR",
    "XPD",
    "XPT",
    "XSU",
    "XTS",
    "XUA",
    "XXX",
]

_TYPES = {
    "current": "CACC CurrentAccount TRAN",
    "savings": "SVGS Savings LLSV ONDP",
    "credit_card": "CARD CreditCard",
    "charge_card": "CHAR ChargeCard",
    "prepaid_card": "CPAC PrePaidCard",
    "e_money": "WALT EMoney Wallet",
    "loan": "LOAN Loan",
    "mortgage": "MORT Mortgage",
}
_BALANCES = {
    "available": ["ITAV InterimAvailable", "CLAV ClosingAvailable", "OPAV OpeningAvailable"],
    "booked": ["ITBD InterimBooked", "CLBD ClosingBooked", "OPBD OpeningBooked"],
}
_KINDS_OF_CODES = (
    ("SubCode", {"salary": "SALA Salary", "fee": "FEES Fees CHRG Charges"}),
    (
        "Code",
        {
            "transfer_in": "RCDT RRCT ReceivedCreditTransfers",
            "transfer_out": "ICDT IRCT IssuedCreditTransfers",
            "direct_debit": "RDDT ReceivedDirectDebits",
        },
    ),
)
_OWN_KINDS = [
    "CARD_PURCHASE",
    "CARD_REFUND",
    "SALARY",
    "TRANSFER_IN",
    "TRANSFER_OUT",
    "DIRECT_DEBIT",
    "FEE",
]


class Unreadable(Exception):
    """This row, or this answer, may not be believed."""


@dataclass(frozen=True)
class Reading:
    """Records as plain values by the names that ours have, and the places of rows set aside."""

    records: list[Json]
    set_aside: list[int]


def parsed(body: bytes) -> Json:
    whole: Json = json.loads(body, parse_float=Decimal)
    return whole


def accounts(pages: Iterable[Json]) -> Reading:
    found: dict[str, Json] = {}
    aside: list[int] = []
    for page in pages:
        reading = _rows(page["Data"].get("Account", []), _account)
        aside += reading.set_aside
        for record in reading.records:
            found[record["external_id"]] = record
    return Reading(list(found.values()), aside)


def balances(answer: Json, *, account: str) -> list[Json]:
    """The best of each kind; Unreadable where one that counts is not exact, or another account's."""
    told: dict[str, list[tuple[tuple[int, bool, int], Json]]] = {}
    for position, row in enumerate(answer["Data"].get("Balance", [])):
        kind, order = _balance_kind(row["Type"])
        if kind is None or row["Amount"].get("SubType") == "LCUR":
            continue
        _must(row["AccountId"] == account)
        record = {
            "account_external_id": account,
            "kind": kind,
            "amount_minor": _signed(row),
            "currency": row["Amount"]["Currency"],
            "as_of": _moment(row["DateTime"]),
            # Nothing is said of the account itself beside a balance.
            "account": None,
        }
        line = _credit_line(row)
        place = (order, line["credit_line_included"] is True, position)
        told.setdefault(kind, []).append((place, record | line))
    return [_best(each) for each in told.values()]


def _credit_line(row: Json) -> Json:
    lines = row.get("CreditLine", [])
    counted = any(line["Included"] for line in lines)
    limits = [
        _limit(line, row["Amount"]["Currency"])
        for line in lines
        if line["Included"] == counted and line.get("Type") != "Available"
    ]
    return {
        "credit_line_minor": limits[0] if len(limits) == 1 else None,
        "credit_line_included": counted if lines else None,
    }


def _limit(line: Json, currency: str) -> int | None:
    try:
        _must(line["Amount"]["Currency"] == currency)
        return _minor(line["Amount"])
    except (KeyError, Unreadable):
        return None


def _best(told: list[tuple[tuple[int, bool, int], Json]]) -> Json:
    """Of several the best; how much its line is may be said by another as good."""
    (place, best), *others = sorted(told, key=lambda each: each[0])
    if best["credit_line_included"] is None:
        for other, record in others:
            if other[0] == place[0] and record["credit_line_minor"] is not None:
                line = record["credit_line_minor"]
                return best | {"credit_line_minor": line, "credit_line_included": False}
    return best


def transactions(page: Json, *, account: str) -> Reading:
    return _rows(page["Data"].get("Transaction", []), lambda row: _transaction(row, account))


def next_link(page: Json) -> str | None:
    found: str | None = page.get("Links", {}).get("Next")
    return found


def first_available(page: Json, *, since: date) -> date:
    """What the bank says of this merely shortens what was asked; nonsense says nothing."""
    try:
        return max(since, _day(page["Meta"]["FirstAvailableDateTime"])["on"])
    except (KeyError, Unreadable):
        return since


def _rows(rows: Iterable[Json], read: Callable[[Json], Json | None]) -> Reading:
    records, aside = [], []
    for position, row in enumerate(rows):
        try:
            record = read(row)
        except Unreadable:
            aside.append(position)
        else:
            records += [record] if record else []
    return Reading(records, aside)


def _must(so: object) -> None:
    if not so:
        raise Unreadable


def _account(row: Json) -> Json | None:
    if row.get("Status") == "Deleted":
        return None
    currency = row.get("Currency", "")
    _minor_digits(currency)
    _must(_keepable(row["AccountId"]))
    code = row.get("AccountTypeCode") or row.get("AccountSubType")
    numbers = [each["Identification"] for each in row.get("Account", [])]
    shown = re.sub(r"[^A-Za-z0-9]", "", numbers[0]) if numbers else ""
    tail = shown[-4:] if len(shown) >= 8 else ""
    return {
        "external_id": row["AccountId"],
        "kind": _listed(code, _TYPES) or "other",
        "name": _line(row.get("Nickname")) or _line(row.get("Description")) or "",
        "currency": currency,
        "masked_identification": f"**** {tail}".strip() if numbers else "",
        # A card's number says nothing of the account behind it.
        "identifications": tuple(
            each["Identification"]
            for each in row.get("Account", [])
            if each["SchemeName"].rpartition(".")[2] != "PAN"
        ),
    }


def _listed(code: object, words: Mapping[str, str]) -> str | None:
    return next((meaning for meaning, codes in words.items() if code in codes.split()), None)


def _balance_kind(written: str) -> tuple[str | None, int]:
    for kind, ranks in _BALANCES.items():
        for order, codes in enumerate(ranks):
            if written in codes.split():
                return kind, order
    return None, 0


def _transaction(row: Json, account: str) -> Json | None:
    _must(row["AccountId"] == account)
    status = {"PDNG": "pending", "Pending": "pending", "BOOK": "posted", "Booked": "posted"}
    if row["Status"] not in status:
        return None
    number = row.get("TransactionId")
    _must(number is None or _keepable(number))
    booked = _day(row["BookingDateTime"])
    value = _day(row["ValueDateTime"]) if "ValueDateTime" in row else None
    merchant = row.get("MerchantDetails", {})
    return {
        "external_id": number,
        "status": status[row["Status"]],
        "amount_minor": _signed(row),
        "currency": row["Amount"]["Currency"],
        "booked_on": booked["on"],
        "booked_on_source": booked["source"],
        "booked_at": booked["at"],
        "value_on": value and value["on"],
        "kind": _kind(row),
        "description": _line(row.get("TransactionInformation")) or "",
        **_abroad(row),
        "merchant_name": _line(merchant.get("MerchantName")),
        "merchant_category": _four_digits(merchant.get("MerchantCategoryCode", "")),
        "merchant_country": None,  # in SupplementaryData, which the standard leaves to the bank
        "card_id": None,
        "card_last4": _last_digits(row.get("CardInstrument", {}).get("Identification", "")),
        "fraud_suspected": False,
        # The standard has a reference, and says not whose; and no id of a pending row at a posted one.
        "references": (),
        # Rows of statements alone sum up others.
        "details": "",
        "pending_external_id": None,
    }


def _kind(row: Json) -> str:
    own = row.get("ProprietaryBankTransactionCode", {}).get("Code", "")
    if own in _OWN_KINDS:
        return str(own.lower())
    codes = row.get("BankTransactionCode", {})
    for name, words in _KINDS_OF_CODES:
        meaning = _listed(codes.get(name), words)
        if meaning:
            return meaning
    if row.get("CardInstrument") or codes.get("Code") in {"CCRD", "CustomerCardTransactions"}:
        return "card_refund" if row["CreditDebitIndicator"] == "Credit" else "card_purchase"
    return "other"


def _abroad(row: Json) -> Json:
    nothing = {"original_amount_minor": None, "original_currency": None, "exchange_rate": None}
    exchange = row.get("CurrencyExchange")
    if not exchange:
        return nothing
    sides = {exchange.get("SourceCurrency"), exchange.get("TargetCurrency")} - {None}
    own = row["Amount"]["Currency"]
    _must("TargetCurrency" not in exchange or own in sides)
    rate = exchange["ExchangeRate"]
    _must(0 < rate < 10**12)
    read = nothing | {"exchange_rate": f"{rate:f}"}
    instructed = exchange.get("InstructedAmount")
    if not instructed:
        return read
    _must(instructed["Currency"] in sides | {own})
    return read | {
        "original_amount_minor": _direction(row) * _minor(instructed),
        "original_currency": instructed["Currency"],
    }


def _direction(row: Json) -> int:
    return {"Credit": 1, "Debit": -1}[row["CreditDebitIndicator"]]


def _signed(row: Json) -> int:
    return _direction(row) * _minor(row["Amount"])


def _minor(amount: Json) -> int:
    exact = Decimal(amount["Amount"]).scaleb(_minor_digits(amount["Currency"]))
    _must(exact == exact.to_integral_value())
    return int(exact)


def _minor_digits(currency: str) -> int:
    _must(currency and currency not in _NO_MINOR_UNIT)
    if currency in _WHOLE:
        return 0
    if currency in _THOUSANDTHS:
        return 3
    return 4 if currency in _TEN_THOUSANDTHS else 2


def _moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    _must(1900 <= moment.year < 2200)
    return moment.astimezone(UTC)


def _day(written: str) -> Json:
    """Midnight is how banks write a date; anything else falls on the bank's own day."""
    moment = datetime.fromisoformat(written)
    _must(1900 <= moment.year < 2200)
    if (moment.hour, moment.minute, moment.second, moment.microsecond) == (0, 0, 0, 0):
        return {"on": moment.date(), "source": "date", "at": None}
    return {
        "on": moment.astimezone(ZONE).date(),
        "source": "instant",
        "at": moment.astimezone(UTC),
    }


def _line(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


def _keepable(number: str) -> bool:
    return number.isprintable() and number == number.strip() and number not in {"", ".", ".."}


def _four_digits(code: str) -> str | None:
    return code.rjust(4, "0") if re.fullmatch("[0-9]{3,4}", code) else None


def _last_digits(written: str) -> str | None:
    return written[-4:] if re.fullmatch(r".*[0-9]{4}", written) else None
