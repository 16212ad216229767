"""Playing a CSV of card transactions through the bank: now, row by row, or as history."""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import io
import logging
import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import psycopg

from partners.sandbox import money
from partners.sandbox.bank import Bank
from partners.sandbox.founding import write_account
from partners.sandbox.ledger import Change, Entry, buy, changing, record
from partners.sandbox.people import invent_account, invent_customers

_log = logging.getLogger("sandbox.replay")
COLUMNS = ["account", "occurred_at", "amount", "currency", "description", "mcc", "is_fraud"]
_LONGEST_DESCRIPTION = 350
_HISTORY_BATCH = 100


class ReplayRefused(ValueError):
    """The file cannot be played; the text says which row and why."""


@dataclass(frozen=True)
class Row:
    """One line of the file. `occurred` is a date or a local date and time, as written."""

    account: str
    occurred: dt.date | dt.datetime
    amount_minor: int
    currency: str
    description: str
    mcc: str
    fraud: bool


@dataclass(frozen=True)
class Play:
    """How a play is going."""

    id: str
    state: str
    rows: int
    played: int = 0
    declined: int = 0
    accounts: int = 0
    rate: int = 0
    as_history: bool = False
    started_at: str | None = None
    finished_at: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The play by field name."""
        return asdict(self)


def read_rows(text: str) -> list[Row]:
    """All rows of a CSV text; raises ReplayRefused at the first bad one."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        header = next(reader, [])
        if [name.strip() for name in header] != COLUMNS:
            raise ReplayRefused(f"the first line must be {','.join(COLUMNS)}")
        return list(_rows(reader))
    except csv.Error as problem:
        raise ReplayRefused(f"not a CSV file: {problem}") from problem


def _rows(reader: Iterator[list[str]]) -> Iterator[Row]:
    for number, cells in enumerate(reader, start=2):
        if not cells:
            continue
        if len(cells) != len(COLUMNS):
            raise ReplayRefused(f"line {number}: {len(COLUMNS)} columns expected")
        try:
            yield _row(dict(zip(COLUMNS, (cell.strip() for cell in cells), strict=True)))
        except ValueError as problem:
            raise ReplayRefused(f"line {number}: {problem}") from problem


def _row(cells: dict[str, str]) -> Row:
    if not cells["account"]:
        raise ReplayRefused("account is empty")
    if not money.is_currency(cells["currency"]):
        raise ReplayRefused("currency is three capital letters, of money with a minor unit")
    if not re.fullmatch(r"([0-9]{3,4})?", cells["mcc"]):
        raise ReplayRefused("mcc is empty or three or four digits")
    if cells["is_fraud"] not in {"", "0", "1"}:
        raise ReplayRefused("is_fraud is empty, 0 or 1")
    return Row(
        account=cells["account"],
        occurred=_occurred(cells["occurred_at"]),
        amount_minor=money.to_minor(cells["amount"], cells["currency"]),
        currency=cells["currency"],
        description=_clean(cells["description"]),
        mcc=cells["mcc"],
        fraud=cells["is_fraud"] == "1",
    )


def _occurred(text: str) -> dt.date | dt.datetime:
    if len(text) == len("2026-01-31"):
        return dt.date.fromisoformat(text)
    return dt.datetime.fromisoformat(text)


def _clean(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown[:_LONGEST_DESCRIPTION]


class Player:
    """Plays one file at a time in the background."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.play = Play(id="", state="idle", rows=0)

    @property
    def busy(self) -> bool:
        """Whether a play is under way."""
        return self._task is not None and not self._task.done()

    async def deal(self, rows: list[Row]) -> dict[tuple[str, str], tuple[str, str]]:
        """Deal the file's accounts out to the customers: (account, currency) -> (AccountId, CardId)."""
        async with changing(self._bank) as change:
            return await _deal(self._bank, change, rows)

    async def start(self, rows: list[Row], *, rate: int, as_history: bool) -> Play:
        """Begin to play; `rate` is rows a second. The caller has seen that no play is under way."""
        dealt = await self.deal(rows)
        self.play = Play(
            id=uuid.uuid4().hex,
            state="running",
            rows=len(rows),
            accounts=len({account for account, _ in dealt.values()}),
            rate=rate,
            as_history=as_history,
            started_at=self._bank.now().isoformat(),
        )
        self._stopping = False
        self._task = asyncio.create_task(self._run(rows, dealt))
        return self.play

    async def stop(self) -> Play:
        """Stop after the row being played."""
        if self._task is not None and not self._task.done():
            self._stopping = True
            await self._task
        return self.play

    async def _run(self, rows: list[Row], dealt: dict[tuple[str, str], tuple[str, str]]) -> None:
        try:
            if self.play.as_history:
                await self._play_history(rows, dealt)
            else:
                await self._play_now(rows, dealt)
        except (psycopg.Error, TimeoutError):
            _log.exception("play_failed")
            self._finish("failed")
        else:
            self._finish("stopped" if self._stopping else "done")

    def _finish(self, state: str) -> None:
        self.play = replace(self.play, state=state, finished_at=self._bank.now().isoformat())

    async def _play_now(
        self, rows: list[Row], dealt: dict[tuple[str, str], tuple[str, str]]
    ) -> None:
        begun = time.monotonic()
        for number, row in enumerate(rows):
            wait = begun + number / self.play.rate - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            if self._stopping:
                return
            async with changing(self._bank) as change:
                accepted = await _happen(self._bank, change, row, dealt)
            self._count(accepted=accepted)

    async def _play_history(
        self, rows: list[Row], dealt: dict[tuple[str, str], tuple[str, str]]
    ) -> None:
        for first in range(0, len(rows), _HISTORY_BATCH):
            if self._stopping:
                return
            batch = rows[first : first + _HISTORY_BATCH]
            async with changing(self._bank) as change:
                for row in batch:
                    entry = _entry(row, dealt, at=_instant(row.occurred, self._bank))
                    await record(change, entry, status="booked")
            for _ in batch:
                self._count(accepted=True)

    def _count(self, *, accepted: bool) -> None:
        self.play = replace(
            self.play,
            played=self.play.played + 1,
            declined=self.play.declined + (not accepted),
        )


async def _deal(
    bank: Bank, change: Change, rows: list[Row]
) -> dict[tuple[str, str], tuple[str, str]]:
    people = invent_customers(bank.profile, seed=bank.settings.seed, count=bank.settings.customers)
    order: dict[str, int] = {}
    dealt: dict[tuple[str, str], tuple[str, str]] = {}
    for row in rows:
        position = order.setdefault(row.account, len(order) % len(people))
        if (row.account, row.currency) in dealt:
            continue
        own = people[position].accounts
        account = next((one for one in own if one.currency == row.currency and one.card), None)
        if account is None:
            account = invent_account(
                bank.profile,
                seed=bank.settings.seed,
                key=f"{position}/card/{row.currency}",
                kind="card",
                currency=row.currency,
                holders=(position,),
            )
            known = await change.one("SELECT 1 AS here FROM accounts WHERE id = %s", (account.id,))
            if known is None:
                holders = {position: people[position]}
                await write_account(change.connection, account, people=holders, at=change.at)
                change.touched[account.id] = 0
        card_id = account.card.id if account.card else ""
        dealt[row.account, row.currency] = (account.id, card_id)
    return dealt


def _instant(occurred: dt.date | dt.datetime, bank: Bank) -> dt.datetime:
    """The row's own time in the bank's zone; a bare date is that day's first moment there."""
    if not isinstance(occurred, dt.datetime):
        occurred = dt.datetime.combine(occurred, dt.time())
    if occurred.tzinfo is None:
        occurred = occurred.replace(tzinfo=bank.profile.tz)
    return occurred.astimezone(dt.UTC)


def _entry(row: Row, dealt: dict[tuple[str, str], tuple[str, str]], *, at: dt.datetime) -> Entry:
    account_id, card_id = dealt[row.account, row.currency]
    return Entry(
        account_id=account_id,
        kind="CARD_REFUND" if row.amount_minor > 0 else "CARD_PURCHASE",
        amount_minor=row.amount_minor,
        currency=row.currency,
        occurred_at=at,
        description=row.description,
        source="replay",
        merchant_name=row.description,
        merchant_category=row.mcc,
        card_id=card_id,
        fraud_suspected=row.fraud,
    )


async def _happen(
    bank: Bank, change: Change, row: Row, dealt: dict[tuple[str, str], tuple[str, str]]
) -> bool:
    entry = _entry(row, dealt, at=change.at)
    if row.amount_minor > 0:
        await record(change, entry, status="booked")
        return True
    _, accepted = await buy(bank, change, entry)
    return accepted
