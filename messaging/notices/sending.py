"""Sending what is due: claim, look a last time, send with no transaction open, write down what became of it.

A worker that dies before a server was told anything changes nothing. One that dies between the
server's "taken" and ours leaves the row as `sending`, and another worker sends it again when the
lease ends: an alert that comes twice is better than one that never does, and it comes under the same
name, by which most mailboxes show it once.
"""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from uuid import UUID

from messaging.notices.actions import Claim, claim, settle
from messaging.notices.lanes import AlertMails, AlertPushes, Lane, ProofMails
from messaging.notices.mailing import MailLine
from messaging.notices.rules import AWAY, IN_TROUBLE, Outcome, Told, after
from messaging.notices.servers import ServerAway
from portal.telemetry.traces import span
from portal.tenancy.blocks import NotServed, serving, serving_customer

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_BUDGET_SECONDS = 45
# Until the server listens; another worker that takes over then sends nothing twice.
_OPENING = timedelta(seconds=30)


def send_due(*, bank_id: UUID, clock: Clock) -> int:
    """Send what the bank has due, what people wait for first; how many were tried."""
    until = time.monotonic() + _BUDGET_SECONDS
    with closing(MailLine()) as line:
        lanes: tuple[Lane, ...] = (ProofMails(line), AlertPushes(clock), AlertMails(line))
        return sum(_send_lane(bank_id, each, clock, until=until) for each in lanes)


def _send_lane(bank_id: UUID, lane: Lane, clock: Clock, *, until: float, at_most: int = 50) -> int:
    """Send what one lane has due, one by one; stops where its server is in trouble. How many were tried."""
    for done in range(at_most):
        if time.monotonic() > until:
            return done
        with serving(bank_id):
            held = claim(lane.model, way=lane.way, at=clock(), lease=_OPENING)
            needed = held is not None and lane.is_needed(held)
        if held is None:
            return done
        if needed and not send(bank_id, lane, held, clock):
            return done + 1
    return at_most


def send(bank_id: UUID, lane: Lane, held: Claim, clock: Clock) -> bool:
    """One claimed row's next step; False where the server is in trouble, so that others would fail too."""
    parcel = None
    with span("send a notice", trace=held.trace, way=lane.way or "proof"):
        try:
            lane.open()
            with serving_customer(bank_id, held.customer_id):
                parcel = lane.begin(held, at=clock())
            if parcel is None:
                return True
            told = lane.hand(parcel)
        except ServerAway:
            told = Told(Outcome.PUT_OFF, AWAY)
        except NotServed:
            return True  # The customer has gone, and the row with them.
        except Exception:
            # One that we cannot cope with must not stop the bank's others.
            logger.exception("%s %s could not be sent", lane.model._meta.model_name, held.id)
            told = Told(Outcome.PUT_OFF, "internal")
        _write(bank_id, lane, held, parcel, told, clock())
    return told.reason not in IN_TROUBLE


def _write(
    bank_id: UUID, lane: Lane, held: Claim, parcel: object, told: Told, at: datetime
) -> None:
    then = after(
        told,
        attempts=held.attempts,
        planned_at=held.planned_at,
        at=at,
        patience=lane.patience,
    )
    with serving(bank_id):
        if settle(lane.model, held, then, at=at) and parcel is not None:
            lane.note(parcel, told, at=at)
