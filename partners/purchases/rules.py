"""Whether a receipt adds up, which revision is so, and what is news. No database, no clock.

A receipt adds up, in whole minor units, when

1. each line's quantity x unit price, rounded to the minor unit (a half either way), less the line's
   discount, is its amount; and
2. the sum of all amounts, less the receipt's discount, plus its tax where that is not contained in
   the prices, is its total.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Protocol
from uuid import UUID

from partners.connectors.base import ReceiptLine, ReceiptRecord, ShipmentRecord

LINE_WRONG, TOTAL_WRONG = "line_wrong", "total_wrong"
# What is older than this when we first hear of it is history, not news.
NEWS_DAYS = 3
_THOUSAND = 1000


class Verdict(StrEnum):
    NEW = "new"
    NEWER = "newer"
    KNOWN = "known"
    OLDER = "older"
    CONTRADICTS = "contradicts"


class Revised(Protocol):
    """What is stored of something that is told in revisions."""

    @property
    def revision(self) -> int: ...
    @property
    def digest(self) -> str: ...


def is_line_right(line: ReceiptLine) -> bool:
    """Whether quantity x price, rounded, less the discount, is the amount: within half a minor unit."""
    off_by = line.quantity_milli * line.unit_price_minor
    off_by -= _THOUSAND * (line.amount_minor + line.discount_minor)
    return 2 * abs(off_by) <= _THOUSAND


def sum_of_lines(lines: Iterable[ReceiptLine]) -> int:
    return sum(line.amount_minor for line in lines)


def sum_of(receipt: ReceiptRecord) -> int:
    """What the receipt's parts come to."""
    added = 0 if receipt.tax_included else receipt.tax_minor or 0
    return sum_of_lines(receipt.lines) - receipt.discount_minor + added


def why_wrong(receipt: ReceiptRecord) -> str:
    """How the receipt does not add up; empty where it does."""
    if not all(is_line_right(line) for line in receipt.lines):
        return LINE_WRONG
    return "" if sum_of(receipt) == receipt.total_minor else TOTAL_WRONG


def digest_of(record: ReceiptRecord | ShipmentRecord) -> str:
    """What a revision says, without the number of its payment: that may change under it."""
    said = asdict(record)
    del said["transaction_external_id"], said["revision"]
    return sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()


def judge(stored: Revised | None, *, revision: int, digest: str) -> Verdict:
    """What a revision is to the one that is stored: the higher one is what is so."""
    if stored is None:
        return Verdict.NEW
    if revision != stored.revision:
        return Verdict.NEWER if revision > stored.revision else Verdict.OLDER
    return Verdict.KNOWN if digest == stored.digest else Verdict.CONTRADICTS


def is_news(told_at: datetime, *, since: datetime, at: datetime) -> bool:
    """Whether it happened since the account was first linked, and lately."""
    return told_at >= since and told_at >= at - timedelta(days=NEWS_DAYS)


def receipt_of(merchant_name: str, receipts: Sequence[tuple[UUID, str]]) -> UUID | None:
    """Which of a payment's receipts, each with its merchant's name, a parcel of that payment belongs to.

    The only one; of several the only one by the same name; else none: it is never guessed.
    """
    if len(receipts) > 1:
        receipts = [each for each in receipts if _same_name(each[1], merchant_name)]
    return receipts[0][0] if len(receipts) == 1 else None


def _same_name(one: str, other: str) -> bool:
    return bool(one) and one.casefold().split() == other.casefold().split()


def is_shown(booked_on: date, *, removed: bool, history_from: date) -> bool:
    """Whether what belongs to a payment of that day may be shown: not of one that has gone."""
    return not removed and booked_on >= history_from
