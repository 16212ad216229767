"""Accounts and balances as the bank lists them."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from http import HTTPStatus
from typing import Literal
from zoneinfo import ZoneInfo

from partners.connectors.answers import LONGEST_ACCOUNT_ID, Node, read_json, said_at
from partners.connectors.base import (
    AccountList,
    AccountRecord,
    BalanceRecord,
    BankAddress,
    Grant,
    Steps,
)
from partners.connectors.berlin_group import calls
from partners.connectors.berlin_group.amounts import signed_amount
from partners.connectors.berlin_group.refusals import expected
from partners.connectors.berlin_group.words import ACCOUNT_KINDS, BALANCE_KINDS, INTERIM
from partners.connectors.masks import masked_account
from partners.connectors.money import exponent
from partners.connectors.rows import as_node, read_rows


def read_accounts(address: BankAddress, *, grant: Grant) -> Steps[AccountList]:
    """All the accounts that the customer allowed: the standard makes no pages of them."""
    response = yield calls.get(calls.url(address, "accounts"), grant)
    response = yield from expected(response, HTTPStatus.OK, address=address, grant=grant)
    read, rejected = read_rows(read_json(response).required_rows("accounts"), _read_account)
    records = {record.external_id: record for record in read if record is not None}
    return AccountList(tuple(records.values()), tuple(rejected))


def _read_account(row: Node) -> AccountRecord | None:
    if row.members.get("status") == "deleted":
        return None
    currency = row.string("currency", limit=3)
    exponent(currency)
    kind = row.members.get("cashAccountType")
    return AccountRecord(
        external_id=row.identity("resourceId", limit=LONGEST_ACCOUNT_ID),
        kind=ACCOUNT_KINDS.get(kind, "other") if isinstance(kind, str) else "other",
        name=row.text("displayName", limit=70)
        or row.text("name", limit=70)
        or row.text("product", limit=35)
        or "",
        currency=currency,
        masked_identification=_masked(row),
        identifications=tuple(
            written
            for name in ("iban", "bban")
            if isinstance(written := row.members.get(name), str)
        ),
    )


def _masked(row: Node) -> str:
    for name in ("iban", "bban", "maskedPan", "pan"):
        written = row.members.get(name)
        if isinstance(written, str):
            return masked_account(written)
    return ""


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A balance, and how well it says what is so now: the lower the better."""

    record: BalanceRecord
    rank: tuple[int, bool]


def read_balances(
    address: BankAddress, *, grant: Grant, account_external_id: str
) -> Steps[tuple[BalanceRecord, ...]]:
    """The best balance of each kind, rather without a credit line.

    The answer names its account by number, if at all, and not by the id that was asked with.
    """
    where = calls.url(address, "accounts", account_external_id, "balances")
    response = yield calls.get(where, grant)
    response = yield from expected(response, HTTPStatus.OK, address=address, grant=grant)
    answered_at = said_at(response)
    best: dict[Literal["available", "booked"], _Candidate] = {}
    for position, row in enumerate(read_json(response).required_rows("balances")):
        node = as_node(row, f"balances[{position}]")
        found = _read_balance(node, account_external_id, address.zone, answered_at)
        if found is not None:
            kind = found.record.kind
            best[kind] = min(best.get(kind, found), found, key=lambda candidate: candidate.rank)
    return tuple(candidate.record for candidate in best.values())


def _read_balance(
    row: Node, account_external_id: str, zone: ZoneInfo, answered_at: datetime | None
) -> _Candidate | None:
    meaning = BALANCE_KINDS.get(row.string("balanceType"))
    if meaning is None:
        return None
    amount_minor, currency = signed_amount(row.node("balanceAmount"))
    kind, order = meaning
    as_of = _as_of(row, zone, answered_at)
    said = row.members.get("creditLimitIncluded")
    included = said if isinstance(said, bool) else None
    record = BalanceRecord(
        account_external_id, kind, amount_minor, currency, as_of, credit_line_included=included
    )
    return _Candidate(record, (order, included is True))


def _as_of(row: Node, zone: ZoneInfo, answered_at: datetime | None) -> datetime:
    """When the bank's word was so: as it was said for what is so now, else as the row has it.

    `lastChangeDateTime` of a balance that nobody moves is of long ago, and the balance still true.
    """
    interim = row.string("balanceType") in INTERIM
    if interim and answered_at is not None:
        return answered_at
    if row.has("lastChangeDateTime"):
        return row.instant("lastChangeDateTime", zone)
    if row.has("referenceDate"):
        return _edge_of_day(row, zone, answered_at)
    if answered_at is None:
        row.wrong("lastChangeDateTime", "no word of when this is so")
    return answered_at


def _edge_of_day(row: Node, zone: ZoneInfo, answered_at: datetime | None) -> datetime:
    """A day's opening is of its beginning, all else of its end, which is not before it has come."""
    on = row.day("referenceDate", zone).on
    if row.members.get("balanceType") != "openingBooked":
        on += timedelta(days=1)
    edge = datetime.combine(on, time(), zone).astimezone(UTC)
    return min(edge, answered_at) if answered_at is not None else edge
