"""Reading what is due: claim, ask the gate, ask the bank with no transaction open, store and write down.

The gate is asked before each page is, and in the transaction that stores one: what was ended meanwhile
is not kept.

One slow bank holds at most its slots, and one alone once it is known to be in trouble; each feed has
its own back-off. A worker that dies here leaves a lease that ends, and a repeat changes nothing.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from partners.banks.models import Bank
from partners.connections.line import ask
from partners.connectors.base import (
    AuthorisationRevoked,
    BadAnswer,
    BadCursor,
    BankRefused,
    Connector,
    ConnectorFailure,
    RateLimited,
    ReceiptPage,
    RejectedRow,
    ShipmentPage,
    Steps,
    TemporarilyUnavailable,
    TransactionPage,
    TransactionRecord,
)
from partners.feeds.cursors import Claim, LeaseLost, claim_due
from partners.ledger.models import Account
from partners.sync.actions import (
    ReadPage,
    begin_run,
    hold_on,
    note_failure,
    pause,
    store_balances,
    store_page,
    store_updates,
)
from partners.sync.permission import (
    NotToBeRead,
    note_first_refusal,
    note_reading,
    require_permission,
)
from partners.sync.rules import read_since
from portal.telemetry.measures import READINGS
from portal.telemetry.traces import span
from portal.tenancy.blocks import NotServed, Served, serving, serving_customer

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]


MAX_PAGES = 200
MAX_KEPT_ROWS = 10_000
# A worker's task ends at ninety seconds: a long reading stops before, and goes on in the next one.
_BUDGET_SECONDS = 45


def lease() -> timedelta:
    """Longer than one request with a renewed token can take."""
    return timedelta(seconds=6 * settings.BANK_TIMEOUT_SECONDS + 10)


@dataclass(frozen=True)
class _Reading:
    """One feed of one account, about to be read."""

    bank_id: UUID
    claim: Claim
    run_id: UUID
    account_external_id: str
    since: date
    clock: Clock

    def serving(self) -> AbstractContextManager[Served]:
        """One transaction with the reach of the customer whose authorisation is read with."""
        return serving_customer(self.bank_id, self.claim.customer_id)


def pull_bank(*, bank_id: UUID, clock: Clock, at_most: int = 50) -> int:
    """Read the bank's due feeds one by one; stops when the bank is in trouble. How many were read."""
    started = time.monotonic()
    for done in range(at_most):
        if time.monotonic() - started > _BUDGET_SECONDS:
            return done
        with serving(bank_id):
            claim = claim_due(at=clock(), lease=lease())
        if claim is None:
            return done
        with span("read a feed", trace=claim.trace, feed=claim.kind):
            goes_on = pull(bank_id=bank_id, claim=claim, clock=clock)
        if not goes_on:
            return done + 1
    return at_most


def pull(*, bank_id: UUID, claim: Claim, clock: Clock) -> bool:
    """Read one claimed feed as far as the budget goes; False where the bank itself is in trouble."""
    run_id = claim.run_id if claim.place else None
    try:
        reading = _begin(bank_id, claim, clock)
        run_id = reading.run_id
        _read(reading)
        READINGS.labels(claim.kind, "complete").inc()
    except (LeaseLost, NotServed):
        # Somebody else's by now, or nobody's: the customer is gone with all of theirs.
        return True
    except NotToBeRead as refused:
        _not_to_be_read(bank_id, claim, run_id, refused, clock)
    except AuthorisationRevoked:
        _fail(bank_id, claim, run_id, "link_again", clock, ended=True)
    except TemporarilyUnavailable as failure:
        problem = "rate_limited" if isinstance(failure, RateLimited) else "unavailable"
        _fail(bank_id, claim, run_id, problem, clock, retry_after=failure.retry_after)
        return isinstance(failure, RateLimited)
    except ConnectorFailure as failure:
        bad_place = isinstance(failure, BadCursor)
        _fail(bank_id, claim, run_id, _word(failure), clock, forget_place=bad_place)
    except Exception:
        # One feed that we cannot cope with must not stop the bank's others.
        logger.exception("feed %s could not be read", claim.cursor_id)
        _fail(bank_id, claim, run_id, "internal", clock, forget_place=True)
    return True


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


def _begin(bank_id: UUID, claim: Claim, clock: Clock) -> _Reading:
    at = clock()
    with serving_customer(bank_id, claim.customer_id):
        allowed = require_permission(claim, at=at)
        bank = Bank.objects.get(pk=bank_id)
        account = Account.objects.get(pk=claim.account_id)
        since = read_since(
            covered_until=claim.covered_until,
            history_from=allowed.history_from[claim.account_id],
            today=at.astimezone(ZoneInfo(bank.time_zone)).date(),
        )
        run_id = begin_run(claim, covers_from=since, at=at)
    return _Reading(bank_id, claim, run_id, account.external_id, since, clock)


def _read(reading: _Reading) -> None:
    match reading.claim.kind:
        case "balances":
            _read_balances(reading)
        case "receipts" | "shipments":
            _read_updates(reading)
        case _:
            _read_transactions(reading)


def _read_balances(reading: _Reading) -> None:
    records = ask(
        reading.bank_id,
        reading.claim.connection_id,
        lambda connector, token: connector.balances(
            access_token=token, account_external_id=reading.account_external_id
        ),
        clock=reading.clock,
    )
    at = reading.clock()
    with reading.serving():
        allowed = require_permission(reading.claim, at=at)
        news = store_balances(reading.claim, records, run_id=reading.run_id, at=at)
        note_reading(reading.claim, allowed, news=news)


def _read_updates(reading: _Reading) -> None:
    """What was told of receipts or shipments since the last reading, page by page, each stored at once."""
    started = time.monotonic()
    place = reading.claim.place
    for _ in range(MAX_PAGES):
        page = _ask_updates(reading, place)
        place = page.cursor
        with serving(reading.bank_id):
            store_updates(
                reading.claim, page, run_id=reading.run_id, at=reading.clock(), lease=lease()
            )
        if not page.has_more:
            return
        if time.monotonic() - started > _BUDGET_SECONDS:
            break
    with serving(reading.bank_id):
        pause(reading.claim)


def _ask_updates(reading: _Reading, place: str) -> ReceiptPage | ShipmentPage:
    def operation(connector: Connector, token: str) -> Steps[ReceiptPage | ShipmentPage]:
        account = reading.account_external_id
        if reading.claim.kind == "receipts":
            receipts = yield from connector.receipts(
                access_token=token, account_external_id=account, after=place
            )
            return receipts
        shipments = yield from connector.shipments(
            access_token=token, account_external_id=account, after=place
        )
        return shipments

    connection_id = reading.claim.connection_id
    return ask(reading.bank_id, connection_id, operation, clock=reading.clock)


def _read_transactions(reading: _Reading) -> None:
    """Page by page. A first reading stores each page; a later one its whole window at once.

    Only a whole window shows which ids the bank lists no more. Rows without ids wait for the whole too.
    """
    started = time.monotonic()
    place = reading.claim.place
    whole = reading.claim.covered_until is not None and not place
    kept = _Kept()
    for _ in range(MAX_PAGES):
        page = _ask_page(reading, place)
        kept.add(page)
        place = page.next_cursor or ""
        tired = len(kept.records) > MAX_KEPT_ROWS or time.monotonic() - started > _BUDGET_SECONDS
        if place and not tired and (whole or kept.nameless):
            at = reading.clock()
            with reading.serving():
                require_permission(reading.claim, at=at)
                hold_on(reading.claim, until=at + lease())
            continue
        window = max(reading.since, page.covered_from) if whole and not place else None
        _store(reading, kept.page(window, place))
        if not place:
            return
        if tired:
            with serving(reading.bank_id):
                pause(reading.claim)
            return
        kept = _Kept()
    raise BadAnswer("more pages than an account can have")


def _ask_page(reading: _Reading, place: str) -> TransactionPage:
    def operation(connector: Connector, token: str) -> Steps[TransactionPage]:
        account = reading.account_external_id
        if place:
            return connector.more_transactions(
                access_token=token, account_external_id=account, cursor=place
            )
        return connector.transactions(
            access_token=token, account_external_id=account, since=reading.since
        )

    connection_id = reading.claim.connection_id
    return ask(reading.bank_id, connection_id, operation, clock=reading.clock)


def _store(reading: _Reading, page: ReadPage) -> None:
    at = reading.clock()
    with reading.serving():
        allowed = require_permission(reading.claim, at=at)
        merged = store_page(reading.claim, page, run_id=reading.run_id, at=at, lease=lease())
        note_reading(reading.claim, allowed, news=len(merged.added) + len(merged.modified))


def _fail(
    bank_id: UUID,
    claim: Claim,
    run_id: UUID | None,
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
            run_id=run_id,
            problem=problem,
            at=clock(),
            retry_after=retry_after,
            ended=ended,
            forget_place=forget_place,
        )


def _not_to_be_read(
    bank_id: UUID, claim: Claim, run_id: UUID | None, refused: NotToBeRead, clock: Clock
) -> None:
    """It may be shared again at any time, and the bank is not asked until then: looking is cheap."""
    READINGS.labels(claim.kind, refused.reason).inc()
    with serving(bank_id):
        is_ours = note_failure(
            claim,
            run_id=run_id,
            problem=refused.reason,
            at=clock(),
            forget_place=True,
            no_later_than=settings.SWEEP_INTERVAL,
        )
        if is_ours:
            note_first_refusal(claim, refused.refused)


class _Kept:
    """Rows read and not yet stored."""

    def __init__(self) -> None:
        self.records: list[TransactionRecord] = []
        self.rejected: list[RejectedRow] = []
        self.pages = 0

    @property
    def nameless(self) -> bool:
        return any(each.external_id is None for each in self.records)

    def add(self, page: TransactionPage) -> None:
        self.records += page.records
        self.rejected += page.rejected
        self.pages += 1

    def page(self, window_from: date | None, next_place: str) -> ReadPage:
        return ReadPage(self.records, self.rejected, window_from, next_place, self.pages)
