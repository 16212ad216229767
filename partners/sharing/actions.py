"""What a customer's question in the chat makes happen at their bank: no more than they allow to be shown."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.conf import settings

from partners.feeds.cursors import ask_now
from partners.ledger.queries import balances_of
from partners.sharing.gate import CHAT, Allowed, Ask, Door, Scope, authorize
from portal.telemetry.traces import current_trace
from portal.tenancy.blocks import current_bank_id, served
from portal.wakeups import wake_for_bank_after_commit

BALANCES = "balances"


def refresh_balances(account_ids: Sequence[UUID], *, door: Door, at: datetime) -> bool:
    """Have balances read anew whose last reading is old, in the customer's block; whether the bank is asked.

    Only what the chat may show is asked for. The worker asks, once this is committed.
    """
    decided = authorize(
        Ask(
            recipient=CHAT,
            purpose=None,
            scope=Scope.FEED,
            code=BALANCES,
            account_ids=tuple(account_ids),
            door=door,
            at=at,
        )
    )
    if not isinstance(decided, Allowed):
        return False
    fresh_since = at - settings.BALANCES_GOOD_FOR
    fresh = {
        each.account_id
        for each in balances_of(decided.account_ids)
        if each.read_at >= fresh_since and each.as_of >= fresh_since
    }
    old = [each for each in decided.account_ids if each not in fresh]
    customer_id = served().customer_id
    if not old or customer_id is None:
        return False
    asked = ask_now(
        customer_id=customer_id, account_ids=old, kind=BALANCES, at=at, trace=current_trace()
    )
    if not asked:
        return False
    wake_for_bank_after_commit("partners.sync.tasks.pull_due", bank_id=current_bank_id())
    return True
