"""How connections stand: one read for all of a page."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from django.conf import settings

from partners.banks.models import Bank
from partners.connections.models import Connection
from partners.feeds.models import FeedCursor
from partners.sharing.rules import Reason
from partners.sync.states import Facts, ReadFeed, Standing, standing_of

Key = TypeVar("Key")
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


def standing_alone(connection: Connection, *, bank: Bank, at: datetime) -> Standing:
    """Of a connection by which nothing is read."""
    return _standing(connection, (), bank=bank, at=at)


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
    return standing_of(facts, at=at, every=settings.SWEEP_INTERVAL)


def _feed(row: FeedCursor, at: datetime) -> ReadFeed:
    held = row.lease_until is not None and row.lease_until > at
    return ReadFeed(
        due_at=row.due_at,
        fresh_as_of=row.fresh_as_of,
        ran_at=row.ran_at,
        problem=row.last_problem,
        attempts=row.attempts,
        under_way=held or row.run_id is not None,
    )
