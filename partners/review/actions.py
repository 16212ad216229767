"""A decision of staff, and what follows from it: what was told of an entry goes along, and listeners hear of it."""

from datetime import datetime
from uuid import UUID

from accounts.disclosure.actions import Occasion, record_release
from accounts.disclosure.queries import STAFF
from accounts.linking.models import Link
from partners.ledger.deciding import decide_conflict, decide_pair
from partners.sync.actions import tell

PURPOSE = "entry_review"


def settle_pair(pair_id: UUID, *, same: bool, staff_id: UUID, at: datetime) -> None:
    """Two entries are one payment, or two. Raises NotFound, AlreadyDecided."""
    account, merged = decide_pair(pair_id, same=same, by=f"{STAFF}{staff_id}", at=at)
    tell(account, merged, at=at, trace="")


def settle_conflict(conflict_id: UUID, *, take: bool, staff_id: UUID, at: datetime) -> None:
    """The bank's other version is so, or not. Raises NotFound, AlreadyDecided, CannotBeTaken."""
    account, merged = decide_conflict(conflict_id, take=take, by=f"{STAFF}{staff_id}", at=at)
    tell(account, merged, at=at, trace="")


def record_review(rows: dict[UUID, int], *, staff_id: UUID, at: datetime, request_id: str) -> None:
    """Keep that staff were shown payments of these accounts, how many of each, on the record of each holder."""
    linked = Link.objects.filter(account_id__in=rows, ended_at=None)
    held: dict[UUID | None, dict[UUID, int]] = {}
    for link in linked.select_related("customer"):
        held.setdefault(link.customer.pseudonym, {})[link.account_id] = rows[link.account_id]
    known = {each for counts in held.values() for each in counts}
    if rows.keys() - known:
        held[None] = {each: rows[each] for each in rows.keys() - known}
    for pseudonym, counts in held.items():
        occasion = Occasion(
            at=at,
            recipient=f"{STAFF}{staff_id}",
            door="console",
            feed="transactions",
            purpose=PURPOSE,
            pseudonym=pseudonym,
            request_id=request_id,
        )
        record_release(occasion, rows={None: counts})
