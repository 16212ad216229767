"""Keeping a claimed feed for as long as its bank is being asked, and letting go of it by dying."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import DatabaseError, connections

from partners.feeds.cursors import Claim, LeaseLost, hold
from portal.tenancy.blocks import serving

logger = logging.getLogger(__name__)

# A worker that is killed holds its feed for at most so long; one that waits for a slow bank asks for more.
LEASE = timedelta(seconds=15)
_RENEWED_EVERY = 5.0


@contextmanager
def kept(bank_id: UUID, claim: Claim, *, clock: Callable[[], datetime]) -> Iterator[None]:
    """Keep the lease while the block runs, however long the bank takes."""
    over = threading.Event()
    keeper = threading.Thread(target=_keep, args=(bank_id, claim, clock, over), daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()


def _keep(
    bank_id: UUID, claim: Claim, clock: Callable[[], datetime], over: threading.Event
) -> None:
    while not over.wait(_RENEWED_EVERY):
        try:
            with serving(bank_id):
                hold(claim, until=clock() + LEASE)
        except LeaseLost:
            return
        except DatabaseError as problem:
            logger.warning("a lease could not be renewed: %s", type(problem).__name__)
        finally:
            connections.close_all()
