"""The file of the shape that Plaid made common answers in all the ways it allows.

What we ask is held against it where a bank answers: `test_cursor_sync_on_the_wire.py`.
"""

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.connectors.base import (
    AccountList,
    BalanceRecord,
    ConnectorFailure,
    Response,
    Steps,
    TransactionPage,
    drive,
)
from partners.connectors.cursor_sync.connector import CursorSync
from tests.contracts.connectors.dialects import ACCOUNT, ADDRESS, GRANT
from tests.contracts.connectors.official import Specification

# What the shape allows and we still cannot keep: money that is not exact, or of no currency of a state's.
INEXACT, STATELESS = "finer than the currency's minor unit", "not a string"
BANK = CursorSync(ADDRESS)
SINCE = date(2026, 3, 1)
Row = dict[str, Any]

some = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@cache
def read_once(path: Path) -> Specification:
    """The part that is spoken here: the file is large, and so would be what a failure says."""
    schemas = Specification.read(path).whole["components"]["schemas"]
    spoken: dict[str, Any] = {}
    waiting = ["TransactionsSyncResponse", "PlaidError"]
    while waiting:
        name = waiting.pop()
        if name not in spoken:
            spoken[name] = schemas[name]
            waiting += re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schemas[name]))
    return Specification({"components": {"schemas": spoken}})


@pytest.fixture
def standard(shared: Path) -> Specification:
    return read_once(shared / "specs/plaid/2020-09-14.yml")


def straightened(rows: list[Row], *, begin: int = 0) -> list[Row]:
    """The file says of ids and currencies only that they are text, and not how fine an amount may be."""
    for number, row in enumerate(rows, start=begin):
        row["account_id"] = ACCOUNT
        row["transaction_id"] = f"t-{number}"
        if row["pending_transaction_id"] is not None:
            row["pending_transaction_id"] = f"p-{number}"
        if row["iso_currency_code"] is not None:
            row["iso_currency_code"] = ("GBP", "JPY", "KWD")[number % 3]
        if number % 2 == 0:
            row["amount"] = whole(row["amount"]) if number else -whole(row["amount"])
    return rows


def whole(number: float) -> int:
    """Never nothing: the numbers that are made have four digits after the point."""
    return round(number * 10_000)


def exact(number: object) -> Decimal:
    return Decimal(json.dumps(number))


def answered(body: Mapping[str, object]) -> Response:
    return Response(200, {"Date": "Mon, 30 Mar 2026 09:00:00 GMT"}, json.dumps(body).encode())


def read(steps: Steps[Any], body: Mapping[str, object]) -> Any:
    return drive(steps, lambda _request: answered(body))


def told(text: str | None) -> str | None:
    return " ".join(text.split()) or None if text else None


@pytest.mark.slow
@some
@given(data=st.data())
def test_pages_of_changes_that_the_shape_allows_are_read(
    standard: Specification, data: st.DataObject
) -> None:
    page = data.draw(standard.named("TransactionsSyncResponse"))
    page["transactions_update_status"] = "HISTORICAL_UPDATE_COMPLETE"
    page["next_cursor"] = "cursor-2"
    added = straightened(page["added"])
    rows = [*added, *straightened(page["modified"], begin=len(added))]
    for number, row in enumerate(page["removed"]):
        row |= {"transaction_id": f"r-{number}", "account_id": (ACCOUNT, "another")[number % 2]}
    asked = BANK.transactions(grant=GRANT, account_external_id=ACCOUNT, since=SINCE)

    found: TransactionPage = read(asked, page)

    assert {row.reason for row in found.rejected} <= {INEXACT, STATELESS}
    assert len(found.records) + len(found.rejected) == len(rows)
    assert (found.next_cursor is None, found.complete) == (not page["has_more"],) * 2
    assert found.round is not None
    gone = [row["transaction_id"] for row in page["removed"] if row["account_id"] == ACCOUNT]
    assert list(found.round.removed) == gone
    by_id = {row["transaction_id"]: row for row in rows}
    for record in found.records:
        row = by_id[str(record.external_id)]
        digits = {"GBP": 2, "JPY": 0, "KWD": 3}[record.currency]
        assert Decimal(record.amount_minor).scaleb(-digits) == -exact(row["amount"])
        assert (record.status == "pending", str(record.booked_on)) == (row["pending"], row["date"])
        assert record.merchant_name == told(row.get("merchant_name"))
        assert record.description == (
            told(row.get("original_description")) or told(row["name"]) or ""
        )
        assert record.pending_external_id == row["pending_transaction_id"]


@some
@given(data=st.data())
def test_accounts_that_the_shape_allows_are_read(
    standard: Specification, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(standard.named("AccountBase"), min_size=1, max_size=4))
    for position, row in enumerate(rows):
        row["account_id"] = f"acc-{position}"
        if row["balances"]["iso_currency_code"] is not None:
            row["balances"]["iso_currency_code"] = "GBP"

    listed: AccountList = read(BANK.accounts(grant=GRANT), {"accounts": rows})

    lacking = {at for at, row in enumerate(rows) if row["balances"]["iso_currency_code"] is None}
    assert {row.position for row in listed.rejected} == lacking
    assert len(listed.records) + len(lacking) == len(rows)
    assert all(record.currency == "GBP" for record in listed.records)


@some
@given(data=st.data())
def test_balances_that_the_shape_allows_are_read(
    standard: Specification, data: st.DataObject
) -> None:
    row = data.draw(standard.named("AccountBase"))
    row["account_id"] = ACCOUNT
    held = row["balances"]
    held |= {"iso_currency_code": "GBP", "unofficial_currency_code": None}
    names = {"available": "available", "current": "booked", "limit": ""}
    # The file says not how fine an amount may be.
    amounts = {name: None if held[name] is None else whole(held[name]) for name in names}
    held |= amounts
    asked = BANK.balances(grant=GRANT, account_external_id=ACCOUNT)

    found: tuple[BalanceRecord, ...] = read(asked, {"accounts": [row]})

    owed = row["type"] in {"credit", "loan"}
    expected = {}
    for name, kind in names.items():
        amount = amounts[name]
        if kind and amount is not None:
            expected[kind] = 100 * (-amount if owed and name == "current" else amount)
    assert {each.kind: each.amount_minor for each in found} == expected
    limit = amounts["limit"]
    assert {each.credit_line_minor for each in found} <= {limit and limit * 100}


@some
@given(data=st.data(), status=st.sampled_from([400, 401, 403, 404, 429, 500, 503]))
def test_errors_that_the_shape_allows_end_in_a_failure_that_we_know(
    standard: Specification, data: st.DataObject, status: int
) -> None:
    body = json.dumps(data.draw(standard.named("PlaidError"))).encode()

    with pytest.raises(ConnectorFailure):
        drive(BANK.accounts(grant=GRANT), lambda _request: Response(status, {}, body))
