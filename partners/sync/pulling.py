"""Reading what is due: claim, ask the gate, ask the bank with no transaction open, store and write down.

The gate is asked before each page is, and in the transaction that stores one: what was ended meanwhile
is not kept.

One slow bank holds at most its slots, and one alone once it is known to be in trouble; each feed has
its own back-off. A worker that dies here leaves a lease that ends, and a repeat changes nothing.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import DatabaseError

from partners.connections.line import Line, Told, ask, open_line
from partners.connectors.base import (
    AuthorisationRevoked,
    BadAnswer,
    BadCursor,
    BankRefused,
    Connector,
    ConnectorFailure,
    DayUsedUp,
    Grant,
    PagesMoved,
    PeriodRefused,
    RateLimited,
    ReceiptPage,
    RejectedRow,
    ShipmentPage,
    Steps,
    TemporarilyUnavailable,
    TransactionPage,
    TransactionRecord,
)
from partners.connectors.catalogue import IN_ONE_LINE
from partners.feeds.budgets import Budget, can_be_told, next_at
from partners.feeds.cursors import (
    Claim,
    claim_due,
    held_cursor,
    note_calls_left,
    take_call,
    wait_for_call,
)
from partners.feeds.models import FeedCursor
from partners.ledger.models import Account
from partners.ledger.queries import pending_since
from partners.sharing.rules import Reason
from partners.sync.actions import (
    Begun,
    ReadPage,
    begin_later,
    end_turn,
    note_failure,
    store_balances,
    store_page,
    store_updates,
)
from partners.sync.facts import facts_beside, read_facts
from partners.sync.permission import (
    NotToBeRead,
    note_first_refusal,
    note_reading,
    require_permission,
)
from partners.sync.rules import GIVEN_AT_ANY_TIME, read_since
from partners.sync.states import CALLS_USED_UP, HISTORY_HELD, LINK_AGAIN
from portal.telemetry.measures import READINGS
from portal.telemetry.traces import span
from portal.tenancy.blocks import NotServed, Served, serving, serving_customer
from portal.tenancy.leases import LEASE, LeaseLost, kept

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]


MAX_PAGES = 200
# Of what is kept as a whole alone: no more of it is held in memory.
MAX_KEPT_ROWS = 10_000
# Of a first reading; so long may what is shown of its progress stand still.
_KEPT_AT_ONCE, _KEPT_EVERY_SECONDS = 10_000, 2.0
# A bank that never stands still is asked again later.
_MOST_BEGINNINGS = 5
_OF_THE_BANK = (Reason.BANK_SUSPENDED, Reason.BANK_NOT_SHARING)
# A worker's task ends at ninety seconds: a long reading stops before, and goes on in the next one.
_BUDGET_SECONDS = 45
# So long do feeds that are due wait for a long one that goes on wherever it stopped.
_TURN_SECONDS = 15


class HistoryHeld(Exception):  # named for what is so
    """Staff hold the history back, and this bank cannot be asked for what is new alone."""


class CallsUsedUp(Exception):  # named for what is so
    """Of what the bank allows a day, nothing is left for this but what is kept for the customer."""

    def __init__(self, free_at: datetime) -> None:
        super().__init__(CALLS_USED_UP)
        self.free_at = free_at


@dataclass(frozen=True)
class _Reading:
    """One feed of one account, about to be read."""

    bank_id: UUID
    claim: Claim
    begun: Begun
    account_external_id: str
    since: date
    today: date
    line: Line | None
    clock: Clock
    told: Told = field(default_factory=Told)

    def serving(self) -> AbstractContextManager[Served]:
        """One transaction with the reach of the customer whose authorisation is read with."""
        return serving_customer(self.bank_id, self.claim.customer_id)


def pull_bank(*, bank_id: UUID, clock: Clock, at_most: int = 50) -> int:
    """Read the bank's due feeds one by one; stops when the bank is in trouble. How many were read."""
    started = time.monotonic()
    for done in range(at_most):
        if time.monotonic() - started > _BUDGET_SECONDS:
            return done
        at = clock()
        with serving(bank_id):
            claim = claim_due(at=at, lease=LEASE)
            line = None if claim is None else _line_of(claim, at)
        if claim is None:
            return done
        with span("read a feed", trace=claim.trace, feed=claim.kind):
            goes_on = pull(bank_id=bank_id, claim=claim, clock=clock, line=line)
        if not goes_on:
            return done + 1
    return at_most


def _line_of(claim: Claim, at: datetime) -> Line | None:
    """The line to the bank, opened while its block is open. What is wrong with it is said when we ask."""
    try:
        return open_line(claim.connection_id, at=at)
    except DatabaseError:
        raise
    except Exception:  # noqa: BLE001  # a claim is not given back for it
        return None


def pull(*, bank_id: UUID, claim: Claim, clock: Clock, line: Line | None = None) -> bool:
    """Read one claimed feed as far as the budget goes; False where the bank itself is in trouble."""
    begun = Begun(clock(), None, claim.run_id) if claim.place else None
    try:
        reading = _begin(bank_id, claim, clock, line)
        begun = reading.begun
        with kept(FeedCursor, claim.cursor_id, fence=claim.fence, bank_id=bank_id, clock=clock):
            read_facts(claim, at=begun.at, clock=clock)
            _read(reading)
        _note_calls_left(reading)
        READINGS.labels(claim.kind, "complete").inc()
    except (LeaseLost, NotServed):
        # Somebody else's by now, or nobody's: the customer is gone with all of theirs.
        return True
    except NotToBeRead as refused:
        _not_to_be_read(bank_id, claim, begun, refused, clock)
    except (AuthorisationRevoked, HistoryHeld) as reason:
        problem = HISTORY_HELD if isinstance(reason, HistoryHeld) else LINK_AGAIN
        _fail(bank_id, claim, begun, problem, clock, ended=True)
    except CallsUsedUp as used:
        _wait(bank_id, claim, used.free_at)
    except TemporarilyUnavailable as failure:
        problem = "rate_limited" if isinstance(failure, RateLimited) else "unavailable"
        _note_day_used_up(bank_id, claim, failure, clock())
        _fail(bank_id, claim, begun, problem, clock, retry_after=failure.retry_after)
        return isinstance(failure, RateLimited)
    except ConnectorFailure as failure:
        bad_place = isinstance(failure, BadCursor)
        _fail(bank_id, claim, begun, _word(failure), clock, forget_place=bad_place)
    except Exception:
        # One feed that we cannot cope with must not stop the bank's others.
        logger.exception("feed %s could not be read", claim.cursor_id)
        _fail(bank_id, claim, begun, "internal", clock, forget_place=True)
    return True


def _wait(bank_id: UUID, claim: Claim, until: datetime) -> None:
    READINGS.labels(claim.kind, CALLS_USED_UP).inc()
    with suppress(LeaseLost), serving(bank_id):
        wait_for_call(claim, until=until, problem=CALLS_USED_UP)


def _note_calls_left(reading: _Reading) -> None:
    """Where the bank counts our calls and said how many are left, the next one is not before its time."""
    told = reading.told.calls_left
    if told is None:
        return
    at = reading.clock()
    resets_at = None if told.resets_in is None else at + told.resets_in
    budget = Budget(reading.claim.limit, left=told.left, resets_at=resets_at)
    with serving(reading.bank_id):
        note_calls_left(
            reading.claim,
            left=told.left,
            resets_at=resets_at,
            due_at=next_at(budget, at=at, every=settings.SWEEP_INTERVAL),
        )


def _note_day_used_up(
    bank_id: UUID, claim: Claim, failure: TemporarilyUnavailable, at: datetime
) -> None:
    """Whatever makes it due again waits for the bank's next day; a customer who can be said to be there does not."""
    if not isinstance(failure, DayUsedUp) or failure.retry_after is None:
        return
    if claim.limit is None or can_be_told(claim.asked_from):
        return
    until = at + failure.retry_after
    with suppress(LeaseLost), serving(bank_id):
        note_calls_left(claim, left=0, resets_at=until, due_at=until)


def _word(failure: ConnectorFailure) -> str:
    match failure:
        case BankRefused():
            return f"refused {failure.code}"[:60]
        case BadAnswer():
            return "bad_answer"
        case BadCursor():
            return "bad_cursor"
        case _:
            return "refused"


def _begin(bank_id: UUID, claim: Claim, clock: Clock, line: Line | None) -> _Reading:
    at = clock()
    if claim.history and claim.connector in IN_ONE_LINE:
        raise HistoryHeld
    with serving_customer(bank_id, claim.customer_id):
        allowed = require_permission(claim, at=at)
        account = Account.objects.select_related("bank").get(pk=claim.account_id)
        free_at = take_call(claim, at=at)
        waiting = pending_since(account.id) if _is_window(claim) else None
    if free_at is not None:
        raise CallsUsedUp(free_at)
    today = at.astimezone(ZoneInfo(account.bank.time_zone)).date()
    since = read_since(
        covered_until=claim.covered_until,
        history_from=allowed.history_from[claim.account_id],
        today=today,
        pending_since=waiting,
        given_from=claim.given_from,
    )
    begun = Begun(at, since, claim.run_id if claim.place else None)
    return _Reading(bank_id, claim, begun, account.external_id, since, today, line, clock)


def _is_window(claim: Claim) -> bool:
    """Whether it is read from a day on: no history, no more pages, and no changes alone."""
    return claim.kind == "transactions" and claim.covered_until is not None and not claim.place


def _read(reading: _Reading) -> None:
    match reading.claim.kind:
        case "balances":
            _read_balances(reading)
        case "receipts" | "shipments":
            _read_updates(reading)
        case _:
            try:
                _read_transactions(reading)
            except PeriodRefused:
                if not _begins_later(reading):
                    raise


def _begins_later(reading: _Reading) -> bool:
    """Let it be asked anew for the days that banks give at any time; False where no more than these were asked for."""
    given_from = reading.today - GIVEN_AT_ANY_TIME
    if reading.since >= given_from:
        return False
    with serving(reading.bank_id):
        begin_later(reading.claim, given_from=given_from, at=reading.clock())
    return True


def _read_balances(reading: _Reading) -> None:
    records = ask(
        reading.bank_id,
        reading.claim.connection_id,
        lambda connector, grant: connector.balances(
            grant=replace(grant, customer_ip=reading.claim.asked_from),
            account_external_id=reading.account_external_id,
        ),
        clock=reading.clock,
        line=reading.line,
        told=reading.told,
    )
    at = reading.clock()
    with reading.serving():
        allowed = require_permission(reading.claim, at=at)
        news = store_balances(reading.claim, records, begun=reading.begun, at=at)
        note_reading(reading.claim, allowed, news=news)
        facts_beside(reading.claim, records, at=at)


def _read_updates(reading: _Reading) -> None:
    """What was told of receipts or shipments since the last reading, page by page, each stored at once."""
    started = time.monotonic()
    place, begun = reading.claim.place, reading.begun
    for number in range(MAX_PAGES):
        page = _ask_updates(reading, place, line=None if number else reading.line)
        place = page.cursor
        at = reading.clock()
        with reading.serving():
            allowed = require_permission(reading.claim, at=at)
            begun, stored = store_updates(reading.claim, page, begun=begun, at=at, lease=LEASE)
            note_reading(reading.claim, allowed, news=stored.added + stored.modified)
        if not page.has_more:
            return
        if time.monotonic() - started > _TURN_SECONDS:
            break
    with serving(reading.bank_id):
        end_turn(reading.claim, at=reading.clock())


def _ask_updates(
    reading: _Reading, place: str, *, line: Line | None
) -> ReceiptPage | ShipmentPage:
    def operation(connector: Connector, grant: Grant) -> Steps[ReceiptPage | ShipmentPage]:
        account = reading.account_external_id
        if reading.claim.kind == "receipts":
            receipts = yield from connector.receipts(
                grant=grant, account_external_id=account, after=place
            )
            return receipts
        shipments = yield from connector.shipments(
            grant=grant, account_external_id=account, after=place
        )
        return shipments

    connection_id = reading.claim.connection_id
    return ask(reading.bank_id, connection_id, operation, clock=reading.clock, line=line)


def _read_transactions(reading: _Reading) -> None:
    """Page by page. A first reading stores as it goes; a later one its whole window at once.

    Only a whole window shows which ids the bank lists no more. Rows without ids wait for the whole too,
    and so does a round of changes: where it moves while it is paged, it is read again from its beginning.
    The first page of a first reading is there at once; after it, pages are stored some at a time, and before
    a failure: of a bank that answers so many calls and no more, no page is asked for twice.
    """
    started = stored = time.monotonic()
    place = reading.claim.place
    from_the_start, moved = not place, 0
    rows, begun, gathers = _Rows(), reading.begun, False
    for number in range(MAX_PAGES):
        try:
            # Tokens may have been renewed since the first page.
            page = _ask_page(reading, place, line=None if number else reading.line)
        except PagesMoved:
            moved += 1
            place, rows = _where_it_began(reading, begun, moved), _Rows()
            continue
        except ConnectorFailure:
            if gathers and rows.pages and not rows.waits:
                _store(reading, rows.page(None, place), begun)
            raise
        rows.add(page)
        place = page.next_cursor or ""
        whole = from_the_start and (rows.in_rounds or reading.claim.covered_until is not None)
        tired = rows.are_a_turn(whole=whole, since=started)
        gathers = not whole and begun.run_id is not None and not rows.is_enough(since=stored)
        if place and not tired and (whole or rows.waits or gathers):
            with reading.serving():
                held_cursor(reading.claim)
                require_permission(reading.claim, at=reading.clock())
            continue
        window = _window(reading, rows, page) if whole and not place else None
        begun = _store(reading, rows.page(window, place), begun)
        if not place:
            return
        if tired:
            with serving(reading.bank_id):
                end_turn(reading.claim, at=reading.clock())
            return
        rows, stored = _Rows(), time.monotonic()
    raise BadAnswer("more pages than an account can have")


def _window(reading: _Reading, rows: "_Rows", page: TransactionPage) -> date:
    """From which day on these are all that the bank lists. A round from its beginning lists all that there is."""
    since = max(reading.since, page.covered_from)
    return min([since, *(each.booked_on for each in rows.records)]) if rows.in_rounds else since


def _where_it_began(reading: _Reading, begun: Begun, moved: int) -> str:
    """The place of the round's first page. Raises PagesMoved, and BadCursor where some of it is kept.

    What was kept may have gone since, and a round that begins anew does not say so: all is read again.
    """
    if begun.run_id is not None:
        raise BadCursor
    if moved > _MOST_BEGINNINGS:
        raise PagesMoved
    return reading.claim.place


def _ask_page(reading: _Reading, place: str, *, line: Line | None) -> TransactionPage:
    def operation(connector: Connector, grant: Grant) -> Steps[TransactionPage]:
        account = reading.account_external_id
        grant = replace(grant, customer_ip=reading.claim.asked_from)
        if place:
            return connector.more_transactions(
                grant=grant, account_external_id=account, cursor=place
            )
        return connector.transactions(
            grant=grant, account_external_id=account, since=reading.since
        )

    connection_id = reading.claim.connection_id
    try:
        return ask(
            reading.bank_id,
            connection_id,
            operation,
            clock=reading.clock,
            line=line,
            told=reading.told,
        )
    except PeriodRefused:
        if place:
            raise BadCursor from None  # asked from the beginning it says whether it is the days
        raise


def _store(reading: _Reading, page: ReadPage, begun: Begun) -> Begun:
    at = reading.clock()
    with reading.serving():
        allowed = require_permission(reading.claim, at=at)
        page = replace(page, since=allowed.history_from[reading.claim.account_id])
        begun, merged = store_page(reading.claim, page, begun=begun, at=at, lease=LEASE)
        note_reading(reading.claim, allowed, news=len(merged.added) + len(merged.modified))
    return begun


def _fail(
    bank_id: UUID,
    claim: Claim,
    begun: Begun | None,
    problem: str,
    clock: Clock,
    *,
    retry_after: timedelta | None = None,
    ended: bool = False,
    forget_place: bool = False,
) -> None:
    logger.info("feed %s: %s", claim.cursor_id, problem)
    READINGS.labels(claim.kind, problem.partition(" ")[0]).inc()
    with serving(bank_id):
        note_failure(
            claim,
            begun=begun,
            problem=problem,
            at=clock(),
            retry_after=retry_after,
            ended=ended,
            forget_place=forget_place,
        )


def _not_to_be_read(
    bank_id: UUID, claim: Claim, begun: Begun | None, refused: NotToBeRead, clock: Clock
) -> None:
    """It may be shared again at any time, and the bank is not asked until then: looking is cheap."""
    READINGS.labels(claim.kind, refused.reason).inc()
    with serving(bank_id):
        is_ours = note_failure(
            claim,
            begun=begun,
            problem=refused.reason,
            at=clock(),
            # How far back may be read can be another day when it may be read again.
            forget_place=claim.kind == "transactions",
            # A bank that shares nothing for a while has changed nothing of what the customer allows.
            forget_history=refused.refused.reason not in _OF_THE_BANK,
            no_later_than=settings.SWEEP_INTERVAL,
        )
        if is_ours:
            note_first_refusal(claim, refused.refused)


class _Rows:
    """Rows read and not yet stored."""

    def __init__(self) -> None:
        self.records: list[TransactionRecord] = []
        self.rejected: list[RejectedRow] = []
        self.removed: list[str] = []
        self.stays = ""
        self.pages = 0

    @property
    def in_rounds(self) -> bool:
        return bool(self.stays)

    @property
    def waits(self) -> bool:
        """Whether these are kept with all of their reading alone."""
        return self.in_rounds or any(each.external_id is None for each in self.records)

    def is_enough(self, *, since: float) -> bool:
        """Whether these are to be stored, though more follow: what it costs to store is paid for so many."""
        return len(self.records) >= _KEPT_AT_ONCE or time.monotonic() - since > _KEPT_EVERY_SECONDS

    def are_a_turn(self, *, whole: bool, since: float) -> bool:
        """Whether the bank's other feeds are read before more is. What is kept as a whole alone has a longer one."""
        took = time.monotonic() - since
        if whole or self.waits:
            return len(self.records) > MAX_KEPT_ROWS or took > _BUDGET_SECONDS
        return took > _TURN_SECONDS

    def add(self, page: TransactionPage) -> None:
        self.records += page.records
        self.rejected += page.rejected
        self.pages += 1
        if page.round is not None:
            self.removed += page.round.removed
            self.stays = page.round.place

    def page(self, window_from: date | None, next_place: str) -> ReadPage:
        return ReadPage(
            self.records,
            self.rejected,
            window_from,
            next_place,
            self.pages,
            removed=self.removed,
            stays=self.stays,
        )
