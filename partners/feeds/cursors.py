"""Places in feeds, claimed by one worker at a time: SKIP LOCKED, a lease, and a fence that outlives it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import F, Q, QuerySet, Value
from django.db.models.functions import Least

from partners.feeds.budgets import Budget, can_be_told, free_at, is_counted, recent_calls
from partners.feeds.models import FeedCursor
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.leases import LeaseLost

# A hung bank may hold this many workers, and one alone once it is known to be in trouble.
SLOTS_PER_BANK = 2
# Readings that have had a turn and go on, long histories first of all, leave a slot to what is read in a moment.
_SLOTS_OF_LONG_ONES = SLOTS_PER_BANK - 1
_TROUBLE_LASTS = timedelta(minutes=2)
# Where more is due than can be read, what payments are told by goes this far ahead of the rest.
HEAD_START = timedelta(seconds=2)

_BUSY = """
    SELECT count(*) FILTER (WHERE lease_until > %(at)s),
           count(*) FILTER (WHERE lease_until > %(at)s AND run_id IS NOT NULL),
           coalesce(bool_or(last_problem = ANY(%(troubles)s) AND ran_at > %(lately)s), false)
    FROM partners_feedcursor WHERE bank_id = %(bank)s
      AND (lease_until > %(at)s OR (last_problem <> '' AND ran_at > %(lately)s))
"""
_CLAIM = """
    UPDATE partners_feedcursor SET lease_until = %(until)s, fence = fence + 1, ran_at = %(at)s
    WHERE bank_id = %(bank)s AND id = (
        SELECT id FROM partners_feedcursor
        WHERE bank_id = %(bank)s AND due_at <= %(at)s
          AND (lease_until IS NULL OR lease_until <= %(at)s)
          AND (run_id IS NULL OR %(long_too)s)
        ORDER BY due_at, kind DESC, id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED)
    RETURNING bank_id, id, fence,
      (SELECT customer_id FROM partners_connection c
       WHERE c.bank_id = partners_feedcursor.bank_id AND c.id = partners_feedcursor.connection_id),
      (SELECT i.connector FROM partners_connection c
       JOIN partners_integration i ON i.bank_id = c.bank_id AND i.id = c.integration_id
       WHERE c.bank_id = partners_feedcursor.bank_id AND c.id = partners_feedcursor.connection_id),
      connection_id, account_id, kind, cursor, covered_until, hints, trace, run_id, last_problem, asked_from,
      history, calls_left, given_from,
      (SELECT calls_a_day FROM partners_connection c
       WHERE c.bank_id = partners_feedcursor.bank_id AND c.id = partners_feedcursor.connection_id),
      (SELECT facts_asked_at FROM partners_connection c
       WHERE c.bank_id = partners_feedcursor.bank_id AND c.id = partners_feedcursor.connection_id)
"""
_HINT = """
    UPDATE partners_feedcursor SET hints = hints + 1, trace = %(trace)s,
        due_at = least(due_at, CASE kind WHEN 'transactions' THEN %(before)s ELSE %(at)s END)
    WHERE bank_id = %(bank)s AND id IN (
        SELECT id FROM partners_feedcursor
        WHERE bank_id = %(bank)s AND due_at IS NOT NULL
          AND (%(accounts)s::uuid[] IS NULL OR account_id = ANY(%(accounts)s))
        ORDER BY id FOR NO KEY UPDATE)
"""
_OF_A_HISTORY = (
    "history_from",
    "history_until",
    "history_rows",
    "history_order",
    "reached_from",
    "reached_until",
)
_OF_ROWS_UNREAD = ("unreadable", "unreadable_rows")
_OF_THE_STANDARDS = ("balances", "transactions")
TROUBLES = ("unavailable", "rate_limited")


@dataclass(frozen=True)
class Claim:
    """One cursor, held by one worker until the lease ends; `fence` proves that it still is.

    `customer_id`: with whose authorisation it is read, by which `connector`. `last_problem`: how the
    reading before ended.
    """

    bank_id: UUID
    cursor_id: UUID
    fence: int
    customer_id: UUID
    connector: str
    connection_id: UUID
    account_id: UUID
    kind: str
    place: str
    covered_until: date | None
    hints: int
    trace: str
    run_id: UUID | None
    last_problem: str
    asked_from: str = field(default="", repr=False)
    history: str = ""
    calls_left: int | None = None
    # From which day on the bank gives payments, where it refused to give as many as are allowed.
    given_from: date | None = None
    calls_a_day: int | None = None
    # When the bank was last asked what it calls the accounts of this connection.
    facts_asked_at: datetime | None = None

    @property
    def limit(self) -> int | None:
        """How often a day the bank lets itself be asked for this feed; what is the partner's own is not counted."""
        return self.calls_a_day if self.kind in _OF_THE_STANDARDS else None


def start_reading(
    *,
    connection_id: UUID,
    account_ids: Iterable[UUID],
    kinds: Iterable[str],
    at: datetime,
    asked_from: str = "",
) -> None:
    """Make these feeds of these accounts due now; feeds that were read before go on where they stood.

    `asked_from`: from where the customer asks for it, who is there.
    """
    wanted = [(account_id, kind) for account_id in sorted(account_ids) for kind in sorted(kinds)]
    FeedCursor.objects.bulk_create(
        [
            FeedCursor(connection_id=connection_id, account_id=account_id, kind=kind, due_at=at)
            for account_id, kind in wanted
        ],
        ignore_conflicts=True,
    )
    FeedCursor.objects.filter(
        connection_id=connection_id, account_id__in=account_ids, kind__in=kinds
    ).update(
        due_at=at,
        last_problem="",
        attempts=0,
        asked_from=asked_from,
        calls_left=None,
        calls_reset_at=None,
    )


def read_further_back(
    *, connection_id: UUID, account_ids: Iterable[UUID], history_from: date | None
) -> None:
    """Payments that were asked for since a later day are read from their beginning; where staff hold that back, once they let it.

    So are those of which the bank gave less than that: it may give more to who has just signed in. None: no earlier day is chosen.
    """
    later = Q(given_from__isnull=False)
    if history_from is not None:
        later |= Q(history_from__gt=history_from)
    rows = FeedCursor.objects.filter(
        later, connection_id=connection_id, account_id__in=account_ids, kind="transactions"
    )
    rows.exclude(history="").update(history_place="", given_from=None)
    for row in rows.filter(history="").select_for_update(no_key=True).order_by("id"):
        take_from_workers(row)
        row.covered_until = row.given_from = None
        row.save()


def stop_reading(*, connection_id: UUID) -> None:
    """Nothing of this connection is due any more, until it is linked again. What was wrong before is no reason for it."""
    FeedCursor.objects.filter(connection_id=connection_id).update(
        due_at=None, asked_from="", last_problem=""
    )


def hint_accounts(*, account_ids: Sequence[UUID] | None, at: datetime, trace: str) -> int:
    """Something may have changed at these accounts (None: at any): read them now. How many feeds.

    What waits already keeps its place: an account that is spoken of again and again is not put back.
    """
    with connection.cursor() as cursor:
        # Locked in one order, so that two hints never wait for each other.
        cursor.execute(
            _HINT,
            {
                "bank": current_bank_id(),
                "accounts": None if account_ids is None else list(account_ids),
                "at": at,
                "before": at - HEAD_START,
                "trace": trace,
            },
        )
        return int(cursor.rowcount)


def ask_now(
    *,
    customer_id: UUID,
    account_ids: Sequence[UUID],
    kind: str,
    at: datetime,
    trace: str,
    asked_from: str = "",
) -> int:
    """The customer waits for this feed of these accounts: read it before the rest, and tell. How many feeds.

    Over their own connections alone, and where the bank does not want to be left alone for a while.
    """
    mine = FeedCursor.objects.filter(
        bank_id=current_bank_id(),
        account_id__in=account_ids,
        kind=kind,
        connection__customer_id=customer_id,
        due_at__isnull=False,
    ).exclude(connection__resume_at__gt=at)
    held = list(mine.select_for_update(no_key=True, of=("self",)).order_by("id"))
    return FeedCursor.objects.filter(id__in=[each.id for each in held]).update(
        due_at=Least("due_at", Value(at - HEAD_START)),
        hints=F("hints") + 1,
        trace=trace,
        asked_at=at,
        asked_from=asked_from,
    )


def hint_connection(*, connection_id: UUID, at: datetime, trace: str) -> int:
    """Something may have changed about this connection: ask the bank now."""
    return FeedCursor.objects.filter(connection_id=connection_id, due_at__isnull=False).update(
        due_at=at, hints=F("hints") + 1, trace=trace
    )


def failing_again_and_again(*, attempts: int) -> QuerySet[FeedCursor]:
    """The served bank's feeds that failed so many times in a row or more, and are still tried."""
    tried = FeedCursor.objects.filter(bank_id=current_bank_id(), due_at__isnull=False)
    return tried.filter(attempts__gte=attempts).exclude(last_problem="")


def bring_forward(rows: QuerySet[FeedCursor], *, at: datetime, at_most: int) -> int:
    """Make these due that wait for a later time, longest unread first; how many. Those that are due stay so.

    What somebody else has locked is being read, or made due, at this moment.
    """
    waiting = rows.filter(due_at__gt=at).order_by("ran_at", "id")
    held = waiting.select_for_update(no_key=True, skip_locked=True, of=("self",))
    ids = list(held.values_list("id", flat=True)[:at_most])
    return FeedCursor.objects.filter(id__in=ids).update(due_at=at)


def claim_due(*, at: datetime, lease: timedelta) -> Claim | None:
    """The longest waiting due cursor of the served bank; None where none is due or no slot is free."""
    bank_id = current_bank_id()
    with connection.cursor() as cursor:
        cursor.execute(
            _BUSY,
            {
                "bank": bank_id,
                "at": at,
                "lately": at - _TROUBLE_LASTS,
                "troubles": list(TROUBLES),
            },
        )
        busy, busy_for_long, in_trouble = cursor.fetchone()
        if busy >= (1 if in_trouble else SLOTS_PER_BANK):
            return None
        long_too = busy_for_long < _SLOTS_OF_LONG_ONES
        cursor.execute(
            _CLAIM, {"bank": bank_id, "at": at, "until": at + lease, "long_too": long_too}
        )
        found = cursor.fetchone()
    return Claim(*found) if found else None


def held_cursor(claim: Claim) -> FeedCursor:
    """The claimed row, locked. Raises LeaseLost where somebody else claimed it since."""
    row = FeedCursor.objects.select_for_update(no_key=True).get(pk=claim.cursor_id)
    if row.fence != claim.fence:
        raise LeaseLost
    return row


def move_on(row: FeedCursor, *, place: str, run_id: UUID, lease_until: datetime) -> None:
    """A page is stored and another follows."""
    row.cursor = place
    row.run_id = run_id
    row.lease_until = lease_until
    row.save(update_fields=["cursor", "run", "lease_until", *_OF_A_HISTORY, *_OF_ROWS_UNREAD])


def finish(
    row: FeedCursor,
    claim: Claim,
    *,
    covered_from: date | None,
    covered_until: date,
    at: datetime,
    next_at: datetime,
    place: str = "",
) -> None:
    """The bank answered in full: fresh as of now. A hint that came meanwhile makes it due at once.

    `place` is where the next reading goes on, of a feed that is one list for ever.
    """
    row.cursor = place
    row.run = None
    row.covered_from = covered_from
    row.covered_until = covered_until
    row.hints_seen = claim.hints
    row.fresh_as_of = at
    row.ran_at = at
    row.last_problem = ""
    row.attempts = 0
    row.lease_until = None
    hinted = row.hints > claim.hints
    if row.due_at is not None:
        row.due_at = at if hinted else next_at
    if not hinted:
        row.trace = ""
        row.asked_at = None
        row.asked_from = ""
    row.save()


def put_off(
    row: FeedCursor,
    *,
    problem: str,
    at: datetime,
    due_at: datetime | None,
    forget_place: bool,
    forget_history: bool = False,
) -> None:
    """Reading failed: `ran_at` moves, `fresh_as_of` does not. `due_at` None: only a new link wakes it.

    The place of a history that was put aside is not that of what failed: it is forgotten with `forget_history` alone.
    """
    row.last_problem = problem
    row.attempts += 1
    row.ran_at = at
    row.lease_until = None
    row.due_at = due_at
    row.asked_from = ""
    if forget_place:
        row.cursor = ""
        row.run = None
    if forget_history:
        row.history_place = ""
    row.save()


def budget_of(row: FeedCursor, claim: Claim) -> Budget:
    return Budget(claim.limit, row.calls, row.calls_left, row.calls_reset_at)


def take_call(claim: Claim, *, at: datetime) -> datetime | None:
    """Count a call that is about to be made while the customer is away; when it may be made, where not now.

    The pages that follow a list's first belong to its call: these wait for the bank's own word alone. Raises LeaseLost.
    """
    limit = None if claim.place and claim.run_id is not None else claim.limit
    if not is_counted(limit) and claim.calls_left is None:
        return None
    row = held_cursor(claim)
    if claim.limit is not None and can_be_told(claim.asked_from):
        return None
    budget = replace(budget_of(row, claim), limit=limit)
    free = free_at(budget, at=at, is_wanted=row.asked_at is not None)
    if free > at:
        return free
    if is_counted(limit):
        row.calls = [*recent_calls(row.calls, at=at), at]
        row.save(update_fields=["calls"])
    return None


def wait_for_call(claim: Claim, *, until: datetime, problem: str) -> None:
    """Nothing is asked before: nothing is wrong. Raises LeaseLost."""
    row = held_cursor(claim)
    row.lease_until = None
    if row.due_at is not None:
        row.due_at = until
    row.last_problem = problem
    row.save(update_fields=["lease_until", "due_at", "last_problem"])


def note_calls_left(
    claim: Claim, *, left: int, resets_at: datetime | None, due_at: datetime
) -> None:
    """What the bank said as it was asked, and when it is asked next for it; not where a hint came since. Raises LeaseLost."""
    row = held_cursor(claim)
    row.calls_left, row.calls_reset_at = left, resets_at
    if row.due_at is not None and row.hints <= row.hints_seen:
        row.due_at = max(row.due_at, due_at)
    row.save(update_fields=["calls_left", "calls_reset_at", "due_at"])


def held_history(*, connection_id: UUID, account_id: UUID) -> FeedCursor | None:
    """The place in an account's payments, locked, with its connection and bank; None where they are not read."""
    rows = FeedCursor.objects.select_related("connection__integration__bank")
    here = rows.filter(connection_id=connection_id, account_id=account_id, kind="transactions")
    return here.select_for_update(no_key=True, of=("self",)).first()


def held_place(cursor_id: UUID) -> FeedCursor | None:
    """A place in a feed of the served bank, locked, with its connection and integration."""
    rows = FeedCursor.objects.select_related("connection__integration").filter(pk=cursor_id)
    return rows.select_for_update(no_key=True, of=("self",)).first()


def take_from_workers(row: FeedCursor) -> None:
    """Whoever reads it just now stores nothing more; saving is the caller's. The customer is not there any more."""
    row.asked_from = ""
    row.fence += 1
    row.lease_until = None
    row.cursor = ""
    row.run = None
