"""Keeping what was read, and the hints that there is something to read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from psycopg.types.json import Jsonb

from partners.alerts.actions import follow_entries as alerts_follow
from partners.alerts.actions import raise_alerts, raise_low_balance
from partners.alerts.rules import NEWS_DAYS
from partners.banks.actions import note_deed
from partners.banks.models import Bank, StaffDeed
from partners.connections.models import Connection
from partners.connections.queries import connection_of_bank_consent
from partners.connectors.base import (
    BalanceRecord,
    BankNotification,
    KnownBy,
    ReceiptPage,
    RejectedRow,
    ShipmentPage,
    TransactionRecord,
)
from partners.events import BalancesRead, EntriesChanged, account_key
from partners.feeds.budgets import next_at
from partners.feeds.cursors import (
    Claim,
    bring_forward,
    budget_of,
    finish,
    held_cursor,
    hint_accounts,
    hint_connection,
    move_on,
    put_off,
)
from partners.feeds.models import FeedCursor
from partners.ledger.actions import held_account, merge_entries, record_balances
from partners.ledger.by_id import remove_entries, rename_pending
from partners.ledger.merging import Merged
from partners.ledger.models import Account, Entry
from partners.purchases.actions import (
    Kept,
    Occasion,
    record_receipts,
    record_shipments,
    tie_waiting,
)
from partners.purchases.actions import follow_entries as purchases_follow
from partners.sync.models import SyncRun
from partners.sync.progress import Covered, covered_after, covered_without, note_reached
from partners.sync.queries import failing_feeds
from partners.sync.rules import overdue_before, wait_after, was_pending
from partners.sync.states import LINK_AGAIN
from partners.sync.unreadable import RowsTold, ids_of, note_unreadable
from portal.outbox.publishing import publish
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id
from portal.tenancy.leases import LeaseLost
from portal.wakeups import wake_for_bank_after_commit

PULL_DUE = "partners.sync.tasks.pull_due"
_KEPT_REJECTIONS = 100
_TRIED_AT_ONCE = 1000
_KEEP_ONCE = """
    INSERT INTO partners_notification
      (bank_id, id, jti, account_external_ids, occurred_at, received_at)
    SELECT %s, %s, %s, %s, %s, %s
    ON CONFLICT (bank_id, jti) DO NOTHING
"""
_CURRENCY_MIXED = "another currency than the account's"


@dataclass(frozen=True)
class ReadPage:
    """What was read of one account and is to be kept in one transaction.

    `window_from`: the rows are all that the bank lists from that day on (None: some of several pages).
    `since`: what is older is not kept. `next_place` empty: the reading is at its end; the next one goes on at `stays`, where the bank tells
    changes alone. `removed`: ids that it says are no more.
    """

    records: Sequence[TransactionRecord]
    rejected: Sequence[RejectedRow]
    window_from: date | None
    next_place: str
    pages: int
    removed: Sequence[str] = ()
    stays: str = ""
    since: date | None = None

    @property
    def allowed(self) -> Sequence[TransactionRecord]:
        """Those of the days that may be read: a bank that tells one line of changes tells it from its beginning."""
        if self.since is None:
            return self.records
        return [each for each in self.records if each.booked_on >= self.since]

    @property
    def whole_from(self) -> date | None:
        """From which day on these are all that the bank lists and that may be read."""
        if self.window_from is None:
            return None
        return max(self.window_from, self.since or self.window_from)


@dataclass(frozen=True)
class Begun:
    """A reading under way. Its row is written with the first thing that becomes of it; `run_id` then."""

    at: datetime
    covers_from: date | None
    run_id: UUID | None = None


def _run_of(claim: Claim, begun: Begun) -> SyncRun:
    """The row of this reading: the one that an earlier page made, or a new one."""
    if begun.run_id is not None:
        return SyncRun.objects.get(pk=begun.run_id)
    return SyncRun(
        connection_id=claim.connection_id,
        account_id=claim.account_id,
        kind=claim.kind,
        covers_from=begun.covers_from,
        started_at=begun.at,
    )


def store_page(
    claim: Claim, page: ReadPage, *, begun: Begun, at: datetime, lease: timedelta
) -> tuple[Begun, Merged]:
    """Keep a page: entries, alerts, events and the cursor, all or nothing; what it did to the account.

    Raises LeaseLost where another worker holds the cursor by now. Locks the cursor, then the account,
    then the outbox's keys, as everything does that takes more than one of them.
    """
    row = held_cursor(claim)
    account = held_account(claim.account_id)
    today = _today(account.bank, at)
    good = [each for each in page.allowed if each.currency == account.currency]
    rejected = [*page.rejected, *_mixed_currencies(page.allowed, account.currency)]
    source = f"live:{claim.connector}"
    posted = was_pending(good)
    rename_pending(account, source=source, posted=posted)
    merged = merge_entries(
        account,
        source=source,
        records=[each for each in good if each.external_id not in posted],
        window_from=page.whole_from,
        remove_missing=not rejected,
        at=at,
        overdue_before=overdue_before(today),
    )
    merged = merged.then(remove_entries(account, source=source, external_ids=page.removed, at=at))
    tell(account, merged, at=at, trace=claim.trace)
    run = _run_of(claim, begun)
    _count(run, page, merged, rejected)
    if row.covered_until is None:
        note_reached(row, good, asked_from=begun.covers_from, today=today)
    told = RowsTold(
        rejected,
        ids=chain(ids_of(good), page.removed),
        since=page.window_from or begun.covers_from,
        today=today,
        is_all=page.window_from is not None,
        is_last=not page.next_place,
        keeps_from=page.since,
    )
    note_unreadable(row, claim, told, at=at)
    if page.next_place:
        run.save()
        move_on(row, place=page.next_place, run_id=run.id, lease_until=at + lease)
    else:
        _complete(run, at)
        covered = covered_after(row, good, window_from=page.window_from, today=today)
        _finish(row, claim, covered, at, today=today, place=page.stays)
    return replace(begun, run_id=run.id), merged


def _mixed_currencies(records: Sequence[TransactionRecord], currency: str) -> list[RejectedRow]:
    return [
        RejectedRow(
            position, "currency", _CURRENCY_MIXED, KnownBy(each.external_id, each.booked_on)
        )
        for position, each in enumerate(records)
        if each.currency != currency
    ]


def tell(account: Account, merged: Merged, *, at: datetime, trace: str) -> None:
    """What follows from a merge, in its transaction: alerts, what waited for a payment, and that there is news.

    `account` is held, with its bank.
    """
    if not merged.changes:
        return
    bank: Bank = account.bank
    alerts_follow(merged.gone)
    purchases_follow(merged.gone)
    _raise(bank, account, merged, at=at, trace=trace)
    changed = EntriesChanged(account.id, merged.through_seq - merged.changes, merged.through_seq)
    publish(changed, key=account_key(account.id), occurred_at=at, trace=trace)
    tie_waiting(account_id=account.id, occasion=_occasion(account, trace, at))


def _raise(bank: Bank, account: Account, merged: Merged, *, at: datetime, trace: str) -> None:
    recent = at.astimezone(ZoneInfo(bank.time_zone)).date() - timedelta(days=NEWS_DAYS)
    changed = (*merged.added, *merged.modified)
    news = [each.id for each in changed if each.row.booked_on >= recent]
    if news:
        entries = Entry.objects.filter(pk__in=news).order_by("change_seq")
        raise_alerts(
            bank=bank,
            account=account,
            entries=list(entries),
            # Banks write times in whole seconds: what happens within the first one is news too.
            since=account.created_at.replace(microsecond=0),
            at=at,
            trace=trace,
        )


def _count(run: SyncRun, page: ReadPage, merged: Merged, rejected: Sequence[RejectedRow]) -> None:
    run.pages += page.pages
    run.added += len(merged.added)
    run.modified += len(merged.modified)
    run.removed += merged.removed
    _note(run, rejected)


def _note(run: SyncRun, rejected: Sequence[RejectedRow]) -> None:
    noted: list[Any] = [[each.position, each.field, each.reason] for each in rejected]
    run.rejected = [*run.rejected, *noted][:_KEPT_REJECTIONS]


def _complete(run: SyncRun, at: datetime) -> None:
    run.outcome = SyncRun.Outcome.COMPLETE
    run.finished_at = at
    run.save()


def _finish(
    row: FeedCursor,
    claim: Claim,
    covered: Covered,
    at: datetime,
    *,
    today: date,
    place: str = "",
) -> None:
    due_at = next_at(budget_of(row, claim), at=at, every=settings.SWEEP_INTERVAL)
    # What came while a long history was read is asked for at once.
    is_behind = covered.until < today
    finish(
        row,
        claim,
        covered_from=covered.since,
        covered_until=covered.until,
        at=at,
        next_at=at if is_behind else due_at,
        place=place,
    )


def _today(bank: Bank, at: datetime) -> date:
    return at.astimezone(ZoneInfo(bank.time_zone)).date()


def store_balances(
    claim: Claim, records: Sequence[BalanceRecord], *, begun: Begun, at: datetime
) -> int:
    """Keep the balances, raise what has fallen low, and move the cursor; how many are not as before.

    Raises LeaseLost.
    """
    row = held_cursor(claim)
    account = held_account(claim.account_id)
    moved = {each.kind: each for each in record_balances(account, records=records, at=at)}
    spendable = moved.get("available") or moved.get("booked")
    if spendable is not None:
        raise_low_balance(
            account=account,
            before_minor=spendable.before_minor,
            now_minor=spendable.after_minor,
            currency=spendable.currency,
            as_of=spendable.as_of,
            at=at,
            trace=claim.trace,
        )
    if row.asked_at is not None:
        read = BalancesRead(account.id)
        publish(read, key=account_key(account.id), occurred_at=at, trace=claim.trace)
    run = _run_of(claim, begun)
    run.pages = 1
    _complete(run, at)
    today = _today(account.bank, at)
    _finish(row, claim, Covered(None, today), at, today=today)
    return sum(each.before_minor != each.after_minor for each in moved.values())


def store_updates(
    claim: Claim,
    page: ReceiptPage | ShipmentPage,
    *,
    begun: Begun,
    at: datetime,
    lease: timedelta,
) -> tuple[Begun, Kept]:
    """Keep a page of what was told of receipts or shipments, and go on after it. Raises LeaseLost."""
    row = held_cursor(claim)
    account = Account.objects.select_related("bank").get(pk=claim.account_id)
    occasion = _occasion(account, claim.trace, at)
    if isinstance(page, ReceiptPage):
        kept = record_receipts(account_id=account.id, records=page.records, occasion=occasion)
    else:
        kept = record_shipments(account_id=account.id, records=page.records, occasion=occasion)
    run = _run_of(claim, begun)
    run.pages += 1
    run.added += kept.added
    run.modified += kept.modified
    _note(run, page.rejected)
    today = _today(account.bank, at)
    told = RowsTold(
        page.rejected,
        ids=[each.external_id for each in page.records],
        since=None,
        today=today,
        is_last=not page.has_more,
    )
    note_unreadable(row, claim, told, at=at)
    if page.has_more:
        run.save()
        move_on(row, place=page.cursor, run_id=run.id, lease_until=at + lease)
    else:
        _complete(run, at)
        _finish(row, claim, Covered(None, today), at, today=today, place=page.cursor)
    return replace(begun, run_id=run.id), kept


def _occasion(account: Account, trace: str, at: datetime) -> Occasion:
    # Banks write times in whole seconds: what happens within the first one is news too.
    return Occasion(at=at, since=account.created_at.replace(microsecond=0), trace=trace)


def begin_later(claim: Claim, *, given_from: date, at: datetime) -> None:
    """The bank gives nothing of before that day: its payments are read since then, at once. Raises LeaseLost.

    As a history where there is a gap between these and what is here; of one that is held the new ones alone are read on.
    """
    row = held_cursor(claim)
    fresh_on = row.fresh_as_of and _today(row.connection.integration.bank, row.fresh_as_of)
    row.given_from = given_from
    row.covered_from, row.covered_until = covered_without(row, fresh_on=fresh_on)
    row.lease_until = None
    if row.due_at is not None:
        row.due_at = at
    row.save()


def end_turn(claim: Claim, *, at: datetime) -> None:
    """Let go of a long reading between two pages; it goes on where it stands, after whatever is due by now. Raises LeaseLost."""
    row = held_cursor(claim)
    row.lease_until = None
    if row.due_at is not None:
        row.due_at = at
    # Whoever asked for it does not wait any more.
    row.asked_from = ""
    row.save(update_fields=["lease_until", "due_at", "asked_from"])


def note_failure(
    claim: Claim,
    *,
    begun: Begun | None,
    problem: str,
    at: datetime,
    forget_place: bool,
    forget_history: bool = False,
    retry_after: timedelta | None = None,
    ended: bool = False,
    no_later_than: timedelta | None = None,
) -> bool:
    """Reading failed: try again after a while, or not before the customer links again (`ended`, unless they have).

    False where another worker holds the cursor by now.
    """
    try:
        row = held_cursor(claim)
    except LeaseLost:
        return False
    wait = max(wait_after(row.attempts + 1), retry_after or timedelta())
    wait = min(wait, no_later_than or wait)
    if ended and problem == LINK_AGAIN:
        # The cursor is held: who links again from now on makes it due after this.
        ended = row.connection.status != Connection.Status.ACTIVE
    # Ended while we read: whoever ended it has put the cursor to sleep.
    asleep = ended or row.due_at is None
    put_off(
        row,
        problem=problem,
        at=at,
        due_at=None if asleep else at + wait,
        forget_place=forget_place or not row.cursor,
        forget_history=forget_history,
    )
    if begun is not None and row.run_id is None:
        run = _run_of(claim, begun)
        run.outcome, run.problem, run.finished_at = SyncRun.Outcome.FAILED, problem, at
        run.save()
    return True


def try_again(*, kind: str, problem: str, staff_id: UUID, at: datetime) -> int:
    """Staff have put right what made these readings fail: they are due now. How many; at most a thousand at once.

    What is due already is left as it is, so that pressing twice asks once; a bank that wants to be left alone is.
    """
    wanted = failing_feeds(at=at).filter(kind=kind, last_problem=problem)
    n = bring_forward(wanted, at=at, at_most=_TRIED_AT_ONCE)
    if n:
        note_deed(
            what=StaffDeed.What.TRIED_AGAIN,
            by=f"staff:{staff_id}",
            about={"kind": kind, "readings": n, "problem": problem},
            at=at,
        )
        wake_for_bank_after_commit(PULL_DUE, bank_id=current_bank_id())
    return n


def keep_notification(notification: BankNotification, *, at: datetime, trace: str) -> bool:
    """Keep a verified hint once and make due what it names; False where it was kept before."""
    bank_id = current_bank_id()
    accounts = Jsonb(list(notification.account_external_ids))
    values: list[Any] = [
        bank_id,
        new_id(),
        notification.jti,
        accounts,
        notification.occurred_at,
        at,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_ONCE, values)
        if not cursor.rowcount:
            return False
    _make_due(notification, at=at, trace=trace)
    wake_for_bank_after_commit(PULL_DUE, bank_id=bank_id)
    return True


def _make_due(notification: BankNotification, *, at: datetime, trace: str) -> None:
    named = notification.account_external_ids
    if named:
        accounts = Account.objects.filter(external_id__in=named).values_list("id", flat=True)
        hint_accounts(account_ids=list(accounts), at=at, trace=trace)
    for consent_id in notification.consent_external_ids:
        authorised = connection_of_bank_consent(consent_id)
        if authorised is not None:
            hint_connection(connection_id=authorised.id, at=at, trace=trace)
    if not named and not notification.consent_external_ids:
        hint_accounts(account_ids=None, at=at, trace=trace)
