"""What every connector must make of receipts and shipments, whatever protocol it speaks."""

from datetime import UTC, date, datetime
from urllib.parse import urlsplit

import pytest

from partners.connectors.base import (
    BadAnswer,
    BadCursor,
    Connector,
    ReceiptPage,
    ShipmentPage,
    Steps,
    drive,
)
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    GRANT,
    Dialect,
    answer,
    receipt_row,
    shipment_row,
)
from tests.contracts.connectors.operations import replies, sent


def receipts(bank: Connector, after: str = "") -> Steps[ReceiptPage]:
    return bank.receipts(grant=GRANT, account_external_id=ACCOUNT, after=after)


def shipments(bank: Connector, after: str = "") -> Steps[ShipmentPage]:
    return bank.shipments(grant=GRANT, account_external_id=ACCOUNT, after=after)


def test_a_receipt_is_read_in_whole_minor_units_line_by_line(
    bank: Connector, dialect: Dialect
) -> None:
    page = drive(receipts(bank), replies(dialect.receipts([receipt_row()])))

    (receipt,) = page.records
    assert [
        (line.quantity_milli, line.unit, line.unit_price_minor, line.discount_minor)
        for line in receipt.lines
    ] == [(742, "kg", 298, 0), (2000, "", 310, 100), (1000, "", -20, 0)]
    assert [line.amount_minor for line in receipt.lines] == [221, 520, -20]
    assert (receipt.discount_minor, receipt.tax_minor, receipt.tax_included) == (21, 40, True)
    assert (receipt.total_minor, receipt.currency, receipt.revision) == (700, "GBP", 1)
    assert receipt.issued_at == datetime(2026, 3, 30, 8, 15, tzinfo=UTC)
    assert (page.cursor, page.has_more) == ("place-2", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"Total": "7.001"},
        {"Total": "--7.00"},
        {"Total": 7},
        {"Currency": "XAU"},
        {"Revision": 0},
        {"Revision": True},
        {"Revision": "1"},
        {"Revision": 2**31},
        {"ReceiptId": ""},
        {"TransactionId": None},
        {"AccountId": "acc-0666"},
        {"IssuedAt": "2026-03-30"},
        {"Lines": []},
        {"Lines": [7]},
        {"Lines": [{"Description": "x", "Quantity": "0", "UnitPrice": "1", "Amount": "0"}]},
        {"Lines": [{"Description": "x", "Quantity": "1.2345", "UnitPrice": "1", "Amount": "1"}]},
        {"Lines": [{"Description": "x", "Quantity": "-1", "UnitPrice": "1", "Amount": "-1"}]},
        {"Tax": {"Amount": "-1.00", "Included": True}},
        {"Tax": {"Amount": "1.00"}},
        {"Discount": "-1.00"},
        {"Merchant": "Corner Larder"},
    ],
)
def test_a_receipt_that_cannot_be_read_whole_is_set_aside_and_the_others_kept(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    rows = [receipt_row(), receipt_row(ReceiptId="rcp-2") | changes, receipt_row(ReceiptId="r-3")]

    page = drive(receipts(bank), replies(dialect.receipts(rows)))

    assert [each.external_id for each in page.records] == ["rcp-1", "r-3"]
    assert [each.position for each in page.rejected] == [1]


def test_a_shipment_is_read_with_its_stops_in_order(bank: Connector, dialect: Dialect) -> None:
    page = drive(shipments(bank), replies(dialect.shipments([shipment_row()])))

    (shipment,) = page.records
    assert (shipment.status, shipment.revision) == ("packed", 2)
    assert shipment.expected_on == date(2026, 4, 2)
    assert [event.status for event in shipment.events] == ["ordered", "packed"]
    assert shipment.tracking_code == "HP0123456789GB"


@pytest.mark.parametrize(
    "changes",
    [
        {"Status": "lost"},
        {"Revision": None},
        {"UpdatedAt": None},
        {"ExpectedOn": "soon"},
        {"Events": [{"At": "2026-03-30T09:15:00Z", "Status": "teleported"}]},
        {"Events": "many"},
        {"AccountId": None},
    ],
)
def test_a_shipment_that_cannot_be_read_is_set_aside(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    page = drive(shipments(bank), replies(dialect.shipments([shipment_row() | changes])))

    assert (page.records, [each.position for each in page.rejected]) == ((), [0])


@pytest.mark.parametrize("what", ["receipts", "shipments"])
def test_reading_on_names_the_place_and_nothing_else(
    bank: Connector, dialect: Dialect, what: str
) -> None:
    operation, reply = (
        (receipts, dialect.receipts)
        if what == "receipts"
        else (
            shipments,
            dialect.shipments,
        )
    )

    (first,) = sent(operation(bank), reply([]))
    (then,) = sent(operation(bank, "a place/&"), reply([]))

    assert then.url == f"{first.url}?after=a%20place%2F%26"
    assert urlsplit(first.url).query == ""


def test_a_place_that_the_bank_takes_no_more_is_a_bad_cursor(bank: Connector) -> None:
    with pytest.raises(BadCursor):
        drive(receipts(bank, "place-1"), replies(answer({}, 400)))


@pytest.mark.parametrize(
    "changes",
    [
        {"Cursor": None},
        {"Cursor": "x" * 513},
        {"Cursor": "two\nlines"},
        {"HasMore": "yes"},
        {"HasMore": None},
        {"Cursor": "place-1", "HasMore": True},
    ],
)
def test_a_page_that_does_not_say_how_to_go_on_is_refused(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    with pytest.raises(BadAnswer):
        drive(receipts(bank, "place-1"), replies(dialect.receipts([], **changes)))
