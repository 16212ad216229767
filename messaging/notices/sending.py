"""Sending what is due: claim, look a last time, send with no transaction open, write down what became of it.

A worker that dies before the mail server was told anything changes nothing. One that dies between the
server's "taken" and ours leaves the notice as `sending`, and another worker sends it again when the
lease ends: an alert that comes twice is better than one that never does, and it comes under the same
Message-ID, by which most mailboxes show it once.
"""

import logging
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from uuid import UUID

from messaging.notices.actions import (
    Claim,
    Ready,
    begin_sending,
    claim_notice,
    is_needed,
    note_mailbox,
    settle,
)
from messaging.notices.letters import alert_letter
from messaging.notices.mailing import BROKEN_OFF, MailLine, MailServerAway
from messaging.notices.rules import Outcome, Told, after
from portal.telemetry.traces import span
from portal.tenancy.blocks import NotServed, serving, serving_customer

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]

_BUDGET_SECONDS = 45
# Until the mail server listens; another worker that takes over then sends nothing twice.
_OPENING = timedelta(seconds=30)
# Longer than one mail can take: its four steps at EMAIL_TIMEOUT each.
_SENDING = timedelta(seconds=60)
AWAY = "away"


def send_due(*, bank_id: UUID, clock: Clock, at_most: int = 50) -> int:
    """Send the bank's due notices one by one; stops where the mail server is away. How many were tried."""
    started = time.monotonic()
    with closing(MailLine()) as line:
        for done in range(at_most):
            if time.monotonic() - started > _BUDGET_SECONDS:
                return done
            with serving(bank_id):
                claim = claim_notice(at=clock(), lease=_OPENING)
                needed = claim is not None and is_needed(claim)
            if claim is None:
                return done
            with span("send a notice", trace=claim.trace, way=claim.way):
                goes_on = not needed or send(bank_id, claim, line, clock)
            if not goes_on:
                return done + 1
    return at_most


def send(bank_id: UUID, claim: Claim, line: MailLine, clock: Clock) -> bool:
    """One claimed notice's next step; False where the mail server is in trouble, so that others would fail too."""
    try:
        ready, told = _tried(bank_id, claim, line, clock)
    except NotServed:
        return True  # The customer has gone, and the notice with them.
    except Exception:
        # One notice that we cannot cope with must not stop the bank's others.
        logger.exception("notice %s could not be sent", claim.id)
        ready, told = None, Told(Outcome.PUT_OFF, "internal")
    if told is not None:
        _write(bank_id, claim, told, clock, ready=ready)
    return told is None or told.reason not in {AWAY, BROKEN_OFF}


def _tried(
    bank_id: UUID, claim: Claim, line: MailLine, clock: Clock
) -> tuple[Ready | None, Told | None]:
    """What was sent, and what the mail server said; neither where there was nothing to send any more."""
    try:
        line.open()
    except MailServerAway:
        return None, Told(Outcome.PUT_OFF, AWAY)
    with serving_customer(bank_id, claim.customer_id):
        ready = begin_sending(claim, at=clock(), lease=_SENDING)
        letter = None if ready is None else alert_letter(ready)
    if letter is None:
        return None, None
    return ready, line.post(letter)


def _write(bank_id: UUID, claim: Claim, told: Told, clock: Clock, *, ready: Ready | None) -> None:
    at = clock()
    then = after(told, attempts=claim.attempts, planned_at=claim.planned_at, at=at)
    with serving(bank_id):
        is_ours = settle(claim, then, at=at)
        if not is_ours or ready is None or told.outcome == Outcome.PUT_OFF:
            return
        no_mailbox = told.outcome == Outcome.REFUSED and told.reason.startswith("mailbox")
        note_mailbox(ready.address, refused_at=at if no_mailbox else None)
