"""Storing what a file holds, account by account: only what somebody linked and allows, as the gate says each time.

Rows of one day of an account stay together, so that equal ones among them are told apart by their number; where
a file keeps to no order of days, what was seen of all of it is remembered.
"""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from accounts.linking.queries import linked_customer_ids
from partners.connectors.base import TransactionRecord
from partners.imports.actions import Batch, Claim, count_batch, count_left_out, held_import
from partners.imports.models import StatementImport
from partners.imports.rules import (
    NO_NUMBER,
    NOT_LINKED,
    OTHER_CURRENCY,
    TWO_ACCOUNTS,
    day_of,
    mask_of,
)
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.identifying import account_digests, accounts_numbered
from partners.ledger.rules import POSTED, Seen, rows_of
from partners.ledger.statement_rows import record_of
from partners.sharing.gate import (
    PORTAL,
    Allowed,
    Ask,
    Door,
    Refused,
    Scope,
    authorize,
    disclosed,
    looked,
    note_refusal,
)
from partners.statements.base import Entry, Malformed, Part, Statement
from partners.sync.actions import tell
from portal.tenancy.blocks import NotServed, serving, serving_customer

Clock = Callable[[], datetime]

BATCH, MOST_IN_BATCH = 2_000, 10_000
_ACCOUNTS_REMEMBERED = 1_000


@dataclass(frozen=True)
class _Place:
    """Where a statement's rows go: an account, or nowhere, and why."""

    account_id: UUID | None
    currency: str
    mask: str
    why: str = ""


@dataclass
class _Run:
    """Rows of one account that follow each other in the file, gathered and not yet stored."""

    place: _Place
    records: list[TransactionRecord] = field(default_factory=list)
    aside: list[tuple[str, str]] = field(default_factory=list)
    entries: int = 0
    day: date | None = None


class Storing:
    """The second pass over a file."""

    def __init__(
        self, bank_id: UUID, claim: Claim, row: StatementImport, clock: Clock, turn: timedelta
    ) -> None:
        self.bank_id = bank_id
        self.claim = claim
        self.clock = clock
        self.source = f"statement:{row.format}"
        self.behind = row.stored
        self.in_order = row.in_order
        self.given = (row.given_mask, tuple(row.given_digests))
        self.passed = 0
        self._turn = turn.total_seconds()
        self._began: float | None = None
        self._places: OrderedDict[tuple[str, str, str], _Place] = OrderedDict()
        self._seen: dict[UUID, Seen] = {}
        # Rows of this day that were stored in an earlier turn.
        self._earlier: list[Entry] = []
        # The account whose refusal is on the record already.
        self._noted: UUID | None = None
        self._left_out: Counter[tuple[str, str]] = Counter()
        self._run = _Run(_Place(None, "", "", NO_NUMBER))

    def store(self, parts: Iterator[Part]) -> bool:
        """Whether all of it is stored; False where its turn was over before."""
        for part in parts:
            if isinstance(part, Statement):
                self._turn_to(self._place_of(part))
            elif isinstance(part, Entry):
                self._take(part)
                if self._is_over():
                    return False
        self._flush()
        self._write_left_out()
        return True

    def _is_over(self) -> bool:
        return self._began is not None and time.monotonic() - self._began > self._turn

    def _take(self, entry: Entry) -> None:
        run, day = self._run, day_of(entry)
        if run.entries and self._is_full(run, day):
            self._flush()
            run = self._run
        if day != run.day and self.in_order and not run.records:
            # Of the days before, nothing waits to be stored: their equals are all told apart.
            self._forget_days()
        run.day = day
        self.passed += 1
        if self.passed <= self.behind:
            self._remember(entry)
            return
        run.entries += 1
        if run.place.account_id is None:
            return
        try:
            run.records.append(record_of(entry, currency=run.place.currency))
        except Malformed as why:
            run.aside.append((why.where, why.reason))

    def _is_full(self, run: _Run, day: date | None) -> bool:
        return run.entries >= MOST_IN_BATCH or (run.entries >= BATCH and day != run.day)

    def _remember(self, entry: Entry) -> None:
        """What is behind us counts for telling its equals apart from it."""
        place = self._run.place
        if place.account_id is None:
            return
        self._earlier.append(entry)
        # Where days are in order only the last one counts: most of them are let go of as they came.
        if self.in_order and self.passed < self.behind and len(self._earlier) < MOST_IN_BATCH:
            return
        entries, self._earlier = self._earlier, []
        records = []
        for each in entries:
            with suppress(Malformed):
                records.append(record_of(each, currency=place.currency))
        ours = [
            each for each in records if each.currency == place.currency and each.status == POSTED
        ]
        seen = self._seen.setdefault(place.account_id, Seen())
        rows_of(ours, account_id=place.account_id, source=self.source, seen=seen)

    def _forget_days(self) -> None:
        self._seen = {
            account_id: each.of_days_to_come()
            for account_id, each in self._seen.items()
            if each.unsure
        }
        self._earlier.clear()

    # --- whose rows they are ----------------------------------------------------------------------
    def _turn_to(self, place: _Place) -> None:
        before = self._run
        if place == before.place:
            return
        self._flush()
        same = place.account_id == before.place.account_id
        if self.in_order and not same:
            self._forget_days()
        self._run = _Run(place, day=before.day if same else None)

    def _place_of(self, statement: Statement) -> _Place:
        key = (statement.account, statement.bank_code, statement.currency)
        found = self._places.get(key)
        if found is None:
            found = self._places[key] = self._found(statement)
            if len(self._places) > _ACCOUNTS_REMEMBERED:
                self._places.popitem(last=False)
        return found

    def _found(self, statement: Statement) -> _Place:
        with serving(self.bank_id):
            mask, digests = self.given
            if statement.account:
                mask = mask_of(statement.account)
                digests = account_digests(statement.account, bank_code=statement.bank_code)
            candidates = accounts_numbered(digests)
        if not digests:
            return _Place(None, "", mask, NO_NUMBER)
        said = statement.currency
        fitting = [each for each in candidates if said in {"", each.currency}]
        if len(fitting) == 1:
            return _Place(fitting[0].id, fitting[0].currency, mask)
        why = TWO_ACCOUNTS if fitting else OTHER_CURRENCY if candidates else NOT_LINKED
        return _Place(None, "", mask, why)

    # --- writing ----------------------------------------------------------------------------------
    def _flush(self) -> None:
        run = self._run
        self._run = _Run(run.place, day=run.day)
        if not run.entries:
            return
        self._began = self._began or time.monotonic()
        if run.place.account_id is None:
            self._leave_out(run, run.place.why)
            return
        with serving(self.bank_id):
            row = held_import(self.claim)
            self._keep(row, run, run.place.account_id)
            self._count_left_out(row)

    def _leave_out(self, run: _Run, why: str) -> None:
        """Counted with what is stored next: a bank's file may be of many accounts that nobody linked."""
        self._left_out[run.place.mask, why] += run.entries
        if self._left_out.total() >= BATCH:
            self._write_left_out()

    def _write_left_out(self) -> None:
        if self._left_out:
            with serving(self.bank_id):
                self._count_left_out(held_import(self.claim))

    def _count_left_out(self, row: StatementImport) -> None:
        if self._left_out:
            count_left_out(row, self._left_out, through=self.passed)
            self._left_out.clear()

    def _keep(self, row: StatementImport, run: _Run, account_id: UUID) -> None:
        """Under the consents of one holder, who allows furthest back: the rows are one account's, whoever sees them."""
        allowed, refused = self._decided(account_id)
        if not allowed:
            why = refused[0].reason.value if refused else NOT_LINKED
            self._left_out[run.place.mask, why] += run.entries
            return
        deepest = min(allowed, key=lambda each: (allowed[each].history_from[account_id], each))
        with serving_customer(self.bank_id, deepest):
            batch = self._merge(run, account_id, allowed[deepest])
        count_batch(row, batch, through=self.passed, problems=run.aside)

    def _decided(self, account_id: UUID) -> tuple[dict[UUID, Allowed], list[Refused]]:
        """What the gate says of each holder. It stays so to the end of our transaction: who takes back waits for that."""
        allowed: dict[UUID, Allowed] = {}
        refused: list[Refused] = []
        for customer_id in linked_customer_ids(account_id):
            with suppress(NotServed), serving_customer(self.bank_id, customer_id):
                decided = authorize(self._ask(account_id))
                if isinstance(decided, Refused):
                    refused.append(decided)
                    self._note(decided, account_id)
                else:
                    allowed[customer_id] = decided
        return allowed, refused

    def _ask(self, account_id: UUID) -> Ask:
        return Ask(
            recipient=PORTAL,
            purpose=None,
            scope=Scope.FEED,
            code="transactions",
            account_ids=(account_id,),
            door=Door.FILE,
            at=self.clock(),
            request_id=self.claim.import_id.hex,
        )

    def _note(self, refused: Refused, account_id: UUID) -> None:
        """Once for an account that is met."""
        if self._noted != account_id:
            self._noted = account_id
            note_refusal(refused)

    def _merge(self, run: _Run, account_id: UUID, allowed: Allowed) -> Batch:
        """In the customer's block: what they allow of it, as far back as they do."""
        account = held_account(account_id)
        since = allowed.history_from[account_id]
        ours = [each for each in run.records if each.currency == account.currency]
        booked = [each for each in ours if each.status == POSTED]
        recent = [each for each in booked if each.booked_on >= since]
        seen = self._seen.setdefault(account_id, Seen())
        at = allowed.ask.at
        merged = merge_entries(
            account,
            source=self.source,
            records=recent,
            window_from=None,
            remove_missing=False,
            at=at,
            seen=seen,
        )
        if merged.changes:
            tell(account, merged, at=at, trace="")
            disclosed(allowed, {account_id: merged.changes})
        else:
            looked(allowed)
        mixed = len(run.records) - len(ours)
        if mixed:
            run.aside.append(("file", "rows in another currency than the account's"))
        if len(booked) < len(ours):
            run.aside.append(
                ("file", "rows that are not booked yet: they come again when they are")
            )
        same = len(recent) - len(merged.added) - len(merged.modified) - merged.conflicts
        return Batch(
            entries=run.entries,
            added=len(merged.added),
            changed=len(merged.modified),
            set_aside=run.entries - len(booked) + merged.conflicts,
            too_old=len(booked) - len(recent),
            # What a row says may change others than its own.
            known=max(0, same),
        )
