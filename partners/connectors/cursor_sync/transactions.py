"""Transactions as changes after a cursor: added, modified, removed; in rounds of one or more pages.

A round is begun with the cursor that the last one ended with, or with none, and is whole when no more
follows. What changes while it is paged makes the bank refuse the next page: the round is begun again.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime
from urllib.parse import parse_qs, quote, urlsplit
from zoneinfo import ZoneInfo

from partners.connectors.answers import LONGEST_ACCOUNT_ID, Node, read_json
from partners.connectors.base import (
    BadAnswer,
    BankAddress,
    Grant,
    Kind,
    RejectedRow,
    Round,
    Steps,
    TemporarilyUnavailable,
    TransactionPage,
    TransactionRecord,
)
from partners.connectors.cursor_sync import calls
from partners.connectors.cursor_sync.amounts import signed_amount
from partners.connectors.cursor_sync.refusals import expect
from partners.connectors.cursor_sync.words import BY_CARD, CATEGORIES, CODES, NOT_READY
from partners.connectors.cursors import PageCursor
from partners.connectors.dates import BankDay
from partners.connectors.kinds import kind_of, merchant_category
from partners.connectors.masks import last_four_of_card
from partners.connectors.money import minor_units
from partners.connectors.partner.supplements import moment_within, read_supplement
from partners.connectors.rates import rate
from partners.connectors.rows import as_node, read_rows

_MOST_ROWS = 500
_MAX_CURSOR = 512
_COUNTRY = re.compile(r"[A-Z]{2}")


def read_first(
    address: BankAddress, *, grant: Grant, account_external_id: str, since: date
) -> Steps[TransactionPage]:
    """How far back the bank tells was settled as the customer linked: a round has no dates."""
    place = PageCursor(account_external_id, _url(address, ""), since)
    page = yield from _read_page(address, place, "", grant=grant)
    return page


def read_more(
    address: BankAddress, *, grant: Grant, account_external_id: str, cursor: str
) -> Steps[TransactionPage]:
    place = PageCursor.opened(
        cursor, account=account_external_id, within=calls.url(address, "transactions/sync")
    )
    after = parse_qs(urlsplit(place.url).query).get("cursor", [""])[0]
    page = yield from _read_page(address, place, after, grant=grant)
    return page


def _url(address: BankAddress, cursor: str) -> str:
    """The bank's cursor as our own cursors keep a place: as an address, which names the bank."""
    return f"{calls.url(address, 'transactions/sync')}?cursor={quote(cursor, safe='')}"


def _read_page(
    address: BankAddress, place: PageCursor, after: str, *, grant: Grant
) -> Steps[TransactionPage]:
    response = yield calls.ask(
        calls.url(address, "transactions/sync"), grant, _asked(place.account, after)
    )
    expect(response, after=after)
    answer = read_json(response)
    if answer.members.get("transactions_update_status") == NOT_READY:
        raise TemporarilyUnavailable
    following, has_more = _following(answer, after)
    records: list[TransactionRecord] = []
    rejected: list[RejectedRow] = []
    before = 0
    for name in ("added", "modified"):
        rows = answer.required_rows(name)
        good, bad = read_rows(
            rows,
            lambda row: _read_transaction(row, place.account, address.zone),
            id_of=_external_id,
            day_of=lambda row: row.day("date", address.zone).on,
        )
        records += good
        rejected += [replace(each, position=before + each.position) for each in bad]
        before += len(rows)
    stays = PageCursor(place.account, _url(address, following), place.covered_from).sealed()
    return TransactionPage(
        records=tuple(records),
        next_cursor=stays if has_more else None,
        complete=not has_more,
        covered_from=place.covered_from,
        rejected=tuple(rejected),
        round=Round(stays, _removed(answer, place.account)),
    )


def _asked(account: str, after: str) -> dict[str, object]:
    asked: dict[str, object] = {
        "count": _MOST_ROWS,
        "options": {"account_id": account, "include_original_description": True},
    }
    return asked | {"cursor": after} if after else asked


def _following(answer: Node, after: str) -> tuple[str, bool]:
    """The cursor after this page, and whether more follows: never the same page for ever."""
    following = answer.identity("next_cursor", limit=_MAX_CURSOR)
    has_more = answer.members.get("has_more")
    if not isinstance(has_more, bool):
        answer.wrong("has_more", "not true or false")
    if has_more and following == after:
        raise BadAnswer("leads back to the same page", "next_cursor")
    return following, has_more


def _removed(answer: Node, account: str) -> tuple[str, ...]:
    """Ids of this account that are no more. One that cannot be read could be any: so all or none."""
    found = []
    for position, row in enumerate(answer.required_rows("removed")):
        node = as_node(row, f"removed[{position}]")
        named = node.identity("transaction_id", limit=210)
        if not node.has("account_id") or node.members["account_id"] == account:
            found.append(named)
    return tuple(found)


def _read_transaction(row: Node, account: str, zone: ZoneInfo) -> TransactionRecord:
    """A row as a record. What decides money or identity is strict. Money out is positive there."""
    if row.identity("account_id", limit=LONGEST_ACCOUNT_ID) != account:
        row.wrong("account_id", "another account's")
    currency = row.string("iso_currency_code", limit=3)
    amount_minor = -signed_amount(row, "amount", currency)
    pending = row.members.get("pending")
    if not isinstance(pending, bool):
        row.wrong("pending", "not true or false")
    booked = row.day("date", zone)
    exchange = _read_exchange(row, currency, credit=amount_minor >= 0)
    more = row.optional_node("SupplementaryData")
    told = read_supplement(row)
    return TransactionRecord(
        external_id=_external_id(row),
        status="pending" if pending else "posted",
        amount_minor=amount_minor,
        currency=currency,
        booked_on=booked.on,
        booked_on_source=booked.source,
        booked_at=_moment(row, booked, zone),
        kind=_kind(row, credit=amount_minor > 0),
        description=row.text("original_description", limit=500)
        or row.text("name", limit=500)
        or "",
        original_amount_minor=exchange.amount_minor,
        original_currency=exchange.currency,
        exchange_rate=exchange.rate,
        merchant_name=row.text("merchant_name", limit=350),
        merchant_category=merchant_category(more.members.get("MerchantCategoryCode")),
        merchant_country=_country(row) or told.merchant_country,
        card_id=told.card_id,
        card_last4=last_four_of_card(more.members.get("CardMask")),
        fraud_suspected=told.fraud_suspected,
        pending_external_id=_was_pending_as(row),
    )


def _external_id(row: Node) -> str:
    return row.identity("transaction_id", limit=210)


def _was_pending_as(row: Node) -> str | None:
    if not row.has("pending_transaction_id"):
        return None
    return row.identity("pending_transaction_id", limit=210)


def _country(row: Node) -> str | None:
    country = row.optional_node("location").members.get("country")
    return country if isinstance(country, str) and _COUNTRY.fullmatch(country) else None


def _moment(row: Node, booked: BankDay, zone: ZoneInfo) -> datetime | None:
    """When it happened, where the bank knows it; nothing that is not of the day itself."""
    for name in ("authorized_datetime", "datetime"):
        try:
            said = row.day(name, zone) if row.has(name) else None
        except BadAnswer:
            continue
        if said is not None and said.at is not None and said.on == booked.on:
            return said.at
    return moment_within(row, booked, zone)


def _kind(row: Node, *, credit: bool) -> Kind:
    category = row.optional_node("personal_finance_category")
    for name, value in (
        ("detailed", category.members.get("detailed")),
        ("primary", category.members.get("primary")),
        ("code", row.members.get("transaction_code")),
    ):
        meanings = CODES if name == "code" else CATEGORIES
        if isinstance(value, str) and value in meanings:
            return meanings[value]
    return kind_of(
        proprietary=row.optional_node("SupplementaryData").members.get("TransactionCode"),
        family=None,
        subfamily=None,
        by_card=row.members.get("transaction_code") == BY_CARD,
        credit=credit,
    )


@dataclass(frozen=True, slots=True)
class _Exchange:
    amount_minor: int | None = None
    currency: str | None = None
    rate: str | None = None


def _read_exchange(row: Node, currency: str, *, credit: bool) -> _Exchange:
    """What was spent abroad, which the shape has no member for; a mix-up of currencies is refused."""
    more = row.optional_node("SupplementaryData")
    if not more.has("OriginalAmount"):
        return _Exchange()
    spent = more.node("OriginalAmount")
    original_currency = spent.string("Currency", limit=3)
    if original_currency == currency:
        spent.wrong("Currency", "the account's own")
    try:
        original = minor_units(spent.string("Amount"), original_currency)
    except BadAnswer as bad:
        spent.wrong(bad.field, bad.reason)
    known_rate = rate(more, "ExchangeRate") if more.has("ExchangeRate") else None
    return _Exchange(original if credit else -original, original_currency, known_rate)
