"""Writers of a ledger all at once, and readers of its changes that believe every word they are told."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from threading import Condition, Lock
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from partners.connectors.base import TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.by_id import remove_entries
from partners.ledger.models import Account, Entry
from portal.tenancy.blocks import serving

SOURCE = "live:cursor_sync"
DAY = date(2026, 3, 2)
_PATIENCE = 5.0

Read = Callable[[str], dict[str, Any]]


class RolledBack(Exception):
    """The writer thought better of it."""


@dataclass(frozen=True)
class Version:
    """One version of a row, as the bank names it; the description says the same to a reader."""

    name: str
    number: int
    removed: bool = False

    @property
    def words(self) -> str:
        return f"{self.name} {self.number}"


def version_of(description: str, *, removed: bool = False) -> Version:
    name, _space, number = description.partition(" ")
    return Version(name, int(number), removed)


@dataclass
class Hands:
    """What writers have committed so far, and how often somebody has read."""

    bank_id: UUID
    account_ids: Sequence[UUID]
    committed: dict[str, Version] = field(default_factory=dict)
    # Rows whose removal somebody has begun, whether or not it was committed.
    removing: set[str] = field(default_factory=set)
    reads: int = 0
    reading: bool = True
    _lock: Lock = field(default_factory=Lock)
    _read: Condition = field(default_factory=Condition)

    def write(self, chance: random.Random) -> None:
        """One transaction of a writer: some rows of one or two accounts, held open for a while."""
        accounts = sorted(chance.sample(self.account_ids, chance.randint(1, 2)))
        done: list[Version] = []
        try:
            with serving(self.bank_id):
                for each in accounts:
                    done += _some_changes(held_account(each), chance)
                self.removing |= {each.name for each in done if each.removed}
                if chance.random() < 0.6:
                    self._wait_for_reads(chance.randint(1, 4))
                _think_again(chance)
        except RolledBack:
            return
        with self._lock:
            for version in done:
                before = self.committed.get(version.name)
                if before is None or before.number < version.number:
                    self.committed[version.name] = version

    def so_far(self) -> dict[str, Version]:
        with self._lock:
            return dict(self.committed)

    def note_read(self) -> None:
        with self._read:
            self.reads += 1
            self._read.notify_all()

    @contextmanager
    def while_reading(self) -> Iterator[None]:
        """Nobody waits for a reading once this is over."""
        try:
            yield
        finally:
            with self._read:
                self.reading = False
                self._read.notify_all()

    def truth(self) -> dict[str, str]:
        with serving(self.bank_id):
            mine = Entry.objects.filter(account_id__in=self.account_ids)
            shown = mine.exclude(status=Entry.Status.REMOVED)
            return {str(each.id): each.description for each in shown}

    def _wait_for_reads(self, count: int) -> None:
        with self._read:
            enough = self.reads + count
            self._read.wait_for(lambda: self.reads >= enough or not self.reading, _PATIENCE)


def _think_again(chance: random.Random) -> None:
    if chance.random() < 0.2:
        raise RolledBack


def _some_changes(account: Account, chance: random.Random) -> list[Version]:
    stored = list(Entry.objects.filter(account_id=account.id).order_by("id"))
    picked = chance.sample(stored, min(len(stored), chance.randint(0, 3)))
    removed = [each for each in picked if chance.random() < 0.3 and each.status != "removed"]
    told: dict[Version, TransactionRecord] = {}
    for each in picked:
        if each not in removed:
            # A tenth is told again as it is, which is no change; one that was removed comes back as another.
            last = version_of(each.description)
            is_same = each.status != "removed" and chance.random() < 0.1
            version = last if is_same else Version(last.name, last.number + 1)
            posted = each.status == "posted" or (not is_same and chance.random() < 0.3)
            told[version] = record(version, posted=posted, amount=each.amount_minor)
    for _ in range(chance.randint(1, 3)):
        version = Version(f"row-{uuid4().hex}", 1)
        told[version] = record(version, posted=chance.random() < 0.3)
    at = timezone.now()
    remove_entries(
        account, source=SOURCE, external_ids=[each.external_id for each in removed], at=at
    )
    merge(account, list(told.values()))
    return [*told, *(version_of(each.description, removed=True) for each in removed)]


def record(version: Version, *, posted: bool = True, amount: int = -1250) -> TransactionRecord:
    return TransactionRecord(
        external_id=version.name,
        status="posted" if posted else "pending",
        amount_minor=amount,
        currency="EUR",
        booked_on=DAY,
        booked_on_source="date",
        description=version.words,
    )


def merge(account: Account, records: Sequence[TransactionRecord]) -> None:
    merge_entries(
        account,
        source=SOURCE,
        records=records,
        window_from=None,
        remove_missing=False,
        at=timezone.now(),
    )


@dataclass
class Reader:
    """Replays what it is given: what is added it must not have, what is modified or removed it must."""

    read: Read
    hands: Hands
    limit: int
    cursor: str = ""
    held: dict[str, str] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    # The last that was told of each row, by the bank's name.
    last: dict[str, Version] = field(default_factory=dict)

    def walk(self) -> None:
        """To the end of what there is; all that was committed before it began has come."""
        before = self.hands.so_far()
        while self.page():
            pass
        for version in before.values():
            last = self.last.get(version.name)
            assert not self._is_behind(version, last), f"skipped: {version}, told {last}"

    def _is_behind(self, version: Version, last: Version | None) -> bool:
        if last is None or last.removed:
            return version.name not in self.hands.removing
        return last.number < version.number + version.removed

    def page(self) -> bool:
        cursor = f"&cursor={self.cursor}" if self.cursor else ""
        body = self.read(f"transactions/sync?limit={self.limit}{cursor}")
        self.hands.note_read()
        assert len(body["added"]) + len(body["modified"]) + len(body["removed"]) <= self.limit
        assert body["removed_accounts"] == []
        for row in body["added"]:
            assert row["id"] not in self.held, f"added twice: {row['description']}"
            self._keep(row)
        for row in body["modified"]:
            assert row["id"] in self.held, f"modified, and never added: {row['description']}"
            self._keep(row)
        for row in body["removed"]:
            gone = version_of(self.held.pop(row["id"]), removed=True)
            self.last[gone.name] = gone
        self.cursor = body["next_cursor"]
        return bool(body["has_more"])

    def _keep(self, row: dict[str, Any]) -> None:
        revision = (row["id"], row["description"])
        assert revision not in self.told, f"told twice: {row['description']}"
        self.told.add(revision)
        self.held[row["id"]] = row["description"]
        version = version_of(row["description"])
        self.last[version.name] = version
