"""Accounts and balances as the bank lists them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Literal
from zoneinfo import ZoneInfo

from partners.connectors import links
from partners.connectors.answers import Node, read_json
from partners.connectors.base import (
    AccountList,
    AccountRecord,
    BadAnswer,
    BalanceRecord,
    BankAddress,
    Grant,
    RejectedRow,
    Steps,
)
from partners.connectors.masks import masked_account
from partners.connectors.money import exponent
from partners.connectors.refusals import expect
from partners.connectors.rows import as_node, read_rows
from partners.connectors.uk_open_banking import calls
from partners.connectors.uk_open_banking.amounts import signed_amount, unsigned_amount
from partners.connectors.uk_open_banking.words import ACCOUNT_KINDS, BALANCE_KINDS, CARD_SCHEMES

_MAX_PAGES = 20


def read_accounts(address: BankAddress, version: str, *, grant: Grant) -> Steps[AccountList]:
    """All the accounts that the customer allowed, over as many pages as the bank makes of them."""
    records: list[AccountRecord] = []
    rejected: list[RejectedRow] = []
    url = calls.aisp_url(address, version, "accounts")
    for _ in range(_MAX_PAGES):
        response = yield calls.get(url, grant.access_token)
        expect(response, HTTPStatus.OK)
        answer = read_json(response)
        rows = answer.node("Data").rows("Account")
        good, bad = read_rows(rows, _read_account)
        records += [account for account in good if account is not None]
        rejected += bad
        following = links.next_url(
            answer.optional_node("Links"),
            "Next",
            asked=url,
            within=calls.aisp_url(address, version),
        )
        if following is None:
            return AccountList(_once(records), tuple(rejected))
        url = following
    raise BadAnswer("more pages of accounts than a customer can have", "Links.Next")


def _once(records: list[AccountRecord]) -> tuple[AccountRecord, ...]:
    """An account that moved between two pages while we read is still one."""
    return tuple({record.external_id: record for record in records}.values())


def _read_account(row: Node) -> AccountRecord | None:
    if row.members.get("Status") == "Deleted":
        return None
    currency = row.string("Currency", limit=3)
    exponent(currency)
    # OBAccount6: AccountTypeCode in 4.0, AccountSubType in 3.1.
    code = row.members.get("AccountTypeCode") or row.members.get("AccountSubType")
    return AccountRecord(
        external_id=row.identity("AccountId", limit=40),
        kind=ACCOUNT_KINDS.get(code, "other") if isinstance(code, str) else "other",
        name=row.text("Nickname", limit=70) or row.text("Description", limit=35) or "",
        currency=currency,
        masked_identification=_masked(row),
        identifications=tuple(
            written for scheme, written in _identifications(row) if scheme not in CARD_SCHEMES
        ),
    )


def _masked(row: Node) -> str:
    """The last four characters of the first identification: enough to tell accounts apart."""
    return next((masked_account(written) for _scheme, written in _identifications(row)), "")


def _identifications(row: Node) -> Iterator[tuple[object, str]]:
    listed = row.members.get("Account")
    for each in listed if isinstance(listed, list) else []:
        written = each.get("Identification") if isinstance(each, dict) else None
        if isinstance(written, str):
            yield each.get("SchemeName"), written


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A balance, and how well it says what is so now: the lower the better."""

    record: BalanceRecord
    rank: tuple[int, bool]


@dataclass(frozen=True, slots=True)
class _CreditLine:
    amount_minor: int | None = None
    included: bool | None = None


def read_balances(
    address: BankAddress, version: str, *, grant: Grant, account_external_id: str
) -> Steps[tuple[BalanceRecord, ...]]:
    """The best balance of each kind: interim, else closing, else opening; rather without a credit line."""
    url = calls.aisp_url(address, version, "accounts", account_external_id, "balances")
    response = yield calls.get(url, grant.access_token, customer_ip=grant.customer_ip)
    expect(response, HTTPStatus.OK)
    told: dict[Literal["available", "booked"], list[_Candidate]] = {}
    for position, row in enumerate(read_json(response).node("Data").rows("Balance")):
        node = as_node(row, f"Data.Balance[{position}]")
        found = _read_balance(node, account_external_id, address.zone)
        if found is not None:
            told.setdefault(found.record.kind, []).append(found)
    return tuple(map(_best, told.values()))


def _best(candidates: list[_Candidate]) -> BalanceRecord:
    """Of a balance told twice, with its credit line and without, the one without: and how much the line is."""
    best, *others = sorted(candidates, key=lambda candidate: candidate.rank)
    record = best.record
    if record.credit_line_included is None:
        lines = (it.record.credit_line_minor for it in others if it.rank[0] == best.rank[0])
        line = next((each for each in lines if each is not None), None)
        if line is not None:
            # A balance that names no line counts none, by the standard.
            return replace(record, credit_line_minor=line, credit_line_included=False)
    return record


def _read_balance(row: Node, account_external_id: str, zone: ZoneInfo) -> _Candidate | None:
    meaning = BALANCE_KINDS.get(row.string("Type"))
    if meaning is None or row.optional_node("Amount").members.get("SubType") == "LCUR":
        return None
    if row.identity("AccountId", limit=40) != account_external_id:
        row.wrong("AccountId", "another account's")
    amount_minor, currency = signed_amount(row)
    as_of: datetime = row.instant("DateTime", zone)
    kind, order = meaning
    line = _read_credit_line(row, currency)
    record = BalanceRecord(
        account_external_id, kind, amount_minor, currency, as_of, line.amount_minor, line.included
    )
    return _Candidate(record, (order, line.included is True))


def _read_credit_line(row: Node, currency: str) -> _CreditLine:
    """The limit that the balance counts, else one that it does not. Several limits are not added up: none is told."""
    listed = row.members.get("CreditLine")
    lines = (
        [Node(it, "CreditLine") for it in listed if isinstance(it, dict)]
        if isinstance(listed, list)
        else []
    )
    if not lines:
        return _CreditLine()
    included = any(line.members.get("Included") is True for line in lines)
    limits = [
        _limit(line, currency)
        for line in lines
        # What is left of a line is no limit.
        if (line.members.get("Included") is True) == included
        and line.members.get("Type") != "Available"
    ]
    return _CreditLine(limits[0] if len(limits) == 1 else None, included)


def _limit(line: Node, currency: str) -> int | None:
    """A line that cannot be read costs no balance."""
    try:
        amount_minor, named = unsigned_amount(line.node("Amount"))
    except BadAnswer:
        return None
    return amount_minor if named == currency else None
