"""Receipts and shipments: lists of what was told, read on after a place that stays good."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import TypeVar

from partners.certification.book import Chapter
from partners.certification.checks.accounts import rows_set_aside
from partners.certification.report import Finding, counted
from partners.certification.visit import PassedOver, Visit
from partners.certification.wire import Found
from partners.connectors.base import (
    BankRefused,
    ConnectorFailure,
    ReceiptPage,
    ReceiptRecord,
    ShipmentPage,
    Steps,
)
from partners.purchases.rules import why_wrong

chapter = Chapter("Receipts and shipments")
_ABOUT = "docs/for-banks.md, Receipts and shipments; partner interface 1.2"
_MOST_PAGES = 40
_MOST_ACCOUNTS = 6

P = TypeVar("P", ReceiptPage, ShipmentPage)
Ask = Callable[[str, str], Steps[P]]  # given the account and the place


def _receipts(visit: Visit) -> Ask[ReceiptPage]:
    return lambda account, after: visit.connector.receipts(
        grant=visit.grant, account_external_id=account, after=after
    )


def _shipments(visit: Visit) -> Ask[ShipmentPage]:
    return lambda account, after: visit.connector.shipments(
        grant=visit.grant, account_external_id=account, after=after
    )


def _page(visit: Visit, ask: Ask[P], account: str, after: str, what: str) -> P:
    try:
        return visit.attempt(ask(account, after))
    except BankRefused as refused:
        if visit.wire.said[-1].status == HTTPStatus.NOT_FOUND:
            raise PassedOver(f"the bank offers no {what}s") from None
        raise visit.found(refused) from refused
    except ConnectorFailure as failure:
        raise visit.found(failure) from failure


def _all(visit: Visit, ask: Ask[P], what: str) -> Iterator[tuple[str, P]]:
    """Every page of every account, from the beginning."""
    for account in visit.accounts[:_MOST_ACCOUNTS]:
        after = ""
        for _ in range(_MOST_PAGES):
            page = _page(visit, ask, account.external_id, after, what)
            yield account.external_id, page
            after = page.cursor
            if not page.has_more:
                break
        else:
            raise Found(
                Finding(
                    "pages_without_end",
                    f"After {_MOST_PAGES} pages of {what}s there are still more.",
                    "HasMore is false where nothing was told after Cursor.",
                )
            )


def _read_on(visit: Visit, ask: Ask[P], what: str) -> Iterator[Finding]:
    """After the last place, nothing is told again."""
    last = {account: page.cursor for account, page in _all(visit, ask, what)}
    for account, cursor in last.items():
        page = _page(visit, ask, account, cursor, what)
        if page.records:
            yield Finding(
                "told_again",
                f"After the last Cursor, {counted(len(page.records), what)} came again.",
                "Give what was told after the place, and the same place where nothing was.",
            )
            return


@chapter.check(
    "receipts.read",
    "It gives itemised receipts",
    "GET /partner/v1/accounts/{AccountId}/receipts lists what was told of receipts, and they add up.",
    source=_ABOUT,
    needs=("accounts.list",),
    required=False,
)
def receipts(visit: Visit) -> Iterator[Finding]:
    pages = [page for _account, page in _all(visit, _receipts(visit), "receipt")]
    records = [record for page in pages for record in page.records]
    visit.told = counted(len(records), "receipt")
    yield from rows_set_aside([row for page in pages for row in page.rejected], "receipt")
    yield from _sums(records)


def _sums(records: list[ReceiptRecord]) -> Iterator[Finding]:
    wrong = [record for record in records if why_wrong(record)]
    if wrong:
        yield Finding(
            "does_not_add_up",
            f"Not adding up: {len(wrong)} of {counted(len(records), 'receipt')}.",
            "Each line: Quantity x UnitPrice less Discount is Amount. The whole: all Amounts less Discount, "
            "plus a tax that is not included, is Total. One that does not add up is shown to nobody.",
        )


@chapter.check(
    "receipts.read_on",
    "Receipts are read on after a place",
    "Asked for what came after the last Cursor, the list is empty until something is told.",
    source=_ABOUT,
    needs=("receipts.read",),
    required=False,
)
def receipts_on(visit: Visit) -> Iterator[Finding]:
    yield from _read_on(visit, _receipts(visit), "receipt")


@chapter.check(
    "shipments.read",
    "It gives shipments",
    "GET /partner/v1/accounts/{AccountId}/shipments lists what was told of parcels.",
    source=_ABOUT,
    needs=("accounts.list",),
    required=False,
)
def shipments(visit: Visit) -> Iterator[Finding]:
    pages = [page for _account, page in _all(visit, _shipments(visit), "shipment")]
    visit.told = counted(sum(len(page.records) for page in pages), "shipment")
    yield from rows_set_aside([row for page in pages for row in page.rejected], "shipment")


@chapter.check(
    "shipments.read_on",
    "Shipments are read on after a place",
    "Asked for what came after the last Cursor, the list is empty until something is told.",
    source=_ABOUT,
    needs=("shipments.read",),
    required=False,
)
def shipments_on(visit: Visit) -> Iterator[Finding]:
    yield from _read_on(visit, _shipments(visit), "shipment")
