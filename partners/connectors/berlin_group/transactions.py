"""Transactions, a page at a time: a list of pending ones and a list of booked ones."""

import re
from dataclasses import dataclass, replace
from datetime import date, timedelta
from http import HTTPStatus
from typing import Literal
from zoneinfo import ZoneInfo

from partners.connectors import links
from partners.connectors.answers import Node, clean, read_json
from partners.connectors.base import (
    BankAddress,
    Grant,
    Kind,
    RejectedRow,
    Steps,
    TransactionPage,
    TransactionRecord,
)
from partners.connectors.berlin_group import calls
from partners.connectors.berlin_group.amounts import signed_amount
from partners.connectors.berlin_group.refusals import expected
from partners.connectors.cursors import PageCursor
from partners.connectors.dates import BankDay
from partners.connectors.kinds import kind_of, merchant_category
from partners.connectors.masks import last_four_of_card
from partners.connectors.partner.supplements import moment_within, read_supplement
from partners.connectors.rates import rate
from partners.connectors.rows import as_node, read_rows

Status = Literal["pending", "posted"]
# Pending first: what is newer comes nearer to the front, as within each list.
_LISTS: tuple[tuple[str, Status], ...] = (("pending", "pending"), ("booked", "posted"))
_CURRENCY = re.compile(r"[A-Z]{3}")


def read_first(
    address: BankAddress, *, grant: Grant, account_external_id: str, since: date
) -> Steps[TransactionPage]:
    resource = calls.url(address, "accounts", account_external_id, "transactions")
    # A day early, as of every bank: days are the bank's own, and rows of the day before are welcome.
    asked = f"{resource}?bookingStatus=both&dateFrom={since - timedelta(days=1)}"
    page = yield from _read_page(
        address, PageCursor(account_external_id, asked, since), grant=grant
    )
    return page


def read_more(
    address: BankAddress, *, grant: Grant, account_external_id: str, cursor: str
) -> Steps[TransactionPage]:
    place = PageCursor.opened(cursor, account=account_external_id, within=calls.url(address))
    page = yield from _read_page(address, place, grant=grant)
    return page


def _read_page(address: BankAddress, place: PageCursor, *, grant: Grant) -> Steps[TransactionPage]:
    response = yield calls.get(place.url, grant)
    response = yield from expected(response, HTTPStatus.OK, address=address, grant=grant)
    report = read_json(response).node("transactions")
    records: list[TransactionRecord] = []
    rejected: list[RejectedRow] = []
    before = 0
    for name, status in _LISTS:
        rows = report.rows(name)
        good, bad = _read_list(rows, status, address.zone)
        records += good
        rejected += [replace(each, position=before + each.position) for each in bad]
        before += len(rows)
    following = _following(report, asked=place.url, within=calls.url(address))
    cursor = following and PageCursor(place.account, following, place.covered_from).sealed()
    return TransactionPage(
        records=tuple(records),
        next_cursor=cursor,
        complete=cursor is None,
        covered_from=place.covered_from,
        rejected=tuple(rejected),
    )


def _read_list(
    rows: list[object], status: Status, zone: ZoneInfo
) -> tuple[list[TransactionRecord], list[RejectedRow]]:
    return read_rows(
        rows,
        lambda row: _read_transaction(row, status, zone),
        id_of=_external_id,
        day_of=lambda row: _booked(row, zone).on,
    )


def _following(report: Node, *, asked: str, within: str) -> str | None:
    ways = report.optional_node("_links")
    if not ways.has("next"):
        return None
    return links.next_url(ways.node("next"), "href", asked=asked, within=within)


def _read_transaction(row: Node, status: Status, zone: ZoneInfo) -> TransactionRecord:
    """A row as a record. What decides money or identity is strict."""
    amount_minor, currency = signed_amount(row.node("transactionAmount"))
    booked = _booked(row, zone)
    exchange = _read_exchange(row, currency, credit=amount_minor >= 0)
    more = read_supplement(row)
    return TransactionRecord(
        external_id=_external_id(row),
        status=status,
        amount_minor=amount_minor,
        currency=currency,
        booked_on=booked.on,
        booked_on_source=booked.source,
        booked_at=moment_within(row, booked, zone),
        value_on=row.day("valueDate", zone).on if row.has("valueDate") else None,
        kind=_kind(row, credit=amount_minor >= 0),
        description=_description(row),
        original_amount_minor=exchange.amount_minor,
        original_currency=exchange.currency,
        exchange_rate=exchange.rate,
        merchant_name=row.text("debtorName" if amount_minor > 0 else "creditorName", limit=350),
        merchant_category=merchant_category(row.members.get("merchantCategoryCode")),
        merchant_country=more.merchant_country,
        card_id=more.card_id,
        card_last4=last_four_of_card(row.members.get("maskedPan")),
        fraud_suspected=more.fraud_suspected,
    )


def _external_id(row: Node) -> str | None:
    """The id by which the bank gives details, else the entry's own reference; some rows have neither.

    The standard lets either be empty, which names nothing.
    """
    for name in ("transactionId", "entryReference"):
        if row.has(name) and row.members[name] != "":
            return row.identity(name, limit=210)
    return None


def _booked(row: Node, zone: ZoneInfo) -> BankDay:
    """The day of booking; a pending one may have none yet, and then lies on its value date."""
    if not row.has("bookingDate") and not row.has("valueDate"):
        row.wrong("bookingDate", "neither a booking date nor a value date")
    return row.day("bookingDate" if row.has("bookingDate") else "valueDate", zone)


def _description(row: Node) -> str:
    """What was written to the customer, in the order in which the bank wrote it."""
    said = row.text("remittanceInformationUnstructured", limit=500)
    if said:
        return said
    lines = row.members.get("remittanceInformationUnstructuredArray")
    parts = [each for each in lines if isinstance(each, str)] if isinstance(lines, list) else []
    together = clean(" ".join(parts), limit=500)
    return together or row.text("additionalInformation", limit=500) or ""


def _kind(row: Node, *, credit: bool) -> Kind:
    """`PMNT-CCRD-POSD`: domain, family and sub-family of ISO 20022, joined."""
    written = row.members.get("bankTransactionCode")
    codes = written.split("-") if isinstance(written, str) else []
    family, subfamily = [*codes[1:3], "", ""][:2]
    purpose = row.members.get("purposeCode")
    return kind_of(
        proprietary=row.members.get("proprietaryBankTransactionCode"),
        family=family,
        subfamily=purpose if purpose == "SALA" else subfamily,
        by_card=row.has("maskedPan"),
        credit=credit,
    )


@dataclass(frozen=True, slots=True)
class _Exchange:
    amount_minor: int | None = None
    currency: str | None = None
    rate: str | None = None


def _read_exchange(row: Node, currency: str, *, credit: bool) -> _Exchange:
    """What was spent abroad, and the rate (reportExchangeRate); a mix-up of currencies is refused.

    A chain of exchanges begins where the money was spent. Its amount there is an addition of later
    versions; without it, the currency and the rate alone are known, and neither is made up.
    """
    listed = row.rows("currencyExchange")
    if not listed:
        return _Exchange()
    exchange = as_node(listed[0], "currencyExchange[0]")
    named = {exchange.string(name, limit=3) for name in ("sourceCurrency", "targetCurrency")}
    if not all(_CURRENCY.fullmatch(name) for name in named):
        exchange.wrong("sourceCurrency", "not a currency")
    if len(listed) == 1 and currency not in named:
        exchange.wrong("targetCurrency", "neither side is the amount's currency")
    if not exchange.has("instructedAmount"):
        return _Exchange(rate=rate(exchange, "exchangeRate"))
    instructed = exchange.node("instructedAmount")
    original_minor, original_currency = signed_amount(instructed)
    if original_currency not in named:
        instructed.wrong("currency", "neither side of the exchange")
    if original_minor < 0:
        instructed.wrong("amount", "an amount that was instructed has no sign")
    signed = original_minor if credit else -original_minor
    return _Exchange(signed, original_currency, rate(exchange, "exchangeRate"))
