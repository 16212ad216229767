"""A statement's rows as records, so that the ledger merges them as it does what an interface lists."""

from contextlib import suppress
from dataclasses import replace
from decimal import Context, Decimal, localcontext

import orjson

from partners.connectors.base import BadAnswer, Kind, TransactionRecord
from partners.connectors.money import minor_units
from partners.statements.base import MOST_DIGITS, Detail, Entry, Malformed, exact

_LONGEST_TEXT, _LONGEST_NAME, _LONGEST_RATE = 500, 350, 40
# Six lines of sixty-five, and what names their fields.
_LONGEST_DETAIL = 1_000
MOST_DETAILS = 1_000
# What stands where a reference had to, and there was none.
_NO_REFERENCE = frozenset({"NONREF", "NOTPROVIDED", "NOT PROVIDED", "0"})
# OFX, TRNTYPE; SWIFT MT940, field 61 subfield 6; ISO 20022, bank transaction code sets.
_KINDS: dict[str, Kind] = {
    "POS": "card_purchase",
    "DIRECTDEBIT": "direct_debit",
    "FEE": "fee",
    "SRVCHG": "fee",
    "NDDT": "direct_debit",
    "NCHG": "fee",
    "NCOM": "fee",
    "PMNT.CCRD": "card_purchase",
    "PMNT.RDDT": "direct_debit",
    "PMNT.RCDT": "transfer_in",
    "PMNT.ICDT": "transfer_out",
}
_LONGEST_CODE = 9


def record_of(entry: Entry, *, currency: str) -> TransactionRecord:
    """The row in minor units; `currency` where the row names none. Raises Malformed where it cannot be kept exactly."""
    entry = _on_the_account(entry, currency)
    booked_on = entry.booked_on or entry.value_on
    if booked_on is None:
        raise Malformed(entry.where, "no date")
    own = entry.currency or currency
    try:
        amount_minor = _signed(entry.amount, own)
        original = entry.original_amount
        original_minor = None if original is None else _signed(original, entry.original_currency)
    except BadAnswer as reason:
        raise Malformed(entry.where, reason.reason) from None
    if original_minor is not None and entry.original_currency == own:
        # Of a table that fills its columns also at home; another amount is another currency's.
        if original_minor != amount_minor:
            raise Malformed(entry.where, "paid in the account's own currency, and another amount")
        entry, original_minor = replace(entry, original_currency="", exchange_rate=""), None
    return TransactionRecord(
        external_id=None,
        status=entry.status,
        amount_minor=amount_minor,
        currency=own,
        booked_on=booked_on,
        booked_on_source="date",
        value_on=entry.value_on,
        kind=_kind(entry.code, amount_minor),
        description=entry.description[:_LONGEST_TEXT],
        original_amount_minor=original_minor,
        original_currency=entry.original_currency or None,
        exchange_rate=entry.exchange_rate[:_LONGEST_RATE] or None,
        merchant_name=entry.counterparty[:_LONGEST_NAME] or None,
        references=_references(entry),
        details=_details(entry, own),
    )


def _on_the_account(entry: Entry, currency: str) -> Entry:
    """The row in the account's currency, to the last digit, where it says how it is changed to that (OFX 1.6, section 5.2)."""
    if not entry.changes_to or entry.changes_to != currency:
        return entry
    try:
        rate = exact(entry.exchange_rate, entry.where)
    except Malformed:
        return entry
    if rate <= 0:
        return entry
    with localcontext(Context(prec=2 * MOST_DIGITS)):
        amount = (entry.amount * rate).normalize()
    return replace(
        entry,
        amount=amount,
        currency=currency,
        original_amount=entry.amount,
        original_currency=entry.currency,
    )


def _details(entry: Entry, currency: str) -> str:
    """What the row sums up, or the words that were cut up for it, as JSON; empty where it says all of it by itself."""
    found = entry.details
    if not found or (found == found[:1] and found[0].description in {"", entry.description}):
        return ""
    told = [_detail(each, currency) for each in found[:MOST_DETAILS]]
    return orjson.dumps(told).decode()


def _detail(each: Detail, currency: str) -> dict[str, str | int]:
    said: dict[str, str | int] = {
        "counterparty": each.counterparty[:_LONGEST_NAME],
        "description": each.description[:_LONGEST_DETAIL],
        "reference": each.reference[:_LONGEST_NAME],
    }
    own = each.currency or currency
    # One that is finer than its currency, or of none, is left as it is: the row's own amount counts.
    with suppress(BadAnswer):
        if each.amount is not None:
            said |= {"amount_minor": _signed(each.amount, own), "currency": own}
    return {name: value for name, value in said.items() if value != ""}


def _signed(amount: Decimal, currency: str) -> int:
    minor = minor_units(f"{abs(amount):f}", currency)
    return -minor if amount < 0 else minor


def _kind(code: str, amount_minor: int) -> Kind:
    kind = _KINDS.get(code) or _KINDS.get(code[:_LONGEST_CODE], "other")
    if kind == "card_purchase" and amount_minor > 0:
        return "card_refund"
    return kind


def _references(entry: Entry) -> tuple[str, ...]:
    said = (entry.reference.strip(), entry.customer_reference.strip())
    return tuple(dict.fromkeys(each for each in said if each and each not in _NO_REFERENCE))
