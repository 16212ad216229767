"""What a customer takes back; and what their question in the chat makes happen at their bank: no more than they
allow to be shown.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from math import ceil
from uuid import UUID

from django.conf import settings

from accounts.consent.actions import (
    Resource,
    change_consent,
    object_to_program,
    revoke_consent,
)
from accounts.consent.latch import close_latch
from accounts.consent.models import Consent
from accounts.consent.queries import client_of_consent, resources_of
from accounts.linking.queries import other_holders
from partners.connections.queries import held_off_until
from partners.feeds.cursors import ask_now
from partners.ledger.queries import balances_of
from partners.sharing.gate import CHAT, Allowed, Ask, Door, Scope, authorize, refuse
from portal.middleware import current_customer_ip
from portal.outbox.pokes import poke_after_commit
from portal.rest.problems import TooMany
from portal.telemetry.traces import current_trace
from portal.tenancy.blocks import current_bank_id, served, serving
from portal.wakeups import wake_for_bank_after_commit

BALANCES = "balances"


def end_sharing(*, consent_id: UUID, at: datetime) -> bool:
    """End a consent, in its customer's block. Of accounts that somebody holds with them, the program that had it
    gets nothing from any holder; whether there are such. Raises NotFound.
    """
    joint = _close_for_holders(consent_id, kept=())
    consent = revoke_consent(consent_id=consent_id, at=at, by="customer")
    return _object(consent, joint, at)


def change_sharing(
    *, consent_id: UUID, kept: Collection[Resource], expires_at: datetime, at: datetime
) -> bool:
    """Let a consent name less, or end at another time; an account that it names no more ends as above.

    Raises NotFound, ConsentInvalid.
    """
    joint = _close_for_holders(consent_id, kept={each.account_id for each in kept})
    consent = change_consent(
        consent_id=consent_id, kept=kept, expires_at=expires_at, at=at, by="customer"
    )
    return _object(consent, joint, at)


def _close_for_holders(consent_id: UUID, *, kept: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """The program's accounts that end and are held with others, by account; with everybody's latch closed."""
    customer_id = _customer_id()
    named = set(resources_of([consent_id]).values_list("account_id", flat=True))
    ends = (named - set(kept)) & set(served().account_ids)
    if client_of_consent(consent_id) is None or not ends:
        return {}
    # That an account has other holders is not the customer's to read; that they lose it is theirs to do.
    with serving(current_bank_id()):
        joint = other_holders(customer_id, ends)
    # In one order, so that two holders who end something at once wait for one another, and not in a ring.
    for each in sorted({customer_id, *(it for holders in joint.values() for it in holders)}):
        close_latch(each)
    return joint


def _object(consent: Consent, joint: Mapping[UUID, Collection[UUID]], at: datetime) -> bool:
    if consent.client_id is None or not joint:
        return False
    object_to_program(
        customer_id=consent.customer_id, client_id=consent.client_id, account_ids=joint, at=at
    )
    for each in {it for holders in joint.values() for it in holders}:
        poke_after_commit("sessions", f"{consent.bank_id} {each}")
    return True


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
    until = held_off_until(
        customer_id=_customer_id(),
        account_ids=decided.account_ids,
        kind=BALANCES,
        at=at,
        asked_from=current_customer_ip(),
    )
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
        asked_from=current_customer_ip(),
    )
    if not asked:
        return False
    wake_for_bank_after_commit("partners.sync.tasks.pull_due", bank_id=current_bank_id())
    return True


def _customer_id() -> UUID:
    customer_id = served().customer_id
    if customer_id is None:
        raise RuntimeError("this is done in a customer's block")
    return customer_id
