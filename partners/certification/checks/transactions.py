"""Transactions: pages, filters, and what becomes of a payment."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from partners.certification.book import Chapter
from partners.certification.checks.accounts import rows_set_aside
from partners.certification.hands import HandsTied, Purchase
from partners.certification.meanings import trouble_of
from partners.certification.refusals import expect_refusal
from partners.certification.report import Finding, counted
from partners.certification.visit import PassedOver, Visit, today, until
from partners.certification.wire import Found, not_json
from partners.connectors.base import RejectedRow, Response, TransactionPage, TransactionRecord
from partners.connectors.money import minor_units

chapter = Chapter("Transactions")
_HISTORY = timedelta(days=390)
_MOST_PAGES = 40
_MOST_ACCOUNTS = 6
_SEEN_WITHIN = 5.0
_ENOUGH_DAYS = 3

Rows = Sequence[TransactionRecord]


def _first(visit: Visit, account: str, since: date) -> TransactionPage:
    return visit.ask(
        visit.connector.transactions(grant=visit.grant, account_external_id=account, since=since)
    )


def _pages(visit: Visit, account: str, since: date) -> Iterator[TransactionPage]:
    """All the pages, as the bank links them."""
    page = _first(visit, account, since)
    yield page
    for _ in range(_MOST_PAGES):
        if page.next_cursor is None:
            return
        page = visit.ask(
            visit.connector.more_transactions(
                grant=visit.grant, account_external_id=account, cursor=page.next_cursor
            )
        )
        yield page
    raise Found(
        Finding(
            "pages_without_end",
            f"After {_MOST_PAGES} pages there is still a next one.",
            "Let Links.Next lead on, and leave it out on the last page.",
        )
    )


def _busiest(visit: Visit) -> str:
    """The account with most rows, of those that were read."""
    if not any(visit.listed.values()):
        raise PassedOver("no account has transactions")
    return max(visit.listed, key=lambda account: len(visit.listed[account]))


@chapter.check(
    "transactions.read",
    "It lists transactions",
    "GET /accounts/{AccountId}/transactions gives rows with TransactionId, Status, BookingDateTime, "
    "CreditDebitIndicator and an exact Amount.",
    source="UK Open Banking 4.0, transactions (OBReadTransaction6)",
    needs=("accounts.list",),
)
def read(visit: Visit) -> Iterator[Finding]:
    rejected: list[RejectedRow] = []
    visit.listed = {}
    for account in visit.accounts[:_MOST_ACCOUNTS]:
        page = _first(visit, account.external_id, today(visit.target.zone) - _HISTORY)
        visit.listed[account.external_id] = page.records
        rejected += page.rejected
    rows = [row for records in visit.listed.values() for row in records]
    visit.told = counted(len(rows), "row")
    yield from rows_set_aside(rejected, "row")
    if not rows and not rejected:
        raise PassedOver("no account has transactions: take a test customer who has some")
    yield from _about(visit, rows)


def _about(visit: Visit, rows: Rows) -> Iterator[Finding]:
    currencies = {each.external_id: each.currency for each in visit.accounts}
    mixed = any(
        row.currency != currencies[account]
        for account, records in visit.listed.items()
        for row in records
    )
    if mixed:
        yield Finding(
            "another_currency",
            "A row's Amount has another currency than its account.",
            "Amount is in the account's currency; what was paid abroad goes into CurrencyExchange.",
        )
    if any(row.external_id is None for row in rows):
        yield Finding(
            "no_transaction_id",
            "Rows come without TransactionId.",
            "Give each row an id that stays: without it a changed row cannot be told from a new one.",
        )
    if any(row.booked_on > today(visit.target.zone) + timedelta(days=1) for row in rows):
        yield Finding(
            "of_the_future",
            "A row is booked at a time to come.",
            "BookingDateTime is when it happened; what is planned has the status FUTR.",
        )
    yield from _decoration(rows)


def _decoration(rows: Rows) -> Iterator[Finding]:
    cards = [row for row in rows if row.kind in {"card_purchase", "card_refund"}]
    if rows and all(row.kind == "other" for row in rows):
        yield Finding(
            "no_kinds",
            "No row says of what kind it is.",
            "Give ProprietaryBankTransactionCode (CARD_PURCHASE, SALARY, ...) or BankTransactionCode.",
            harmless=True,
        )
    if cards and not any(row.merchant_name for row in cards):
        yield Finding(
            "no_merchants",
            "No card payment names its merchant.",
            "Give MerchantDetails.MerchantName.",
            harmless=True,
        )


@chapter.check(
    "transactions.paging",
    "Its pages hold together",
    "Links.Next leads from page to page at the same address, each row is on one page, and the last has no Next.",
    source="UK Open Banking 4.0, pagination",
    needs=("transactions.read",),
)
def paging(visit: Visit) -> Iterator[Finding]:
    pages = repeated = 0
    for account in visit.listed:
        read_pages = list(_pages(visit, account, today(visit.target.zone) - _HISTORY))
        rows = [row for page in read_pages for row in page.records]
        visit.listed[account] = tuple(rows)
        pages = max(pages, len(read_pages))
        ids = Counter(row.external_id for row in rows if row.external_id is not None)
        repeated += sum(times > 1 for times in ids.values())
    if repeated:
        yield Finding(
            "on_two_pages",
            f"{counted(repeated, 'row')} came on more than one page, or twice on one.",
            "Order rows by something that does not change while pages are read.",
        )
    visit.told = counted(sum(map(len, visit.listed.values())), "row")
    if pages == 1:
        raise PassedOver("all rows came in one page: take a test customer who has more")


@chapter.check(
    "transactions.from",
    "It can be asked for what is new",
    "fromBookingDateTime leaves out what is older, and nothing that is not.",
    source="UK Open Banking 4.0, transactions, filtering",
    needs=("transactions.read",),
)
def from_filter(visit: Visit) -> Iterator[Finding]:
    visit.need_days()
    account = _busiest(visit)
    rows = visit.listed[account]
    days = sorted({row.booked_on for row in rows})
    if len(days) < _ENOUGH_DAYS:
        raise PassedOver("the rows are of too few days to tell")
    since = days[len(days) // 2] + timedelta(days=1)
    given = [row for page in _pages(visit, account, since) for row in page.records]
    # We ask a day early, and the bank may read that day by UTC or by its own clock.
    if any(row.booked_on < since - timedelta(days=2) for row in given):
        yield Finding(
            "filter_ignored",
            "Rows came that are older than fromBookingDateTime.",
            "Compare BookingDateTime with the parameter; we ask often, and would fetch everything each time.",
        )
    missing = {row.external_id for row in rows if row.booked_on >= since} - {
        row.external_id for row in given
    }
    if missing:
        yield Finding(
            "filter_loses_rows",
            f"{counted(len(missing), 'row')} of that time or later did not come.",
            "Give every row from that moment on, whatever its status.",
        )


def _window(visit: Visit, account: str, **query: str) -> Response:
    resource = f"{visit.api}/accounts/{quote(account, safe='')}/transactions"
    return visit.get(f"{resource}?{urlencode(query)}", visit.token)


@chapter.check(
    "transactions.to",
    "It can be asked up to a day",
    "toBookingDateTime leaves out what is newer.",
    source="UK Open Banking 4.0, transactions, filtering",
    needs=("transactions.read",),
    required=False,
)
def to_filter(visit: Visit) -> Iterator[Finding]:
    account = _busiest(visit)
    days = sorted({row.booked_on for row in visit.listed[account]})
    if len(days) < _ENOUGH_DAYS:
        raise PassedOver("the rows are of too few days to tell")
    last = days[len(days) // 2]
    response = _window(visit, account, toBookingDateTime=f"{last}T23:59:59Z")
    wrong = trouble_of(response) or not_json(response)
    if wrong is not None:
        raise Found(wrong)
    newer = [day for day in _booking_days(response) if day > str(last + timedelta(days=1))]
    if newer:
        yield Finding(
            "filter_ignored",
            "Rows came that are newer than toBookingDateTime.",
            "Compare BookingDateTime with the parameter.",
        )


def _booking_days(response: Response) -> list[str]:
    data = json.loads(response.body)
    rows: Any = data.get("Data", {}).get("Transaction", []) if isinstance(data, dict) else []
    return [str(row.get("BookingDateTime", ""))[:10] for row in rows if isinstance(row, dict)]


@chapter.check(
    "transactions.bad_filter",
    "A filter that is no date is refused",
    "fromBookingDateTime=yesterday is answered with 400 and an error code.",
    source="UK Open Banking 4.0, errors",
    needs=("transactions.read",),
    required=False,
)
def bad_filter(visit: Visit) -> Iterator[Finding]:
    response = _window(visit, _busiest(visit), fromBookingDateTime="yesterday")
    yield from expect_refusal(response, HTTPStatus.BAD_REQUEST, of="a filter that is no date")


@chapter.check(
    "transactions.stable",
    "A row keeps its id",
    "The same rows come under the same TransactionIds when they are asked for again.",
    source="UK Open Banking 4.0, transactions (TransactionId)",
    needs=("transactions.read",),
)
def stable(visit: Visit) -> Iterator[Finding]:
    account = _busiest(visit)
    since = today(visit.target.zone) - _HISTORY
    before, after = (
        {
            row.external_id
            for row in _first(visit, account, since).records
            if row.status == "posted"
        }
        for _ in range(2)
    )
    if before != after:
        yield Finding(
            "renumbered",
            f"{counted(len(before - after), 'posted row')} came under another TransactionId the second time.",
            "Keep the id that a row was first given. We recognise a renamed row by amount, day and text, but "
            "two like ones cannot be told apart.",
        )


live = Chapter("A payment while we watch")


def newest(visit: Visit, account: str) -> Rows:
    since = today(visit.target.zone) - timedelta(days=3)
    return _first(visit, account, since).records


def _watched(visit: Visit, purchase: Purchase) -> list[str]:
    ids = [each.external_id for each in visit.accounts]
    return [purchase.account_id] if purchase.account_id in ids else ids[:_MOST_ACCOUNTS]


def _pay(visit: Visit, *, suspicious: bool) -> tuple[str, TransactionRecord, Purchase]:
    """Have a payment made, and find its row: its account, itself, and what is known of it."""
    ids = [each.external_id for each in visit.accounts[:_MOST_ACCOUNTS]]
    before = {account: {row.external_id for row in newest(visit, account)} for account in ids}
    try:
        purchase = visit.hands.buy(suspicious=suspicious)
    except HandsTied as tied:
        raise PassedOver(str(tied)) from None
    for waited in until(visit.target.patience, every=0.5, sleep=visit.sleep):
        for account in _watched(visit, purchase):
            row = _appeared(newest(visit, account), before.get(account, set()), purchase)
            if row is not None:
                visit.told = f"seen after {waited:.1f} s"
                return account, row, purchase
    raise Found(
        Finding(
            "payment_not_listed",
            f"The payment was not listed within {visit.target.patience:g} s.",
            "List a card payment as soon as it is authorised, with the status PDNG.",
        )
    )


def _appeared(rows: Rows, before: set[str | None], purchase: Purchase) -> TransactionRecord | None:
    if purchase.transaction_id:
        return next((row for row in rows if row.external_id == purchase.transaction_id), None)
    return next((row for row in rows if row.external_id not in before), None)


@live.check(
    "transactions.new",
    "A payment is listed at once",
    "A card payment is listed within seconds as pending (PDNG), negative by its indicator, to the cent.",
    source="UK Open Banking 4.0, transactions (Status)",
    needs=("transactions.read",),
)
def new(visit: Visit) -> Iterator[Finding]:
    if visit.listener is not None:
        visit.listener.refuse = 1  # see events.retried
    visit.bought_on, visit.bought, purchase = _pay(visit, suspicious=False)
    if visit.bought.amount_minor >= 0:
        yield Finding(
            "wrong_sign",
            "The payment is listed as money that came in.",
            "CreditDebitIndicator is Debit for what the customer pays, for every type of account.",
        )
    if purchase.amount and _differs(visit.bought, purchase):
        yield Finding(
            "wrong_amount",
            "The payment is listed with another amount than was paid.",
            "Amount is what was paid, in the account's currency.",
        )
    if visit.bought.status != "pending":
        yield Finding(
            "booked_at_once",
            "The payment was booked as soon as it was listed.",
            "List what may still change as PDNG.",
            harmless=True,
        )


def _differs(row: TransactionRecord, purchase: Purchase) -> bool:
    if purchase.currency != row.currency:
        return False
    return abs(row.amount_minor) != minor_units(purchase.amount, row.currency)


@live.check(
    "transactions.fraud_signal",
    "A suspected payment says so",
    "A payment that the bank suspects has SupplementaryData.FraudSignal = suspected, and CardId.",
    source="docs/for-banks.md, Fraud signal",
    needs=("transactions.read",),
)
def fraud_signal(visit: Visit) -> Iterator[Finding]:
    visit.suspected_on, row, _purchase = _pay(visit, suspicious=True)
    if not row.fraud_suspected:
        yield Finding(
            "no_fraud_signal",
            "The payment is listed, and not marked as suspected.",
            'Add "SupplementaryData": {"FraudSignal": "suspected"} to the row.',
        )
    if row.card_id is None:
        yield Finding(
            "no_card_id",
            "The payment does not say which card paid.",
            "Add SupplementaryData.CardId, so that this card alone can be frozen.",
            harmless=True,
        )
    visit.suspected = row


@live.check(
    "transactions.booked",
    "A payment that is booked stays one row",
    "When it is booked, the row has the status BOOK under the same TransactionId; it is never listed twice.",
    source="UK Open Banking 4.0, transactions (TransactionId, Status)",
    needs=("transactions.new",),
)
def booked(visit: Visit) -> Iterator[Finding]:
    pending = visit.bought
    if pending is None or pending.status != "pending":
        raise PassedOver("the payment was booked already when it was first seen")
    if not visit.hands.book():
        raise PassedOver(
            "only the bank can have it booked: do so when you are asked, or use --levers"
        )
    for _waited in until(visit.target.patience, every=0.5, sleep=visit.sleep):
        rows = newest(visit, visit.bought_on)
        old = next((row for row in rows if row.external_id == pending.external_id), None)
        if old is not None and old.status == "posted":
            yield from _changed(pending, old)
            return
        other = _same_payment(rows, pending)
        if other is not None:
            yield from _two_ids(old)
            return
    raise Found(
        Finding(
            "not_booked", "The payment is still pending.", "List it as BOOK once it is booked."
        )
    )


def _same_payment(rows: Rows, pending: TransactionRecord) -> TransactionRecord | None:
    alike = (pending.amount_minor, pending.description, pending.booked_on)
    return next(
        (
            row
            for row in rows
            if row.status == "posted"
            and row.external_id != pending.external_id
            and (row.amount_minor, row.description, row.booked_on) == alike
            and row.booked_at == pending.booked_at
        ),
        None,
    )


def _two_ids(old: TransactionRecord | None) -> Iterator[Finding]:
    if old is not None:
        yield Finding(
            "listed_twice",
            "The payment is listed twice: still pending, and booked under another TransactionId.",
            "Take the pending row away when the booked one is listed, and better, let it be the same row.",
        )
        return
    yield Finding(
        "renumbered",
        "The payment was booked under another TransactionId.",
        "Keep the id from pending to booked. We recognise it by amount, day and text; two like payments on "
        "one day we may not.",
        harmless=True,
    )


def _changed(pending: TransactionRecord, posted: TransactionRecord) -> Iterator[Finding]:
    if (posted.amount_minor < 0) != (pending.amount_minor < 0):
        yield Finding("wrong_sign", "Its sign changed when it was booked.", "Keep the indicator.")
    if posted.booked_on != pending.booked_on:
        yield Finding(
            "day_moved",
            "Its BookingDateTime changed when it was booked.",
            "BookingDateTime stays; the day on which money counts is ValueDateTime.",
            harmless=True,
        )
