"""What lies at the bank and nothing here uses any more: kept with what ended it, and told until the bank listens."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from partners.banks.models import Customer
from partners.connections.linking import alone_with
from partners.connections.models import Connection, SpareConsent
from partners.connections.queries import allowed_until, connections_to_look_at, to_be_told
from partners.connections.rules import AUTHORISED_FOR, SETTLES_IN, told_again_at
from partners.connectors.base import ConnectorFailure
from partners.feeds.cursors import stop_reading
from partners.integrations.queries import connector_of
from partners.integrations.runner import run
from portal.tenancy.blocks import serving
from portal.tenancy.ids import new_id

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_MOST_TOLD, _MOST_LOOKED_AT = 50, 200
# Whoever lays it aside tells the bank first; the sweep does where they did not come to it.
_IN_HAND = timedelta(minutes=1)


def lay_aside(
    integration_id: UUID,
    external_consent_id: str,
    *,
    at: datetime,
    spare_id: UUID | None = None,
    due_at: datetime | None = None,
) -> UUID:
    """Keep, in the commit with which its use ends, that the bank has to be told; then `tell` it, with none open."""
    row = SpareConsent(
        id=spare_id or new_id(),
        integration_id=integration_id,
        external_consent_id=external_consent_id,
        since=at,
        due_at=due_at or at + _IN_HAND,
    )
    SpareConsent.objects.bulk_create([row], ignore_conflicts=True)
    return row.id


def tell(*, bank_id: UUID, spare_id: UUID, at: datetime) -> bool:
    """End it at the bank; False where that does not listen, and is told again later. Opens its own blocks.

    Said twice it is over all the same: of what is gone a bank says so, and that is as good.
    """
    with serving(bank_id):
        row = SpareConsent.objects.select_related("integration__bank").filter(pk=spare_id).first()
        if row is None:
            return True
        connector = connector_of(row.integration)
    try:
        run(connector.revoke_consent(bank_consent_id=row.external_consent_id))
    except ConnectorFailure as failure:
        logger.info("a spare consent is still at the bank: %s", type(failure).__name__)
        with serving(bank_id):
            SpareConsent.objects.filter(pk=spare_id).update(
                attempts=row.attempts + 1, due_at=told_again_at(at=at, attempts=row.attempts)
            )
        return False
    with serving(bank_id):
        SpareConsent.objects.filter(pk=spare_id).delete()
    return True


def tell_due(*, bank_id: UUID, clock: Clock) -> int:
    """Tell the bank of what is due; how many it took. One that does not listen is left alone until the next sweep."""
    with serving(bank_id):
        at = clock()
        # No authorisation is asked for longer: by then it has ended by itself.
        SpareConsent.objects.filter(since__lte=at - AUTHORISED_FOR).delete()
        due = list(to_be_told(at).values_list("id", flat=True)[:_MOST_TOLD])
    for told, spare_id in enumerate(due):
        if not tell(bank_id=bank_id, spare_id=spare_id, at=clock()):
            return told
    return len(due)


def look_soon(*, customer_id: UUID, at: datetime) -> None:
    """What this customer allows has changed: look whether their connections are for anything, shortly after."""
    due = at + SETTLES_IN
    theirs = Connection.objects.filter(customer_id=customer_id, look_at__gt=due)
    theirs.filter(status=Connection.Status.ACTIVE).update(look_at=due)


def end_unused(*, bank_id: UUID, clock: Clock) -> int:
    """End connections of which nothing is allowed any more, each in a block of its own; how many.

    Their tokens are forgotten with that, and the bank is told by the sweep.
    """
    with serving(bank_id):
        found = connections_to_look_at(clock()).values_list("id", "customer_id")
        due = list(found[:_MOST_LOOKED_AT])
    ended = 0
    for connection_id, customer_id in due:
        with serving(bank_id):
            ended += _end_if_unused(connection_id, customer_id, clock)
    return ended


def _end_if_unused(connection_id: UUID, customer_id: UUID, clock: Clock) -> bool:
    try:
        alone_with(customer_id)
    except Customer.DoesNotExist:
        return False  # erased meanwhile
    # Read only now: what was allowed while we waited counts.
    at = clock()
    due = connections_to_look_at(at).filter(pk=connection_id)
    connection = due.select_for_update(no_key=True).first()
    if connection is None:
        return False
    until = allowed_until(connection, at=at)
    if until is not None:
        connection.look_at = until + SETTLES_IN
        connection.save(update_fields=["look_at"])
        return False
    connection.status = Connection.Status.REVOKED
    connection.access_token = connection.refresh_token = ""
    connection.refreshing_until = None
    connection.save()
    stop_reading(connection_id=connection.id)
    lay_aside(connection.integration_id, connection.external_consent_id, at=at, due_at=at)
    return True
