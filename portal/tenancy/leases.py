"""Keeping a claimed row for as long as its work takes, and letting go of it by dying."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, connections
from django.db.models import QuerySet

from portal.tenancy.blocks import current_bank_id, serving
from portal.tenancy.models import QueueModel

logger = logging.getLogger(__name__)

# A worker that is killed holds its row for at most so long; one that waits for a slow bank asks for more.
LEASE = timedelta(seconds=15)
_RENEWED_EVERY = 5.0


class LeaseLost(Exception):  # named for what happened
    """Another worker has claimed the row since: what this one learnt is not to be stored."""


def hold(model: type[QueueModel], row_id: UUID, *, fence: int, until: datetime) -> None:
    """Keep the lease for longer. Raises LeaseLost where somebody else claimed the row since."""
    mine: QuerySet[QueueModel] = QuerySet(model).filter(
        bank_id=current_bank_id(), pk=row_id, fence=fence, lease_until__isnull=False
    )
    if not mine.update(lease_until=until):
        raise LeaseLost


@contextmanager
def kept(
    model: type[QueueModel],
    row_id: UUID,
    *,
    fence: int,
    bank_id: UUID,
    clock: Callable[[], datetime],
) -> Iterator[None]:
    """Keep the lease while the block runs, however long the bank takes."""

    def renew() -> None:
        with serving(bank_id):
            hold(model, row_id, fence=fence, until=clock() + LEASE)

    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(renew, over), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()


def _keep(renew: Callable[[], None], over: threading.Event) -> None:
    while not over.wait(_RENEWED_EVERY):
        try:
            renew()
        except LeaseLost:
            return
        except DatabaseError as problem:
            logger.warning("a lease could not be renewed: %s", type(problem).__name__)
        finally:
            connections.close_all()
