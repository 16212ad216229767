"""Accounts and balances as the bank lists them."""

from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from partners.connectors.answers import LONGEST_ACCOUNT_ID, Node, read_json, said_at
from partners.connectors.base import (
    AccountList,
    AccountRecord,
    BadAnswer,
    BalanceRecord,
    BankAddress,
    Grant,
    Steps,
)
from partners.connectors.cursor_sync import calls
from partners.connectors.cursor_sync.amounts import signed_amount
from partners.connectors.cursor_sync.refusals import expect
from partners.connectors.cursor_sync.words import ACCOUNT_KINDS, OWED
from partners.connectors.money import exponent
from partners.connectors.rows import as_node, read_rows

# What the bank says it is, and our word for it; the sign is of what is owed, on a card or a loan.
_KINDS: tuple[tuple[str, Literal["available", "booked"]], ...] = (
    ("available", "available"),
    ("current", "booked"),
)


def read_accounts(address: BankAddress, *, grant: Grant) -> Steps[AccountList]:
    """All the accounts that the customer allowed: there are no pages of them."""
    response = yield calls.ask(calls.url(address, "accounts/get"), grant, {})
    expect(response)
    read, rejected = read_rows(read_json(response).required_rows("accounts"), _read_account)
    records = {record.external_id: record for record in read}
    return AccountList(tuple(records.values()), tuple(rejected))


def _read_account(row: Node) -> AccountRecord:
    currency = _currency(row.node("balances"))
    exponent(currency)
    mask = row.text("mask", limit=4)
    words = [row.members.get(name) for name in ("subtype", "type")]
    known = (ACCOUNT_KINDS.get(word) for word in words if isinstance(word, str))
    return AccountRecord(
        external_id=row.identity("account_id", limit=LONGEST_ACCOUNT_ID),
        kind=next((kind for kind in known if kind), "other"),
        name=row.text("name", limit=70) or row.text("official_name", limit=70) or "",
        currency=currency,
        masked_identification=f"**** {mask}" if mask else "",
        # The same whenever the customer links it anew, which gives it another `account_id`.
        identifications=_lasting(row.members.get("persistent_account_id")),
    )


def _lasting(said: object) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else ()


def _currency(balances: Node) -> str:
    """ISO 4217 alone: what has no such code has no exact minor unit."""
    return balances.string("iso_currency_code", limit=3)


def read_balances(
    address: BankAddress, *, grant: Grant, account_external_id: str
) -> Steps[tuple[BalanceRecord, ...]]:
    """What is available and what is booked, as of now."""
    where = calls.url(address, "accounts/balance/get")
    asked = {"options": {"account_ids": [account_external_id]}}
    response = yield calls.ask(where, grant, asked)
    expect(response)
    rows = read_json(response).required_rows("accounts")
    for position, row in enumerate(rows):
        node = as_node(row, f"accounts[{position}]")
        if node.identity("account_id", limit=LONGEST_ACCOUNT_ID) == account_external_id:
            return _read_balances(node, account_external_id, address.zone, said_at(response))
    raise BadAnswer("another account's", "accounts")


def _read_balances(
    row: Node, account_external_id: str, zone: ZoneInfo, answered_at: datetime | None
) -> tuple[BalanceRecord, ...]:
    balances = row.node("balances")
    currency = _currency(balances)
    as_of = _as_of(balances, zone, answered_at)
    is_owed = row.members.get("type") in OWED
    line = _credit_line(balances, currency)
    account = _account_beside(row)
    found = []
    for name, kind in _KINDS:
        if balances.has(name):
            amount = signed_amount(balances, name, currency)
            signed = -amount if is_owed and kind == "booked" else amount
            # What a card has available is its limit less what is owed; what is booked counts no limit.
            included = None if line is None else is_owed and kind == "available"
            record = BalanceRecord(
                account_external_id, kind, signed, currency, as_of, line, included, account
            )
            found.append(record)
    return tuple(found)


def _account_beside(row: Node) -> AccountRecord | None:
    """The row is the account's own, name and all; one that cannot be read costs no balance."""
    try:
        return _read_account(row)
    except BadAnswer:
        return None


def _credit_line(balances: Node, currency: str) -> int | None:
    """A card's limit, or an agreed overdraft; one that cannot be read costs no balance."""
    try:
        limit = signed_amount(balances, "limit", currency) if balances.has("limit") else None
    except BadAnswer:
        return None
    return limit if limit is not None and limit >= 0 else None


def _as_of(balances: Node, zone: ZoneInfo, answered_at: datetime | None) -> datetime:
    """What the bank says of when it was so; else it was read as it was asked for."""
    if balances.has("last_updated_datetime"):
        return balances.instant("last_updated_datetime", zone)
    if answered_at is None:
        balances.wrong("last_updated_datetime", "no word of when this is so")
    return answered_at
