"""How connections stand, one read for all of a page; and what fails again and again."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Max, Min, Q, QuerySet

from partners.banks.models import Bank
from partners.connections.models import Connection
from partners.feeds.budgets import gap
from partners.feeds.cursors import failing_again_and_again
from partners.feeds.models import FeedCursor
from partners.sharing.rules import Reason
from partners.sync.states import FAILING_AFTER, Facts, ReadFeed, Standing, standing_of

Key = TypeVar("Key")
_MOST_CAUSES = 20
_HELD_BACK = frozenset(each.value for each in Reason)


def standings(
    connections: Iterable[Connection], *, bank: Bank, at: datetime
) -> dict[UUID, Standing]:
    """How each of the bank's connections stands, by its id."""
    by_id = {each.id: each for each in connections}
    feeds = _feeds_by(by_id, lambda each: each.connection_id)
    return {
        key: _standing(connection, feeds.get(key, ()), bank=bank, at=at)
        for key, connection in by_id.items()
    }


def standings_by_account(
    connections: Iterable[Connection], *, bank: Bank, at: datetime
) -> dict[tuple[UUID, UUID], Standing]:
    """How each stands as far as one of its accounts goes, by both ids; none for what is not read by it."""
    by_id = {each.id: each for each in connections}
    feeds = _feeds_by(by_id, lambda each: (each.connection_id, each.account_id))
    return {
        key: _standing(by_id[key[0]], cursors, bank=bank, at=at) for key, cursors in feeds.items()
    }


def histories(connection_ids: Iterable[UUID]) -> dict[tuple[UUID, UUID], FeedCursor]:
    """Where reading the payments of each account stands, by the connection's id and the account's."""
    rows = FeedCursor.objects.filter(connection_id__in=list(connection_ids), kind="transactions")
    return {(each.connection_id, each.account_id): each for each in rows}


def standing_alone(connection: Connection, *, bank: Bank, at: datetime) -> Standing:
    """Of a connection by which nothing is read."""
    return _standing(connection, (), bank=bank, at=at)


@dataclass(frozen=True)
class Failing:
    """Feeds of one kind that fail for the same reason again and again; never whose they are."""

    kind: str
    problem: str
    accounts: int
    fresh_as_of: datetime | None
    ran_at: datetime | None
    next_at: datetime | None
    waiting: int


def failing(*, at: datetime) -> list[Failing]:
    """What the served bank's staff can do something about, most accounts first."""
    counted = (
        failing_feeds(at=at)
        .values("kind", "last_problem")
        .annotate(
            accounts=Count("account_id", distinct=True),
            fresh=Min("fresh_as_of"),
            ran=Max("ran_at"),
            next=Min("due_at"),
            waiting=Count("id", filter=Q(due_at__gt=at)),
        )
        .order_by("-accounts", "kind", "last_problem")
    )
    return [
        Failing(
            each["kind"],
            each["last_problem"],
            each["accounts"],
            each["fresh"],
            each["ran"],
            each["next"],
            each["waiting"],
        )
        for each in counted[:_MOST_CAUSES]
    ]


def failing_feeds(*, at: datetime) -> QuerySet[FeedCursor]:
    """Those that failed again and again: not by the gate's word, nor where the bank wants to be left alone."""
    known = failing_again_and_again(attempts=FAILING_AFTER)
    asked = known.exclude(last_problem__in=[*_HELD_BACK, "rate_limited"])
    return asked.exclude(connection__resume_at__gt=at)


def _feeds_by(
    connection_ids: Iterable[UUID], key_of: Callable[[FeedCursor], Key]
) -> dict[Key, list[FeedCursor]]:
    found: dict[Key, list[FeedCursor]] = {}
    rows = FeedCursor.objects.filter(connection_id__in=list(connection_ids))
    for each in rows.order_by("account_id", "kind"):
        found.setdefault(key_of(each), []).append(each)
    return found


def _standing(
    connection: Connection, cursors: Sequence[FeedCursor], *, bank: Bank, at: datetime
) -> Standing:
    facts = Facts(
        status=connection.status,
        authorised_until=connection.authorised_until,
        resume_at=connection.resume_at,
        admitted=bank.status == Bank.Status.ADMITTED,
        feeds=[_feed(each, at) for each in cursors],
        held_back=_HELD_BACK,
    )
    every = max(settings.SWEEP_INTERVAL, gap(connection.calls_a_day))
    return standing_of(facts, at=at, every=every)


def _feed(row: FeedCursor, at: datetime) -> ReadFeed:
    held = row.lease_until is not None and row.lease_until > at
    return ReadFeed(
        due_at=row.due_at,
        fresh_as_of=row.fresh_as_of,
        ran_at=row.ran_at,
        problem=row.last_problem,
        attempts=row.attempts,
        under_way=held or row.run_id is not None,
        unreadable=row.unreadable_rows,
    )
