"""Itemised receipts, by the partner API that `openapi.yaml` beside this file describes."""

import re
from zoneinfo import ZoneInfo

from partners.connectors.answers import Node
from partners.connectors.base import (
    BadAnswer,
    BankAddress,
    Grant,
    ReceiptLine,
    ReceiptPage,
    ReceiptRecord,
    Steps,
)
from partners.connectors.money import exponent, minor_units
from partners.connectors.partner import updates
from partners.connectors.rows import as_node, read_rows

_MAX_LINES = 200
# Sums and products of such figures fit a database's whole numbers.
_LARGEST = 10**15
_QUANTITY = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,3}))?")


def read(
    address: BankAddress, *, grant: Grant, account_external_id: str, after: str
) -> Steps[ReceiptPage]:
    """A page of what was told of receipts. Whether one adds up is for others to say."""
    answer = yield from updates.ask(
        address,
        "receipts",
        grant=grant,
        account_external_id=account_external_id,
        after=after,
    )
    cursor, has_more = updates.place_after(answer, after=after)
    records, rejected = read_rows(
        answer.rows("Receipt"),
        lambda row: _read(row, account_external_id, address.zone),
        id_of=_external_id,
    )
    return ReceiptPage(tuple(records), cursor, has_more, tuple(rejected))


def _external_id(row: Node) -> str:
    return row.identity("ReceiptId", limit=128)


def _read(row: Node, account_external_id: str, zone: ZoneInfo) -> ReceiptRecord:
    updates.of_account(row, account_external_id)
    merchant = row.node("Merchant")
    currency = row.string("Currency", limit=3)
    exponent(currency)
    tax = row.node("Tax") if row.has("Tax") else None
    return ReceiptRecord(
        external_id=_external_id(row),
        transaction_external_id=row.identity("TransactionId", limit=210),
        revision=updates.revision(row),
        merchant_name=merchant.text("Name", limit=350) or "",
        merchant_place=merchant.text("Place", limit=140) or "",
        issued_at=row.instant("IssuedAt", zone),
        currency=currency,
        lines=_lines(row, currency),
        discount_minor=_unsigned(row, "Discount", currency) if row.has("Discount") else 0,
        tax_minor=None if tax is None else _unsigned(tax, "Amount", currency),
        tax_included=tax is None or _included(tax),
        total_minor=_signed(row, "Total", currency),
    )


def _lines(row: Node, currency: str) -> tuple[ReceiptLine, ...]:
    """All of them: a receipt that lacks one says something else."""
    listed = row.rows("Lines")
    if not 0 < len(listed) <= _MAX_LINES:
        row.wrong("Lines", "none, or more than a receipt has")
    return tuple(
        _line(as_node(line, f"Lines[{position}]"), currency)
        for position, line in enumerate(listed)
    )


def _line(line: Node, currency: str) -> ReceiptLine:
    return ReceiptLine(
        description=line.text("Description", limit=140) or "",
        quantity_milli=_quantity(line),
        unit=line.text("Unit", limit=12) or "",
        unit_price_minor=_signed(line, "UnitPrice", currency),
        discount_minor=_unsigned(line, "Discount", currency) if line.has("Discount") else 0,
        amount_minor=_signed(line, "Amount", currency),
    )


def _quantity(line: Node) -> int:
    """More than zero, in thousandths."""
    found = _QUANTITY.fullmatch(line.string("Quantity"))
    milli = int(found[1] + (found[2] or "").ljust(3, "0")) if found else 0
    if not milli:
        line.wrong("Quantity", "not a number of more than zero with three digits at most")
    return milli


def _included(tax: Node) -> bool:
    value = tax.members.get("Included")
    if not isinstance(value, bool):
        tax.wrong("Included", "not true or false")
    return value


def _signed(node: Node, name: str, currency: str) -> int:
    written = node.string(name)
    minor = _minor(node, name, written.removeprefix("-"), currency)
    return -minor if written.startswith("-") else minor


def _unsigned(node: Node, name: str, currency: str) -> int:
    return _minor(node, name, node.string(name), currency)


def _minor(node: Node, name: str, written: str, currency: str) -> int:
    try:
        minor = minor_units(written, currency)
    except BadAnswer as bad:
        node.wrong(name, bad.reason)
    if minor > _LARGEST:
        node.wrong(name, "more than a receipt can be")
    return minor
