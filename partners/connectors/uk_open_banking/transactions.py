"""Transactions, a page at a time."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from http import HTTPStatus
from typing import Self
from zoneinfo import ZoneInfo

from partners.connectors.answers import Node, read_json
from partners.connectors.base import (
    BadAnswer,
    BadCursor,
    BankAddress,
    Grant,
    Kind,
    Steps,
    TransactionPage,
    TransactionRecord,
)
from partners.connectors.refusals import expect
from partners.connectors.rows import read_rows
from partners.connectors.uk_open_banking import calls, links
from partners.connectors.uk_open_banking.amounts import sign, signed_amount, unsigned_amount
from partners.connectors.uk_open_banking.words import (
    CARD_FAMILIES,
    FAMILY_KINDS,
    PROPRIETARY_KINDS,
    STATUSES,
    SUBFAMILY_KINDS,
)

_MAX_CURSOR = 4096
_MAX_RATE_POWER = 11
_RATE = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,27})?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_LAST_FOUR = re.compile(r"([0-9]{4})\s*\Z")
_CATEGORY = re.compile(r"[0-9]{3,4}")


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Where the next page is, whose it is, and from which day on the pages before it were."""

    account: str
    url: str
    covered_from: date

    def sealed(self) -> str:
        parts = [self.account, self.url, self.covered_from.isoformat()]
        return urlsafe_b64encode(json.dumps(parts).encode()).decode()

    @classmethod
    def opened(cls, written: str, *, account: str, within: str) -> Self:
        """Read a cursor back as warily as a link: it may have lain anywhere in between."""
        if len(written) > _MAX_CURSOR:
            raise BadCursor
        try:
            parts = json.loads(urlsafe_b64decode(written.encode("ascii")))
            owner, url, covered_from = parts
            cursor = cls(account, url, date.fromisoformat(covered_from))
        except (ValueError, TypeError, RecursionError):
            raise BadCursor from None
        if owner != account or not isinstance(url, str) or not links.is_within(url, within):
            raise BadCursor
        return cursor


def read_first(
    address: BankAddress,
    version: str,
    *,
    grant: Grant,
    account_external_id: str,
    since: date,
) -> Steps[TransactionPage]:
    resource = calls.aisp_url(address, version, "accounts", account_external_id, "transactions")
    # The standard reads this filter without its zone. A day early, whichever clock the bank
    # lays on it, gives all of `since`; rows of the day before are known already, or welcome.
    asked = f"{resource}?fromBookingDateTime={since - timedelta(days=1)}T00:00:00Z"
    place = _Cursor(account_external_id, asked, since)
    return _read_page(address.zone, place, grant=grant, within=calls.aisp_url(address, version))


def read_more(
    address: BankAddress,
    version: str,
    *,
    grant: Grant,
    account_external_id: str,
    cursor: str,
) -> Steps[TransactionPage]:
    within = calls.aisp_url(address, version)
    place = _Cursor.opened(cursor, account=account_external_id, within=within)
    page = yield from _read_page(address.zone, place, grant=grant, within=within)
    return page


def _read_page(
    zone: ZoneInfo, place: _Cursor, *, grant: Grant, within: str
) -> Steps[TransactionPage]:
    response = yield calls.get(place.url, grant.access_token)
    expect(response, HTTPStatus.OK)
    answer = read_json(response)
    rows = answer.node("Data").rows("Transaction")
    read, rejected = read_rows(rows, lambda row: _read_transaction(row, place.account, zone))
    covered_from = max(place.covered_from, _first_available(answer, zone))
    following = links.next_url(answer, place.url, within=within)
    cursor = following and _Cursor(place.account, following, covered_from).sealed()
    return TransactionPage(
        records=tuple(record for record in read if record is not None),
        next_cursor=cursor,
        complete=cursor is None,
        covered_from=covered_from,
        rejected=tuple(rejected),
    )


def _first_available(answer: Node, zone: ZoneInfo) -> date:
    """The first day the bank still gives (Meta.FirstAvailableDateTime), if it says one.

    Some write "always" as the year 1 or 1753; that, and what is no date at all, costs no page.
    """
    try:
        return answer.optional_node("Meta").day("FirstAvailableDateTime", zone).on
    except BadAnswer:
        return date.min


def _read_transaction(row: Node, account: str, zone: ZoneInfo) -> TransactionRecord | None:
    """A row as a record; None for one that is no entry. What decides money or identity is strict."""
    if row.identity("AccountId", limit=40) != account:
        row.wrong("AccountId", "another account's")
    status = row.word("Status", STATUSES)
    if status is None:
        return None
    amount_minor, currency = signed_amount(row)
    booked = row.day("BookingDateTime", zone)
    exchange = _read_exchange(row, currency)
    merchant = row.optional_node("MerchantDetails")
    more = row.optional_node("SupplementaryData")
    return TransactionRecord(
        external_id=_external_id(row),
        status=status,
        amount_minor=amount_minor,
        currency=currency,
        booked_on=booked.on,
        booked_on_source=booked.source,
        booked_at=booked.at,
        value_on=row.day("ValueDateTime", zone).on if row.has("ValueDateTime") else None,
        kind=_kind(row),
        description=row.text("TransactionInformation", limit=500) or "",
        original_amount_minor=exchange.amount_minor,
        original_currency=exchange.currency,
        exchange_rate=exchange.rate,
        merchant_name=merchant.text("MerchantName", limit=350),
        merchant_category=_category(merchant),
        merchant_country=_matching(more.members.get("MerchantCountry"), _COUNTRY),
        card_id=more.identity("CardId", limit=128) if more.has("CardId") else None,
        card_last4=_last_four(row.optional_node("CardInstrument")),
        fraud_suspected=more.members.get("FraudSignal") == "suspected",
    )


def _external_id(row: Node) -> str | None:
    """OBTransaction6 leaves the id out where a bank has none that stays."""
    return row.identity("TransactionId", limit=210) if row.has("TransactionId") else None


@dataclass(frozen=True, slots=True)
class _Exchange:
    amount_minor: int | None = None
    currency: str | None = None
    rate: str | None = None


def _read_exchange(row: Node, currency: str) -> _Exchange:
    """What was spent abroad, and the rate (OBCurrencyExchange5); a mix-up of currencies is refused."""
    if not row.has("CurrencyExchange"):
        return _Exchange()
    exchange = row.node("CurrencyExchange")
    named = {
        exchange.string(name, limit=3)
        for name in ("SourceCurrency", "TargetCurrency")
        if exchange.has(name)
    }
    if not named or not all(_CURRENCY.fullmatch(name) for name in named):
        exchange.wrong("SourceCurrency", "not a currency")
    if exchange.has("TargetCurrency") and currency not in named:
        exchange.wrong("TargetCurrency", "neither side is the amount's currency")
    if not exchange.has("InstructedAmount"):
        return _Exchange(rate=_rate(exchange))
    instructed = exchange.node("InstructedAmount")
    original_minor, original_currency = unsigned_amount(instructed)
    if original_currency not in named | {currency}:
        instructed.wrong("Currency", "neither side of the exchange")
    return _Exchange(sign(row) * original_minor, original_currency, _rate(exchange))


def _rate(exchange: Node) -> str:
    """The rate as written, a decimal: a JSON number by the standard, a string at some banks."""
    value = exchange.members.get("ExchangeRate")
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        # The size first: 1e999999 would be written out at full length.
        exact = Decimal(value)
        value = format(exact, "f") if abs(exact.adjusted()) <= _MAX_RATE_POWER else None
    if not isinstance(value, str) or not _RATE.fullmatch(value) or not value.strip("0."):
        exchange.wrong("ExchangeRate", "not a positive decimal")
    return value


def _kind(row: Node) -> Kind:
    """The bank's own code, else ISO's, else what a card shows; the sign tells a refund."""
    proprietary = row.optional_node("ProprietaryBankTransactionCode").members.get("Code")
    iso = row.optional_node("BankTransactionCode").members
    for code, meanings in (
        (proprietary, PROPRIETARY_KINDS),
        (iso.get("SubCode"), SUBFAMILY_KINDS),
        (iso.get("Code"), FAMILY_KINDS),
    ):
        if isinstance(code, str) and code in meanings:
            return meanings[code]
    if row.optional_node("CardInstrument").members or iso.get("Code") in CARD_FAMILIES:
        return "card_refund" if sign(row) > 0 else "card_purchase"
    return "other"


def _category(merchant: Node) -> str | None:
    """ISO 18245 has four digits; some banks lose a leading nought."""
    code = _matching(merchant.members.get("MerchantCategoryCode"), _CATEGORY)
    return code and code.zfill(4)


def _last_four(card: Node) -> str | None:
    """Of a masked card number alone the last four digits, wherever it was masked."""
    value = card.members.get("Identification")
    if not isinstance(value, str):
        return None
    found = _LAST_FOUR.search(value[-40:])
    return found[1] if found else None


def _matching(value: object, pattern: re.Pattern[str]) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None
