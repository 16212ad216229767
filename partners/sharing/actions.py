"""What a customer's question in the chat makes happen at their bank: no more than they allow to be shown."""

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from uuid import UUID

from django.conf import settings

from partners.connections.queries import held_off_until
from partners.feeds.cursors import ask_now
from partners.ledger.queries import balances_of
from partners.sharing.gate import CHAT, Allowed, Ask, Door, Scope, authorize, refuse
from portal.rest.problems import TooMany
from portal.telemetry.traces import current_trace
from portal.tenancy.blocks import current_bank_id, served
from portal.wakeups import wake_for_bank_after_commit

BALANCES = "balances"


def refresh_balances(account_ids: Sequence[UUID], *, door: Door, at: datetime) -> bool:
    """Have balances read anew that were not read just now, in the customer's block; whether the bank is asked.

    Only what the chat may show is asked for. The worker asks, once this is committed.
    """
    decided = authorize(_ask(account_ids, door, at))
    return isinstance(decided, Allowed) and _ask_bank(decided.account_ids, at)


def require_balances(account_ids: Sequence[UUID], *, door: Door, at: datetime) -> bool:
    """The same for a customer who insists, with the reason where it cannot be: raises NotShared, TooMany."""
    decided = authorize(_ask(account_ids, door, at))
    if not isinstance(decided, Allowed):
        refuse(decided)
    until = held_off_until(customer_id=_customer_id(), account_ids=decided.account_ids, at=at)
    if until is not None:
        wait = ceil((until - at).total_seconds())
        raise TooMany("The bank wants to be asked less often.", retry_after=wait)
    return _ask_bank(decided.account_ids, at)


def _ask(account_ids: Sequence[UUID], door: Door, at: datetime) -> Ask:
    return Ask(
        recipient=CHAT,
        purpose=None,
        scope=Scope.FEED,
        code=BALANCES,
        account_ids=tuple(account_ids),
        door=door,
        at=at,
    )


def _ask_bank(account_ids: Sequence[UUID], at: datetime) -> bool:
    """All of them or none: a card is of one time."""
    good_since = at - settings.BALANCES_GOOD_FOR
    fresh = {each.account_id for each in balances_of(account_ids) if each.read_at >= good_since}
    if fresh.issuperset(account_ids):
        return False
    asked = ask_now(
        customer_id=_customer_id(),
        account_ids=account_ids,
        kind=BALANCES,
        at=at,
        trace=current_trace(),
    )
    if not asked:
        return False
    wake_for_bank_after_commit("partners.sync.tasks.pull_due", bank_id=current_bank_id())
    return True


def _customer_id() -> UUID:
    customer_id = served().customer_id
    if customer_id is None:
        raise RuntimeError("balances are asked for in a customer's block")
    return customer_id
