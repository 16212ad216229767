"""Carrying an erasure out: tell the bank, then delete batch by batch, each a transaction, the customer last.

A worker that dies leaves a lease that ends, and what it deleted is counted; a repeat goes on from there.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from partners.connections.models import Connection
from partners.connections.queries import walks_under_way
from partners.connectors.base import Connector, ConnectorFailure
from partners.integrations.queries import connector_of
from partners.integrations.runner import run
from partners.records.actions import (
    Claim,
    Held,
    claim_erasure,
    erase_batch,
    erase_rest,
    note_told,
    put_off,
)
from partners.records.models import ErasureJob
from partners.records.queries import tables
from partners.records.rules import Table
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE, LeaseLost, kept

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

# A bank that is away is waited for a little, and not for ever: what we hold goes in any case.
TRIES_AT_BANK = 5
_WAIT = timedelta(seconds=5)


def erase_due(*, bank_id: UUID, clock: Clock, at_most: int = 5) -> int:
    """Carry out the bank's due erasures, one by one; how many were looked at."""
    for done in range(at_most):
        with serving(bank_id):
            claim = claim_erasure(at=clock(), lease=LEASE)
        if claim is None:
            return done
        erase(bank_id=bank_id, claim=claim, clock=clock)
    return at_most


def erase(*, bank_id: UUID, claim: Claim, clock: Clock) -> None:
    """One erasure to its end, or as far as the bank and the law let it."""
    try:
        with kept(ErasureJob, claim.job_id, fence=claim.fence, bank_id=bank_id, clock=clock):
            if not _told(bank_id, claim, clock):
                return
            for table in tables():
                while table.in_batches and _batch(bank_id, claim, table):
                    pass
            with serving(bank_id):
                erase_rest(claim, at=clock())
    except (LeaseLost, Held) as reason:
        logger.info("erasure %s stopped: %s", claim.job_id, type(reason).__name__)


def _batch(bank_id: UUID, claim: Claim, table: Table) -> int:
    with serving(bank_id):
        return erase_batch(claim, table)


def _told(bank_id: UUID, claim: Claim, clock: Clock) -> bool:
    """Whether the bank was told to end each authorisation, as far as it listens; else it is tried again."""
    with serving(bank_id):
        lines = [
            (connector_of(each.integration), each.external_consent_id)
            for made in (Connection.objects, walks_under_way())
            for each in made.select_related("integration__bank").filter(
                customer_id=claim.customer_id
            )
        ]
    told = sum(_end_at_bank(connector, consent) for connector, consent in lines)
    left = len(lines) - told
    with serving(bank_id):
        if left and claim.attempts < TRIES_AT_BANK:
            put_off(claim, due_at=clock() + _WAIT * (1 << claim.attempts))
            return False
        note_told(claim, told=told, left=left)
    return True


def _end_at_bank(connector: Connector, external_consent_id: str) -> bool:
    try:
        run(connector.revoke_consent(bank_consent_id=external_consent_id))
    except ConnectorFailure as failure:
        logger.info("an authorisation stays at the bank: %s", type(failure).__name__)
        return False
    return True
