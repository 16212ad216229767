"""A customer's own copy of all that is held of them: page by page, each in a short transaction of its own.

What is theirs is given as it stands. What is the bank's passes the gate as the chat's own reading does, and
is disclosed; what may not be shown is named with the reason, and left out.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from partners.alerts.models import Alert
from partners.ledger.queries import Before
from partners.records.queries import all_rows, tables
from partners.records.rules import Own, Table, name_of
from partners.sharing.cards import AlertView, Withheld, render_alerts
from partners.sharing.gate import CHAT, Door, NotShared, recording_refusals
from partners.sharing.reading import (
    Listed,
    Listing,
    Reader,
    read_accounts,
    read_balances,
    read_receipts,
    read_shipments,
    read_transactions,
)
from partners.sharing.shapes import instant
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import serving_customer

Clock = Callable[[], datetime]

PAGE = 500
_GATE_PAGE = 100


@dataclass(frozen=True)
class Page:
    """Some rows of one part; the pages of a part follow each other."""

    part: str
    rows: Sequence[dict[str, Any]]


@dataclass(frozen=True)
class _Copied:
    """Whose copy, and when."""

    bank_id: UUID
    customer_id: UUID
    clock: Clock

    @contextmanager
    def reader(self) -> Iterator[Reader]:
        """One transaction with the customer's reach; what is refused in it is written down after it."""
        with recording_refusals(), serving_customer(self.bank_id, self.customer_id):
            yield Reader(CHAT, self.clock(), Door.EXPORT)


def copy_of(bank_id: UUID, customer_id: UUID, *, clock: Clock) -> Iterator[Page]:
    """Everything, part by part. Raises NotServed where the bank knows no such customer."""
    copied = _Copied(bank_id, customer_id, clock)
    for table in tables():
        if isinstance(table.given, Own):
            yield from _own(copied, table, table.given)
    withheld: dict[str, str] = {}
    account_ids = yield from _accounts(copied, withheld)
    for part, pages in _PARTS.items():
        for account_id in account_ids:
            yield from _gated(part, pages(copied, account_id), withheld)
    yield from _alerts(copied, withheld)
    yield Page("withheld", [{"part": part, "why": why} for part, why in withheld.items()])


def _own(copied: _Copied, table: Table, given: Own) -> Iterator[Page]:
    last: UUID | None = None
    while True:
        with copied.reader():
            rows = all_rows(table).order_by("id")
            rows = rows.filter(id__gt=last) if last else rows
            found = list(rows[:PAGE])
            page = [_row(each, given) for each in found]
        yield Page(name_of(table.label), page)
        if len(found) < PAGE:
            return
        last = found[-1].pk


def _row(row: Any, given: Own) -> dict[str, Any]:
    told = {name: _plain(getattr(row, name)) for name in given.columns}
    return told | {name: open_secret(row, name) for name in given.opened}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return instant(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case _:
            return value


def _accounts(copied: _Copied, withheld: dict[str, str]) -> Generator[Page, None, list[UUID]]:
    try:
        with copied.reader() as reader:
            accounts = read_accounts(reader).body["accounts"]
    except NotShared as refused:
        withheld["account"] = refused.slug
        accounts = []
    yield Page("account", accounts)
    return [UUID(each["id"]) for each in accounts]


def _balances(copied: _Copied, account_id: UUID) -> Iterator[Sequence[dict[str, Any]]]:
    with copied.reader() as reader:
        body = read_balances(reader, account_id).body
    yield [{"account_id": str(account_id), **each} for each in body["balances"]]


def _transactions(copied: _Copied, account_id: UUID) -> Iterator[Sequence[dict[str, Any]]]:
    before: Before | None = None
    while True:
        with copied.reader() as reader:
            page = read_transactions(reader, account_id, before=before, limit=PAGE)
        yield page.body["transactions"]
        before = page.following
        if before is None:
            return


def _listed(
    read: Callable[[Reader, UUID, Listing], Listed], part: str
) -> Callable[[_Copied, UUID], Iterator[Sequence[dict[str, Any]]]]:
    def pages(copied: _Copied, account_id: UUID) -> Iterator[Sequence[dict[str, Any]]]:
        before: UUID | None = None
        while True:
            with copied.reader() as reader:
                page = read(reader, account_id, Listing(_GATE_PAGE, before))
            yield page.body[part]
            before = page.following
            if before is None:
                return

    return pages


_PARTS: dict[str, Callable[[_Copied, UUID], Iterator[Sequence[dict[str, Any]]]]] = {
    "balance": _balances,
    "transaction": _transactions,
    "receipt": _listed(read_receipts, "receipts"),
    "shipment": _listed(read_shipments, "shipments"),
}


def _gated(
    part: str,
    pages: Iterator[Sequence[dict[str, Any]]],
    withheld: dict[str, str],
) -> Iterator[Page]:
    try:
        for rows in pages:
            yield Page(part, rows)
    except NotShared as refused:
        withheld[part] = refused.slug


def _alerts(copied: _Copied, withheld: dict[str, str]) -> Iterator[Page]:
    last: UUID | None = None
    while True:
        with copied.reader() as reader:
            rows = Alert.objects.order_by("id")
            rows = rows.filter(id__gt=last) if last else rows
            ids = list(rows.values_list("id", flat=True)[:_GATE_PAGE])
            views = render_alerts(ids, door=reader.door, at=reader.at)
        shown = [each for each in views.values() if isinstance(each, AlertView)]
        hidden = [each for each in views.values() if isinstance(each, Withheld)]
        if hidden:
            withheld["alert"] = hidden[0].reason.value.replace("_", "-")
        yield Page("alert", [_alert(each) for each in shown])
        if len(ids) < _GATE_PAGE:
            return
        last = ids[-1]


def _alert(view: AlertView) -> dict[str, Any]:
    return {
        "id": str(view.alert_id),
        "account_id": str(view.account_id),
        "alert_type": view.alert_type,
        "raised_at": instant(view.raised_at),
        "transaction_id": None if view.entry_id is None else str(view.entry_id),
    }
