"""Transactions, a page at a time."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from zoneinfo import ZoneInfo

from partners.connectors import links
from partners.connectors.answers import Node, read_json
from partners.connectors.base import (
    BadAnswer,
    BankAddress,
    BankRefused,
    Grant,
    Kind,
    PeriodRefused,
    Steps,
    TransactionPage,
    TransactionRecord,
)
from partners.connectors.cursors import PageCursor
from partners.connectors.kinds import kind_of, merchant_category
from partners.connectors.masks import last_four_of_card
from partners.connectors.partner.supplements import read_supplement
from partners.connectors.rates import rate
from partners.connectors.refusals import expect
from partners.connectors.rows import read_rows
from partners.connectors.uk_open_banking import calls
from partners.connectors.uk_open_banking.amounts import sign, signed_amount, unsigned_amount
from partners.connectors.uk_open_banking.words import STATUSES

_CURRENCY = re.compile(r"[A-Z]{3}")


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
    place = PageCursor(account_external_id, asked, since)
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
    place = PageCursor.opened(cursor, account=account_external_id, within=within)
    page = yield from _read_page(address.zone, place, grant=grant, within=within)
    return page


def _read_page(
    zone: ZoneInfo, place: PageCursor, *, grant: Grant, within: str
) -> Steps[TransactionPage]:
    response = yield calls.get(place.url, grant.access_token)
    try:
        expect(response, HTTPStatus.OK)
    except BankRefused as refused:
        raise _of_the_period(refused) from None
    answer = read_json(response)
    rows = answer.node("Data").rows("Transaction")
    read, rejected = read_rows(
        rows,
        lambda row: _read_transaction(row, place.account, zone),
        id_of=_external_id,
        day_of=lambda row: row.day("BookingDateTime", zone).on,
    )
    covered_from = max(place.covered_from, _first_available(answer, zone))
    following = links.next_url(
        answer.optional_node("Links"), "Next", asked=place.url, within=within
    )
    cursor = following and PageCursor(place.account, following, covered_from).sealed()
    return TransactionPage(
        records=tuple(record for record in read if record is not None),
        next_cursor=cursor,
        complete=cursor is None,
        covered_from=covered_from,
        rejected=tuple(rejected),
    )


def _of_the_period(refused: BankRefused) -> BankRefused:
    """No word of the standard says it, and nothing else of this request can be wrong for one account alone."""
    is_forbidden = refused.status == HTTPStatus.FORBIDDEN and refused.is_in_its_own_words
    if is_forbidden or refused.status == HTTPStatus.BAD_REQUEST:
        return PeriodRefused(refused.code, refused.status)
    return refused


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
    more = read_supplement(row)
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
        merchant_category=merchant_category(merchant.members.get("MerchantCategoryCode")),
        merchant_country=more.merchant_country,
        card_id=more.card_id,
        card_last4=last_four_of_card(
            row.optional_node("CardInstrument").members.get("Identification")
        ),
        fraud_suspected=more.fraud_suspected,
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
        return _Exchange(rate=rate(exchange, "ExchangeRate"))
    instructed = exchange.node("InstructedAmount")
    original_minor, original_currency = unsigned_amount(instructed)
    if original_currency not in named | {currency}:
        instructed.wrong("Currency", "neither side of the exchange")
    return _Exchange(sign(row) * original_minor, original_currency, rate(exchange, "ExchangeRate"))


def _kind(row: Node) -> Kind:
    iso = row.optional_node("BankTransactionCode").members
    return kind_of(
        proprietary=row.optional_node("ProprietaryBankTransactionCode").members.get("Code"),
        family=iso.get("Code"),
        subfamily=iso.get("SubCode"),
        by_card=bool(row.optional_node("CardInstrument").members),
        credit=sign(row) > 0,
    )
